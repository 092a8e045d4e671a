"""Digests that no manifest lists: named by the hub at the first download, written down, and binding from then on."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deployments.weights.manifest import Sha256, WeightFile

logger = logging.getLogger("ray.serve")

RECORD_NAME = "digests.json"


class Recorded(BaseModel):
    """What one file was when it came. `source`: its address, or how else it got here. `commit`: the hub's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0)]
    source: str
    commit: str = ""
    recorded_at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def recorded(folder: Path) -> dict[str, Recorded]:
    """By file name. A record that cannot be read counts as none: its files are not trusted then."""
    path = folder / RECORD_NAME
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
        return {name: Recorded.model_validate(entry) for name, entry in content.items()}
    except (OSError, ValueError, AttributeError, ValidationError) as error:
        logger.warning("Unreadable record %s (%s): what it vouched for has to be fetched again.", path, error)
        return {}


def record(folder: Path, name: str, entry: Recorded) -> None:
    """Write an entry down. Raises OSError where the folder cannot be written to."""
    entries = recorded(folder) | {name: entry}
    text = json.dumps({name: one.model_dump() for name, one in sorted(entries.items())}, indent=1)
    temporary = folder / f".{RECORD_NAME}.part"
    temporary.write_text(text + "\n", "utf-8")
    temporary.replace(folder / RECORD_NAME)


def settled(file: WeightFile, folder: Path) -> WeightFile:
    """The file with its recorded digest and size where the manifest lists no digest; as it is otherwise."""
    if file.sha256 is not None:
        return file
    entry = recorded(folder).get(file.name)
    if entry is None:
        return file
    return file.model_copy(update={"sha256": entry.sha256, "size_bytes": max(1, entry.size_bytes)})
