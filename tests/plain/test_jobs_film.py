"""A job's film: made clause by clause, the same wherever a crash makes it begin again."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.contracts import EncodedFrame, Pcm, Step, Stepped
from deployments.errors import BadInput, EngineFailed, NotFound
from deployments.store.store import FILMS, JOB_AUDIO, JOB_PARTS, Store
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.contracts import Load
from serve_app.coordinator.database import Database
from serve_app.jobs.contracts import Job, JobStatus, Lease
from serve_app.jobs.film import Film, Studio
from serve_app.jobs.parts import Part, joined, pack, unpack
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.steady import LeaseLost
from serve_app.jobs.store import JobStore
from serve_app.media.settings import MediaLimits
from serve_app.media.synthetic import is_marked_synthetic
from serve_app.turn_report import report_in
from tests.door.conftest import wav
from tests.fakes.frames import decoded
from tests.fakes.jobs import Clock, order
from tests.fakes.stages import FakeStages

SCRIPT = "Good morning to you, my friend. How are you today? The sun is out and the birds are singing in the trees."
SHORT = "Good morning, my friend. How are you today?"
SETTINGS = JobSettings(step_frames=15, lease_seconds=30, attempts=1000)


class Crash(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass
class Ticks:
    """Crashes at one call of all that the film makes of the world outside; `after` crashes once the call is done."""

    at: int = 10**9
    after: bool = False
    count: int = 0

    def before_call(self) -> bool:
        self.count += 1
        if self.count == self.at and not self.after:
            raise Crash
        return self.count == self.at

    def wrapped(self, thing: Any) -> Any:
        return _Crashing(thing, self)


class _Crashing:
    def __init__(self, thing: Any, ticks: Ticks) -> None:
        self._thing, self._ticks = thing, ticks

    def __getattr__(self, name: str) -> Any:
        verb: Callable[..., Any] = getattr(self._thing, name)
        ticks = self._ticks

        async def stream(*given: Any) -> AsyncGenerator[Any, None]:
            crash = ticks.before_call()
            async for item in verb(*given):
                yield item
                if crash:
                    raise Crash

        async def call(*given: Any) -> Any:
            crash = ticks.before_call()
            answer = await verb(*given)
            if crash:
                raise Crash
            return answer

        def at_once(*given: Any) -> Any:
            crash = ticks.before_call()
            answer = verb(*given)
            if crash:
                raise Crash
            return answer

        if name in ("speak", "reply"):
            return stream
        return at_once if isinstance(self._thing, Store) else call


@dataclass
class World:
    """What survives a crash."""

    queue: JobStore
    store: Store
    stages: FakeStages
    clock: Clock

    def studio(self, ticks: Ticks | None = None, settings: JobSettings = SETTINGS) -> Studio:
        ticks = ticks or Ticks()
        queue, stages, store = (ticks.wrapped(thing) for thing in (self.queue, self.stages, self.store))
        return Studio(queue, stages, store, ConversationSettings(), MediaLimits(), settings)

    async def lease(self) -> Lease:
        self.clock.now += 31
        lease = await self.queue.lease("w1")
        assert lease is not None
        return lease

    async def made(self, ticks: Ticks | None = None) -> Job:
        return await Film(self.studio(ticks), await self.lease()).make()

    def film(self, job: Job) -> bytes:
        """All of it but the report, which says how long things took."""
        data = self.store.get(FILMS, str(job.content))
        return data[: data.rindex(b"uuid") - 4]


@pytest.fixture
def world(tmp_path: Path) -> World:
    clock = Clock()
    queue = JobStore(Database("sqlite://"), SETTINGS, clock=clock)
    return World(queue, Store(tmp_path / "store"), FakeStages(), clock)


async def asked(world: World) -> str:
    """An order of an answer to a question."""
    job, _ = await world.queue.create(order(None, audio_key="question"))
    world.store.put(JOB_AUDIO, "question", wav(2.0))
    return job.id


async def test_a_film_of_a_script(world: World) -> None:
    await world.queue.create(order(SCRIPT, avatar_id="astronaut", voice_id="af_heart", seed=7))
    job = await world.made()
    assert (job.status, job.progress, job.language) == (JobStatus.COMPLETED, 100, "en")
    assert len(job.clauses or ()) == 3
    assert len(job.parts) == 4
    data = world.store.get(FILMS, str(job.content))
    pictures, sound = decoded(data)
    words = len(SCRIPT.split())
    assert len(pictures) == round(25 * job.seconds) == round(25 * (0.3 * words + 0.32))
    heard = sum(frame.samples for frame in sound) / 48_000
    assert abs(heard - job.seconds) < 0.03
    assert is_marked_synthetic(data)
    report = report_in(data)
    assert report is not None and (report.turn_id, report.reply) == (job.id, SCRIPT)
    assert {"tts", "video", "mux", "people", "total"} <= set(job.durations)
    steps = world.stages.animator.steps
    assert {(step.avatar_id, step.seed) for step in steps} == {("astronaut", 7)}
    assert [step.final for step in steps] == [False] * (len(steps) - 1) + [True]
    assert {ask.voice_id for ask in world.stages.asked("speak")} == {"af_heart"}  # type: ignore[attr-defined]


async def test_a_film_of_an_answer(world: World) -> None:
    await asked(world)
    job = await world.made()
    assert job.transcript == "What is the capital of France?"
    assert " ".join(job.clauses or ()) == "Well, that is Paris, of course. Have you been there?"
    assert {"asr", "llm"} <= set(job.durations)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["script", "audio"])
async def test_a_crash_at_any_moment_changes_nothing(world: World, kind: str, after: bool) -> None:
    """The process dies at each call of the queue, the store and the stages in turn, before it or right after it."""

    async def ordered() -> None:
        await (world.queue.create(order(SHORT, seed=3)) if kind == "script" else asked(world))

    await ordered()
    whole = Ticks()
    undisturbed = world.film(job := await world.made(whole))
    await world.queue.delete("ana", job.id)
    assert whole.count > 20
    for moment in range(1, whole.count + 1):
        await ordered()
        with pytest.raises((Crash, BaseExceptionGroup)):
            await world.made(Ticks(moment, after))
        job = await world.made()
        assert world.film(job) == undisturbed, f"crashed at call {moment}"
        assert job.attempts == 2
        await world.queue.delete("ana", job.id)


async def test_crash_after_crash_after_crash(world: World) -> None:
    """Each attempt comes a little further than the one before."""
    await world.queue.create(order(SHORT))
    undisturbed = world.film(job := await world.made())
    await world.queue.delete("ana", job.id)
    await world.queue.create(order(SHORT))
    for moment in range(1, 200):
        try:
            job = await world.made(Ticks(moment))
            break
        except Crash:
            continue
    assert job.attempts > 3
    assert world.film(job) == undisturbed


async def test_what_is_done_is_not_done_again(world: World) -> None:
    await asked(world)
    world.stages.errors["step"] = EngineFailed("No.")
    with pytest.raises(EngineFailed):
        await world.made()
    world.stages.errors.clear()
    world.stages.heard = "Something else"
    world.stages.reply_pieces = ("Another ", "answer.")
    job = await world.made()
    assert job.transcript == "What is the capital of France?"
    assert len(world.stages.asked("transcribe")) == len(world.stages.asked("reply")) == 1


async def test_the_next_clause_is_spoken_while_one_is_shown_and_no_further(world: World) -> None:
    await world.queue.create(order(SCRIPT))
    await world.made()
    verbs = [verb for verb, _ in world.stages.calls]
    second, third = [at for at, verb in enumerate(verbs) if verb == "speak"][1:]
    assert second < verbs.index("step") + 2  # begun with the first picture, not after the first clause's last
    assert verbs[second:third].count("step") > 1


async def test_the_sound_of_a_clause_depends_on_it_alone(world: World) -> None:
    """A part's speech is whole frames long, whatever the voice gives."""

    class Odd(FakeStages):
        async def speak(self, request: Any) -> AsyncGenerator[Pcm, None]:
            yield Pcm(np.full(1001, 0.25, np.float32), 24_000)
            yield Pcm(np.full(7 * len(request.text), 0.25, np.float32), 24_000)

    world.stages = Odd()
    await world.queue.create(order(SCRIPT))
    job = await world.made()
    parts = [unpack(world.store.get(JOB_PARTS, key)) for key in job.parts]
    assert [len(part.speech) % 960 for part in parts] == [0, 0, 0, 0]
    pushed = [step.pcm_16k for step in world.stages.animator.steps]
    assert sum(map(len, pushed)) == sum(len(part.speech) for part in parts) * 16 // 24
    assert abs(float(parts[0].pcm.samples[500]) - 0.25) < 1e-4


