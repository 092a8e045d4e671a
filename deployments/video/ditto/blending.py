"""Which frames of a group are computed at a rung, and the others from their neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from deployments.video.ditto.types import Fields


@dataclass(frozen=True, slots=True)
class Plan:
    """`made`: the places that are computed, ascending. `low`, `high`: for each place wanted, the entries of `made`
    whose mean it is; the same twice where it is computed itself."""

    made: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]

    @property
    def blends(self) -> bool:
        """Whether any place is a mean."""
        return self.low != self.high

    def at(self, places: Sequence[int]) -> "Plan":
        """With only these places wanted."""
        return Plan(self.made, tuple(self.low[place] for place in places), tuple(self.high[place] for place in places))


def plan(frames: int, halved: bool) -> Plan:
    """Of a group of `frames` frames, whose first is on the grid: all, or every second one and the last."""
    everything = range(frames)
    made = [place for place in everything if not halved or place % 2 == 0 or place == frames - 1]
    entry = {place: at for at, place in enumerate(made)}
    low = tuple(entry[place] if place in entry else entry[place - 1] for place in everything)
    high = tuple(entry[place] if place in entry else entry[place + 1] for place in everything)
    return Plan(tuple(made), low, high)


def joined(plans: Sequence[Plan]) -> Plan:
    """Of several groups in one batch, one after the other."""
    made: list[int] = []
    low: list[int] = []
    high: list[int] = []
    places = entries = 0
    for each in plans:
        made += [places + place for place in each.made]
        low += [entries + entry for entry in each.low]
        high += [entries + entry for entry in each.high]
        places, entries = places + len(each.low), entries + len(each.made)
    return Plan(tuple(made), tuple(low), tuple(high))


def blend(values: torch.Tensor, how: Plan) -> torch.Tensor:
    """[wanted, ...] of values [made, ...]; what was computed itself comes out as it is, bit for bit. Where nothing is
    to be blended every place made must be wanted."""
    if not how.blends:
        return values
    low = torch.tensor(how.low, device=values.device)
    high = torch.tensor(how.high, device=values.device)
    return values.index_select(0, low).mul_(0.5).add_(values.index_select(0, high), alpha=0.5)


def blend_fields(fields: Fields, how: Plan) -> Fields:
    """As `blend`, of both; masks still sum to one."""
    return Fields(blend(fields.mask, how), blend(fields.occlusion, how))
