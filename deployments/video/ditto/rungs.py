"""What each rung of quality was found to save. A rung that saves too little is not offered."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.video.ladder import Rungs
from deployments.video.quality import Quality

TABLE = Path(__file__).with_name("rungs.json")
LEAST_SAVING = 0.1


class RungSaving(BaseModel):
    """What a rung saves against quality 0. `quality`: as a step carries it. `saving`: share of the time, 0..1, of the
    whole engine or, for diffusion steps, of hearing and diffusion. `kind`: measured in seconds on `machine`, or counted
    in arithmetic operations. `command`: what found it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quality: int = Field(ge=1)
    saving: float = Field(le=1)
    of: Literal["engine", "motion"]
    kind: Literal["measured", "counted"]
    machine: str
    command: str


def load_table(path: Path = TABLE) -> tuple[RungSaving, ...]:
    """Raises pydantic.ValidationError for a table that is none."""
    return tuple(RungSaving.model_validate(row) for row in json.loads(path.read_text())["rungs"])


def offered(table: Sequence[RungSaving], least: float = LEAST_SAVING) -> Rungs:
    """The rungs that save at least this share."""
    kept = [Quality.of(row.quality) for row in table if row.saving >= least]
    render = sorted({quality.render for quality in kept if quality.render})
    return Rungs(tuple(render), any(quality.fewer_steps for quality in kept))