async def test_a_voice_of_another_rate_midway(world: World) -> None:
    class Two(FakeStages):
        async def speak(self, request: Any) -> AsyncGenerator[Pcm, None]:
            rate = 24_000 if request.text.startswith("Good") else 16_000
            yield Pcm(np.full(rate, 0.1, np.float32), rate)

    world.stages = Two()
    await world.queue.create(order(SCRIPT))
    job = await world.made()
    assert job.seconds == pytest.approx(3.32)


async def test_nothing_to_say(world: World) -> None:
    await world.queue.create(order("… !"))
    with pytest.raises(BadInput, match="nothing that can be spoken"):
        await world.made()
    await world.queue.delete("ana", (await world.lease()).job.id)
    await asked(world)
    world.stages.heard = ""
    with pytest.raises(BadInput, match="No speech"):
        await world.made()


async def test_a_clause_without_sound_is_passed_over(world: World) -> None:
    class Mute(FakeStages):
        async def speak(self, request: Any) -> AsyncGenerator[Pcm, None]:
            if not request.text.startswith("Good"):
                async for pcm in super().speak(request):
                    yield pcm

    world.stages = Mute()
    await world.queue.create(order(SCRIPT))
    job = await world.made()
    assert job.clauses is not None
    assert job.seconds == pytest.approx(0.3 * len(" ".join(job.clauses[1:]).split()) + 0.32)


