"""Somebody who is slow, does not read, falls silent in the middle of a word, or is gone: the server has to let go."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress

from websockets.exceptions import ConnectionClosed, WebSocketException

from benchmarks.soak.diary import Diary
from benchmarks.soak.excuses import excused
from benchmarks.soak.slow_ways import WAYS, Limits, Way


class Slow:
    """Each time another way, by chance and the ways' weights."""

    def __init__(
        self,
        url: str,
        diary: Diary,
        chance: random.Random,
        ways: Mapping[str, Way] = WAYS,
        limits: Limits | None = None,
        pause_seconds: float = 3.0,
    ) -> None:
        """`limits` are those of the server, by default its default ones."""
        self._url, self._diary, self._chance = url, diary, chance
        self._ways, self._limits, self._pause = ways, limits or Limits(), pause_seconds

    async def run(self, until_minutes: float) -> None:
        """Until then, wherever that finds it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(60 * (until_minutes - self._diary.minutes())):
                while True:
                    (name,) = self._chance.choices(list(self._ways), [way.weight for way in self._ways.values()])
                    await self.go(name)
                    await asyncio.sleep(self._chance.uniform(0, self._pause))

    async def go(self, name: str) -> None:
        """One of the ways. Notes how it ended, and whether it may end so."""
        way, held = self._ways[name], False
        seconds = way.patience(self._limits)
        try:
            async with asyncio.timeout(seconds):
                ending = await way.go(self._url, self._chance, self._limits)
        except TimeoutError:
            ending, held = f"nothing for {seconds:.0f} s", True
        except ConnectionClosed as error:
            ending = f"closed {error.rcvd.code if error.rcvd else 1006}"
        except (OSError, WebSocketException) as error:
            ending = f"lost: {type(error).__name__}"
        self._diary.note_fate(f"slow {name}: {ending}")
        said = f"slow: {name}: {ending}, not {' or '.join(way.endings)}"
        if held:
            self._diary.note_wrong(said)  # no death explains that one is kept waiting
        elif ending not in way.endings:
            excused(self._diary, said, f"slow {name}: {ending}")
