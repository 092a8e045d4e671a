"""What each API key may have at once, and in a minute."""

import math
import time
from collections import deque
from collections.abc import Callable

from deployments.errors import RateLimited
from serve_app.coordinator.contracts import PlaceRequest

_MINUTE = 60.0


class Owners:
    """Counts the turns of the last minute by owner. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turns: dict[str, deque[tuple[float, str]]] = {}

    def check(self, request: PlaceRequest, places: int, wait_seconds: float) -> None:
        """Raises RateLimited where the owner, who has `places` now, may not have another one. `wait_seconds`: until
        one of them is expected to be free."""
        if request.most_for_owner is not None and places >= request.most_for_owner:
            seconds = max(1, math.ceil(wait_seconds))
            raise RateLimited(
                f"This API key may have {request.most_for_owner} turns at once, and has {places}. Wait for one to end.",
                seconds,
            )
        most = request.turns_per_minute
        turns = self._recent(request.owner)
        if most is not None and len(turns) >= most:
            seconds = max(1, math.ceil(turns[-most][0] + _MINUTE - self._clock()) if most else int(_MINUTE))
            raise RateLimited(f"This API key may begin {most} turns a minute. Try again in {seconds} s.", seconds)

    def count(self, request: PlaceRequest) -> None:
        """The owner has got a place."""
        if request.turns_per_minute is not None:
            self._turns.setdefault(request.owner, deque()).append((self._clock(), request.place_id))

    def take_back(self, owner: str, place_id: str) -> None:
        """The place was not made use of: it does not count."""
        turns = self._recent(owner)
        for turn in [turn for turn in turns if turn[1] == place_id]:
            turns.remove(turn)

    def _recent(self, owner: str) -> deque[tuple[float, str]]:
        turns = self._turns.get(owner, deque())
        while turns and self._clock() - turns[0][0] >= _MINUTE:
            turns.popleft()
        if not turns:
            self._turns.pop(owner, None)
        return turns
