"""Everybody in a soak, at once: who talks, who is slow, who uploads rubbish, what kills, and what watches."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from benchmarks.own_words import Vocabulary
from benchmarks.replicas import kill_now_and_then
from benchmarks.soak.diary import Diary
from benchmarks.soak.regular import Regular
from benchmarks.soak.slow import Slow
from benchmarks.soak.slow_ways import Limits as SlowLimits
from benchmarks.soak.vandals import Vandal
from benchmarks.soak.verdict import Limits, Watched, rest_wrong
from benchmarks.soak.watch import Sample, Watch
from benchmarks.visitor import Tally, Visitor
from deployments.contracts import Float32


@dataclass(frozen=True, slots=True)
class Plan:
    """`minutes` of `regulars`, who stay in one conversation; `visitors`, who come, interrupt, hang up and come back;
    `slow` ones, who do not read or vanish; `vandals`, who upload rubbish. Meanwhile one replica of each of `kill` in
    turn dies, each `kill_seconds` by chance, among the descendants of `process_id`. Nothing may take longer than
    `patience_seconds`; all is looked at each `every_seconds`; up to `vandal_pause_seconds` lie between two bad uploads.
    In the end everything has `rest_seconds` to calm down; before the begin, `settle_seconds`: so old may be what
    Ray's exporter tells. `limits` are the server's, for those who are slow."""

    minutes: float = 60.0
    regulars: int = 1
    visitors: int = 1
    slow: int = 1
    vandals: int = 1
    kill: Sequence[str] = ()
    kill_seconds: float = 90.0
    seed: int = 1
    process_id: int = 0
    patience_seconds: float = 180.0
    every_seconds: float = 20.0
    vandal_pause_seconds: float = 8.0
    rest_seconds: float = 120.0
    settle_seconds: float = 15.0
    limits: SlowLimits = field(default_factory=SlowLimits)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the application is: its doors, Ray's metrics, and the folder of its store, where that is one."""

    url: str
    exporters: Callable[[], Sequence[str]] = list
    store: Path | None = None


_LEAVING = ("slow", "vandal")


class Client(Protocol):
    async def run(self, until_minutes: float) -> None: ...


async def soak(place: Place, plan: Plan, sounds: Callable[[], Float32], tell: Callable[[str], None]) -> Watched:
    """Runs the plan. `sounds` gives a question for the microphone, float32 at 16 kHz. What goes wrong stands in the
    diary; nothing is raised for it."""
    diary = Diary()
    watch = Watch(plan.process_id, diary.minutes, place.exporters, place.store)
    await asyncio.sleep(plan.settle_seconds)
    before = await rested(watch, None, plan.rest_seconds)
    tally = Tally()
    until = diary.minutes() + plan.minutes
    works = {"the watch": watch.run(plan.every_seconds), "who tells of it": _tell_on(diary, until, tell)}
    if plan.kill:
        works["what kills"] = _kill_on(plan, diary, until)
    beside = [asyncio.create_task(_noted(name, work, diary)) for name, work in works.items()]
    try:
        await asyncio.gather(
            *(_kept_up(name, make, diary, until, plan) for name, make in everybody(place, plan, diary, sounds, tally))
        )
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    _note_tally(tally, diary)
    tell("everybody has gone: waiting until all is calm")
    return Watched(diary, watch.samples, before, await rested(watch, before, plan.rest_seconds), plan.kill)


def everybody(
    place: Place, plan: Plan, diary: Diary, sounds: Callable[[], Float32], tally: Tally
) -> list[tuple[str, Callable[[], Client]]]:
    """Who takes part, by name, and what makes them: again, where one of them has fallen over."""

    def chance(name: str) -> random.Random:
        return random.Random(f"{plan.seed} {name}")

    words = Vocabulary()
    makers: tuple[tuple[str, int, Callable[[str], Client]], ...] = (
        (
            "regular",
            plan.regulars,
            lambda name: Regular(place.url, diary, chance(name), sounds, name, plan.patience_seconds),
        ),
        ("visitor", plan.visitors, lambda name: _Visiting(place.url, diary, chance(name), words, tally, plan)),
        ("slow", plan.slow, lambda name: Slow(place.url, diary, chance(name), limits=plan.limits)),
        (
            "vandal",
            plan.vandals,
            lambda name: Vandal(place.url, diary, chance(name), pause_seconds=plan.vandal_pause_seconds),
        ),
    )
    named = [(f"{word} {number + 1}", make) for word, count, make in makers for number in range(count)]
    return [(name, partial(make, name)) for name, make in named]


