"""Jobs from Python: ordered, waited for one by one or many at once, taken back."""

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import serve_app.client.job_methods
from deployments.errors import BadInput, EngineFailed, NotFound, TimedOut, Unsupported
from deployments.store.store import Store
from serve_app.client import AsyncAvatarClient, AvatarClient, Job, JobFilm
from serve_app.client.async_job_methods import AsyncJobMethods
from serve_app.client.failures import Refused, Unreachable
from serve_app.client.job_methods import JobMethods
from serve_app.client.jobs import OUTAGE_SECONDS, Patience
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.jobs.settings import JobSettings
from tests.door.conftest import wav
from tests.door.live import served_in_thread
from tests.fakes.frames import decoded
from tests.fakes.jobs import Clock
from tests.fakes.stages import FakeStages


@pytest.fixture
def fakes() -> FakeStages:
    return FakeStages()


@pytest.fixture
def url(fakes: FakeStages, tmp_path: Path) -> Iterator[str]:
    jobs = JobSettings(poll_seconds=0.02, attempts=1)
    app = create_app(fakes, Store(tmp_path / "store"), GatewaySettings(), ConversationSettings(), jobs=jobs)
    with served_in_thread(app) as url:
        yield url


@pytest.fixture
def avatar(url: str) -> Iterator[AvatarClient]:
    with AvatarClient(url) as client:
        yield client


def test_one_video(avatar: AvatarClient, fakes: FakeStages, tmp_path: Path) -> None:
    fakes.delays["step"] = 0.05
    job = avatar.submit("Good morning to you. How are you today?", language="en", voice="af_heart", seed=3)
    assert (job.status, job.progress, job.ended) == ("queued", 0, False)
    seen: list[Job] = []
    film = avatar.result(job, timeout_seconds=30, progress=seen.append)
    assert isinstance(film, JobFilm)
    assert (film.job.id, film.job.status, film.job.attempts) == (job.id, "completed", 1)
    assert film.job.worker is not None and film.job.worker.startswith("gateway-")
    assert {"queued", "elapsed", "total", "tts", "video"} <= set(film.job.durations)
    assert film.report.reply == "Good morning to you. How are you today?"
    assert len(decoded(film.data)[0]) == round(25 * film.job.seconds)
    assert [job.progress for job in seen] == sorted(job.progress for job in seen)
    assert seen[-1].progress == 100
    assert film.save(tmp_path / "film.mp4").read_bytes() == film.data
    assert avatar.result(job.id).data == film.data


def test_a_question_and_its_answer(avatar: AvatarClient, tmp_path: Path) -> None:
    file = tmp_path / "question.wav"
    file.write_bytes(wav(2.0))
    film = avatar.result(avatar.submit(audio=file, avatar="astronaut"))
    assert film.job.transcript == "What is the capital of France?"
    assert film.job.avatar == "astronaut"


def test_many_at_once(avatar: AvatarClient, fakes: FakeStages) -> None:
    """Those that are done come first; one that fails spares the others; one that is unknown is said to be."""
    good = [avatar.submit(f"This is video number {number}.") for number in range(3)]
    bad = avatar.submit(audio=wav(2.0, level=0.0))
    outcomes = list(avatar.results([*reversed(good), bad, "video_unknown"], timeout_seconds=30))
    by_id = {outcome.job.id: outcome for outcome in outcomes}
    assert len(outcomes) == 5
    made = [outcome.job for outcome in outcomes if outcome.made]
    assert {job.id for job in made} == {job.id for job in good}
    assert by_id[good[1].id].film.report.reply == "This is video number 1."
    with pytest.raises(BadInput, match="No speech"):
        assert by_id[bad.id].film
    with pytest.raises(NotFound):
        assert by_id["video_unknown"].film


def test_errors_are_those_of_the_job(avatar: AvatarClient, fakes: FakeStages) -> None:
    fakes.errors["step"] = EngineFailed("The picture engine failed twice.")
    job = avatar.submit("Good morning.")
    with pytest.raises(EngineFailed, match="twice"):
        avatar.result(job)
    assert isinstance(avatar.job(job).error, EngineFailed)
    with pytest.raises(Unsupported):
        avatar.submit("Qapla'!", language="tlh")
    with pytest.raises(NotFound):
        avatar.result("video_unknown")
    for wrong in ({}, {"text": "Hi.", "audio": wav()}):
        with pytest.raises(ValueError, match="either"):
            avatar.submit(**wrong)  # type: ignore[arg-type]