async def test_a_voice_that_is_gone(world: World) -> None:
    await world.queue.create(order(SCRIPT, voice_id="nobody"))
    with pytest.raises(NotFound, match="nobody"):
        await world.made()


async def test_a_question_in_a_language_that_is_not_spoken(world: World) -> None:
    world.stages.language = "ja"
    await asked(world)
    assert (await world.made()).language == "en"


async def test_a_deleted_job_stops_at_its_next_unit(world: World) -> None:
    job, _ = await world.queue.create(order(SCRIPT))
    steps = 0

    class Deleting(FakeStages):
        async def step(self, step: Step) -> Stepped:
            nonlocal steps
            steps += 1
            if steps == 2:
                await world.queue.delete("ana", job.id)
            return await super().step(step)

    world.stages = Deleting()
    with pytest.raises(LeaseLost):
        await world.made()
    assert steps == 2
    assert world.stages.running == 0


async def test_people_are_let_by_between_units(world: World, tmp_path: Path) -> None:
    load = Load(1, 0, 2)
    settings = SETTINGS.model_copy(update={"patience_seconds": 0.05})
    world.queue = JobStore(Database("sqlite://"), settings, lambda: load, world.clock)
    await world.queue.create(order(SCRIPT))
    film = asyncio.create_task(Film(world.studio(settings=settings), await world.lease()).make())
    await asyncio.sleep(0.3)
    assert world.stages.calls == []
    load = Load(0, 0, 2)
    job = await film
    assert job.durations["people"] >= 0.3


def test_parts_come_back_as_they_were() -> None:
    frames = (EncodedFrame(b"one", 5, True), EncodedFrame(b"two and more", 6, False))
    part = Part(24_000, np.arange(-5, 955, dtype=np.int16), frames, b"state")
    again = unpack(pack(part))
    assert replace(again, speech=part.speech) == part
    assert (again.speech == part.speech).all()
    empty = Part(0, np.zeros(0, np.int16), (), b"")
    assert pack(unpack(pack(empty))) == pack(empty)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: b"????" + data[4:], lambda data: data[:9]])
def test_damaged_parts_are_told(change: Callable[[bytes], bytes]) -> None:
    part = Part(24_000, np.zeros(960, np.int16), (EncodedFrame(b"one", 0, True),), b"state")
    with pytest.raises(EngineFailed, match="damaged"):
        unpack(change(pack(part)))
    with pytest.raises(EngineFailed, match="fit together"):
        joined([part, part])