class _Visiting:
    """A `Visitor` whose time is measured by the clock, not by turns."""

    def __init__(
        self, url: str, diary: Diary, chance: random.Random, words: Vocabulary, tally: Tally, plan: Plan
    ) -> None:
        self._until = 0.0
        self._visitor = Visitor(
            [url], chance, words, tally, lambda: diary.minutes() < self._until, plan.patience_seconds, echoes=False
        )

    async def run(self, until_minutes: float) -> None:
        self._until = until_minutes
        await self._visitor.run()


async def _kept_up(name: str, make: Callable[[], Client], diary: Diary, until: float, plan: Plan) -> None:
    """Runs one of them until the end. Whoever falls over, or does not come to an end, is noted; but the slow, and those
    who upload rubbish, just leave in the middle of it."""
    grace = 0.0 if name.startswith(_LEAVING) else 2 * plan.patience_seconds
    deadline = asyncio.get_running_loop().time() + (until - diary.minutes()) * 60 + grace
    try:
        async with asyncio.timeout_at(deadline):
            while diary.minutes() < until:
                try:
                    await make().run(until)
                except Exception as error:
                    diary.note_wrong(f"{name} fell over: {error!r}")
                    await asyncio.sleep(1)
    except TimeoutError:
        if grace:
            diary.note_wrong(f"{name} has not come to an end {grace:.0f} s after it was to")


def _note_tally(tally: Tally, diary: Diary) -> None:
    for what in (*tally.stuck, *tally.foreign, *tally.forgotten):
        diary.note_wrong(f"visitor: {what}")
    for counter, into, word in (
        (tally.fates, diary.fates, "visitor"),
        (tally.endings, diary.fates, "visitor's answer"),
        (tally.troubles, diary.troubles, "visitor"),
    ):
        into.update({f"{word} {name}": count for name, count in counter.items()})
    diary.fates["visitor resumed"] += tally.resumed


async def _noted(name: str, work: Awaitable[None], diary: Diary) -> None:
    """Without whoever watches or kills nothing more would be found: it must not be missing without a word."""
    try:
        await work
    except Exception as error:
        diary.note_wrong(f"{name} fell over: {error!r}")


async def rested(watch: Watch, before: Sample | None, seconds: float, limits: Limits | None = None) -> Sample:
    """The application once its gateways say how many tasks they have, and it is calm: with no more than what was
    `before`, where that is given. After so many seconds as it is then."""
    limits, deadline = limits or Limits(), time.monotonic() + seconds
    while True:
        now = await watch.look()
        heard = bool(now.gateway_tasks) or not watch.hears
        calm = heard and (before is None or not rest_wrong(before, now, limits))
        if calm or time.monotonic() > deadline:
            return now
        await asyncio.sleep(3)


async def _kill_on(plan: Plan, diary: Diary, until: float) -> None:
    """Until the end: who is answered then is answered to the end."""
    chance = random.Random(f"{plan.seed} kill")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout((until - diary.minutes()) * 60):
            await kill_now_and_then(plan.process_id, plan.kill, plan.kill_seconds, chance, diary.note_killed)


async def _tell_on(diary: Diary, until: float, tell: Callable[[str], None]) -> None:
    while True:
        tell(
            f"{diary.minutes():.0f} of {until:.0f} minutes: {len(diary.answers)} answers, {len(diary.killed)} replicas "
            f"killed, {diary.uploads.total()} bad uploads, {len(diary.wrong)} things wrong"
        )
        await asyncio.sleep(60)
