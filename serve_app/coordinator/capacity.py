"""How many people one card was measured to hold. `avatar bench capacity` writes the file, the Coordinator reads it."""

import logging
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deployments.errors import BadInput
from serve_app.coordinator.settings import CoordinatorSettings

CAPACITY_FILE = "~/.local/share/realtime-avatar/capacity.json"
logger = logging.getLogger("ray.serve")


class Capacity(BaseModel):
    """The file's content. Only what was measured lets more people in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpu: str = Field(description="name of the card, as NVML gives it")
    people: int = Field(ge=0, description="who can talk at once on one such card, at 25 frames a second")
    source: Literal["measured", "projected", "published"] = Field(description="where the number comes from")
    replicas: int = Field(ge=1, description="of the video stage on the card, with which that was so")
    command: str = Field(description="what measured it")
    date: str = Field(description="when, UTC")


def read_capacity(path: Path) -> Capacity | None:
    """None where there is no file. Raises BadInput for one that is not what it should be."""
    path = path.expanduser()
    try:
        return Capacity.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise BadInput(
            f"{path} is no capacity file. Delete it, or run `avatar bench capacity` again: {error}"
        ) from None


def write_capacity(path: Path, capacity: Capacity) -> None:
    """In place of an older one."""
    path = path.expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(capacity.model_dump_json(indent=2) + "\n")


def with_measured_capacity(settings: CoordinatorSettings) -> CoordinatorSettings:
    """The settings with as many people as the cards were measured to hold; unchanged where nothing was measured.

    Raises BadInput for a file that cannot be read.
    """
    wanted = settings.capacity
    if wanted.file is None:
        return settings
    capacity = read_capacity(Path(wanted.file))
    if capacity is None:
        logger.info("No capacity was measured (%s): %d at a time are answered", wanted.file, settings.max_people)
        return settings
    if capacity.source != "measured":
        logger.warning("%s was not measured but %s: it lets nobody in", wanted.file, capacity.source)
        return settings
    if wanted.gpu is not None and wanted.gpu not in capacity.gpu.split():
        logger.warning("%s was measured on %s, not on %s: it lets nobody in", wanted.file, capacity.gpu, wanted.gpu)
        return settings
    if not capacity.people:
        logger.warning("%s: not even one person was answered in time on %s", wanted.file, capacity.gpu)
        return settings
    people = capacity.people * wanted.cards
    logger.info("%d people are answered at once: %d on each %s", people, capacity.people, capacity.gpu)
    return settings.model_copy(update={"max_people": people})