def test_waiting_ends_and_the_job_goes_on(avatar: AvatarClient, fakes: FakeStages) -> None:
    fakes.delays["step"] = 0.3
    job = avatar.submit("Good morning.")
    with pytest.raises(TimedOut, match="go on"):
        avatar.result(job, timeout_seconds=0.1)
    fakes.delays.clear()
    assert avatar.result(job).job.status == "completed"


def test_taking_back(avatar: AvatarClient, fakes: FakeStages) -> None:
    fakes.delays["step"] = 0.2
    job = avatar.submit("Good morning.")
    avatar.cancel(job)
    with pytest.raises(NotFound):
        avatar.job(job)


def test_the_same_key_and_the_list(avatar: AvatarClient) -> None:
    one = avatar.submit("Good morning.", idempotency_key="k")
    assert avatar.submit("Good morning.", idempotency_key="k").id == one.id
    with pytest.raises(BadInput, match="another order"):
        avatar.submit("Good night.", idempotency_key="k")
    two = avatar.submit("Good night.")
    assert [job.id for job in avatar.jobs()] == [two.id, one.id]
    assert [job.id for job in avatar.jobs(newest_first=False)] == [one.id, two.id]


async def test_the_same_to_be_awaited(url: str) -> None:
    async with AsyncAvatarClient(url) as client:
        jobs = [await client.submit(f"Video {number}.") for number in range(2)]
        done = [outcome.film.job.id async for outcome in client.results(jobs)]
        assert set(done) == {job.id for job in jobs}
        assert (await client.result(jobs[0], progress=lambda job: None)).job.status == "completed"
        assert [job.id async for job in client.jobs()] == [jobs[1].id, jobs[0].id]
        assert (await client.job(jobs[0])).ended
        await client.cancel(jobs[0])
        with pytest.raises(NotFound):
            await client.result(jobs[0])


class Restarting(httpx.BaseTransport):
    """Nobody listens at some moments, as while the server restarts."""

    def __init__(self) -> None:
        self._real, self._calls = httpx.HTTPTransport(), 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._calls += 1
        if self._calls in (3, 4, 7):
            raise httpx.ConnectError("refused")
        return self._real.handle_request(request)


def test_a_server_that_restarts_is_waited_for(avatar: AvatarClient, url: str, fakes: FakeStages) -> None:
    fakes.delays["step"] = 0.2
    avatar._http = httpx.Client(base_url=url, transport=Restarting())
    assert avatar.result(avatar.submit("Good morning to you.")).job.status == "completed"


def test_patience() -> None:
    clock = Clock()
    patience = Patience(10.0, clock)
    pauses = [patience.pause() for _ in range(20)]
    assert pauses == sorted(pauses) and pauses[-1] == 2.0
    clock.now += 9.5
    assert patience.pause() == pytest.approx(0.5)
    clock.now += 0.5
    with pytest.raises(TimedOut):
        patience.pause()
    endless = Patience(None, clock)
    endless.away(Unreachable("Nobody there."))
    clock.now += OUTAGE_SECONDS
    endless.away(Unreachable("Nobody there."))
    endless.answered()
    clock.now += 1
    endless.away(Refused("Bad gateway.", "unknown", 502))
    clock.now += OUTAGE_SECONDS + 1
    with pytest.raises(Unreachable):
        endless.away(Unreachable("Nobody there."))


def test_the_examples_in_the_documentation(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_URL", url)
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(serve_app.client.job_methods)
    assert (found.failed, found.attempted) == (0, 4)
    assert Path("out/morning.mp4").exists()


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[Any]]:
        return {
            name: list(inspect.signature(value).parameters) for name, value in vars(kind).items() if "__" not in name
        }

    assert methods(JobMethods) == methods(AsyncJobMethods)
