"""/v1/videos over HTTP: every route, every refusal, and that nothing is left behind."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deployments.errors import EngineFailed
from deployments.store.store import FILMS, JOB_AUDIO, JOB_PARTS, Store
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.jobs.settings import JobSettings
from serve_app.media.synthetic import is_marked_synthetic
from serve_app.turn_report import report_in
from tests.door.conftest import wav
from tests.door.live import served_in_thread
from tests.fakes.frames import decoded
from tests.fakes.stages import FakeStages

# OpenAI's own notice about its own service
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

FAST = JobSettings(poll_seconds=0.02, patience_seconds=0.05, backoff_seconds=0.02, retry_seconds=0.02, attempts=2)
TEXT = "Good morning to you, my friend. How are you today? The sun is out and the birds are singing in the trees."


@pytest.fixture
def fakes() -> FakeStages:
    return FakeStages()


def app_of(fakes: FakeStages, store: Store, **settings: Any) -> Starlette:
    jobs = FAST.model_copy(update=settings)
    return create_app(fakes, store, GatewaySettings(), ConversationSettings(), jobs=jobs)


@pytest.fixture
def door(fakes: FakeStages, store: Store) -> Iterator[TestClient]:
    with TestClient(app_of(fakes, store), raise_server_exceptions=False) as door:
        yield door


@pytest.fixture
def closed(fakes: FakeStages, store: Store) -> Iterator[TestClient]:
    """A door behind which nobody works."""
    with TestClient(app_of(fakes, store, workers=0), raise_server_exceptions=False) as door:
        yield door


def until(door: TestClient, video_id: str, done: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
    done = done or (lambda video: video["status"] in ("completed", "failed"))
    for _ in range(500):
        video: dict[str, Any] = door.get(f"/v1/videos/{video_id}").json()
        if done(video):
            return video
        time.sleep(0.02)
    raise AssertionError(video)


def stored(store: Store) -> dict[str, list[str]]:
    return {kind: store.list(kind) for kind in (JOB_AUDIO, JOB_PARTS, FILMS)}


def emptied(store: Store, *kinds: str) -> bool:
    for _ in range(200):
        if not any(store.list(kind) for kind in kinds):
            return True
        time.sleep(0.01)
    return False


def test_a_text_from_order_to_film(door: TestClient, store: Store) -> None:
    fields = {"prompt": TEXT, "language": "en-GB", "voice": "af_heart", "avatar": "astronaut", "seed": 5}
    answer = door.post("/v1/videos", json={**fields, "model": "realtime-avatar", "size": "48x64"})
    assert answer.status_code == 200
    video = answer.json()
    assert answer.headers["location"] == f"/v1/videos/{video['id']}"
    assert (video["object"], video["status"], video["progress"]) == ("video", "queued", 0)
    assert video["completed_at"] is None and video["error"] is None and video["expires_at"] is None
    done = until(door, video["id"])
    assert (done["status"], done["progress"], done["size"], done["model"]) == (
        "completed",
        100,
        "48x64",
        "realtime-avatar",
    )
    assert (done["language"], done["voice"], done["avatar"], done["seed"]) == ("en", "af_heart", "astronaut", 5)
    assert (done["prompt"], done["attempts"]) == (TEXT, 1)
    assert done["worker"].startswith("gateway-")
    assert done["expires_at"] - done["completed_at"] == 24 * 3600
    assert {"queued", "elapsed", "tts", "video", "total"} <= set(done["durations"])
    content = door.get(f"/v1/videos/{video['id']}/content")
    assert (content.status_code, content.headers["content-type"]) == (200, "video/mp4")
    pictures, _ = decoded(content.content)
    assert len(pictures) == round(25 * float(done["seconds"]))
    assert is_marked_synthetic(content.content)
    report = report_in(content.content)
    assert report is not None and report.reply == TEXT
    assert emptied(store, JOB_PARTS, JOB_AUDIO)
    assert len(store.list(FILMS)) == 1


def test_a_part_of_the_film(door: TestClient) -> None:
    video = until(door, door.post("/v1/videos", json={"prompt": TEXT}).json()["id"])
    path = f"/v1/videos/{video['id']}/content"
    whole = door.get(path).content
    part = door.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert door.get(path, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    head = door.head(path)
    assert (head.headers["content-length"], head.content) == (str(len(whole)), b"")


@pytest.mark.parametrize("form", [True, False])
def test_a_question(door: TestClient, store: Store, form: bool) -> None:
    if form:
        answer = door.post("/v1/videos", files={"audio": ("q.wav", wav(2.0), "audio/wav")}, data={"language": "en"})
    else:
        answer = door.post("/v1/videos?language=en", content=wav(2.0), headers={"Content-Type": "audio/wav"})
    video = until(door, answer.json()["id"])
    assert (video["status"], video["transcript"]) == ("completed", "What is the capital of France?")
    assert video["prompt"] is None
    report = report_in(door.get(f"/v1/videos/{video['id']}/content").content)
    assert report is not None
    assert report.reply == "Well, that is Paris, of course. Have you been there?"
    assert emptied(store, JOB_AUDIO, JOB_PARTS)


def test_the_question_is_kept_before_the_answer(closed: TestClient, store: Store) -> None:
    video = closed.post("/v1/videos", files={"audio": ("q.wav", wav(2.0), "audio/wav")}).json()
    assert store.list(JOB_AUDIO) == [video["id"]]
    assert closed.delete(f"/v1/videos/{video['id']}").json() == {
        "id": video["id"],
        "object": "video.deleted",
        "deleted": True,
    }
    assert stored(store) == {JOB_AUDIO: [], JOB_PARTS: [], FILMS: []}


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({}, 422, "prompt"),
    ({"prompt": "  "}, 422, "prompt"),
    ({"prompt": "x" * 10_001}, 413, ""),
    ({"prompt": "Hi.", "model": "sora-2"}, 422, "model"),
    ({"prompt": "Hi.", "seconds": "8"}, 422, "seconds"),
    ({"prompt": "Hi.", "seconds": 8}, 422, "seconds"),
    ({"prompt": "Hi.", "size": "1280x720"}, 422, "size"),
    ({"prompt": "Hi.", "input_reference": {"image_url": "x"}}, 422, "input_reference"),
    ({"prompt": "Hi.", "voice": "nobody"}, 404, ""),
    ({"prompt": "Hi.", "avatar": "../../etc"}, 404, ""),
    ({"prompt": "Hi.", "language": "tlh"}, 415, ""),
    ({"prompt": "Hi.", "seed": -1}, 422, "seed"),
    ({"prompt": ["Hi."]}, 422, "prompt"),
    ({"prompt": "Hi.", "callback_url": "https://example.com/"}, 422, "callback_url"),
]


@pytest.mark.parametrize(("body", "status", "field"), REFUSED)
def test_refused_orders(closed: TestClient, store: Store, body: dict[str, Any], status: int, field: str) -> None:
    answer = closed.post("/v1/videos", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("field", "")) == (status, field)
    assert closed.get("/v1/videos").json()["data"] == []
    assert not any(stored(store).values())


@pytest.mark.parametrize(
    ("files", "data", "status"),
    [
        ({"audio": ("q.wav", b"RIFF nonsense", "audio/wav")}, {}, 400),
        ({"audio": ("q.wav", wav(), "audio/wav")}, {"prompt": "And text."}, 422),
        ({"input_reference": ("face.png", b"png", "image/png")}, {"prompt": "Hi."}, 422),
        ({"audio": ("q.wav", wav(), "audio/wav")}, {"voice": "nobody"}, 404),
    ],
)
def test_refused_uploads(closed: TestClient, store: Store, files: Any, data: dict[str, str], status: int) -> None:
    assert closed.post("/v1/videos", files=files, data=data).status_code == status
    assert not any(stored(store).values())


def test_other_refusals(closed: TestClient) -> None:
    assert closed.post("/v1/videos", content=b"text", headers={"Content-Type": "text/plain"}).status_code == 415
    assert closed.post("/v1/videos?prompt=Hi.", json={"prompt": "Hi."}).status_code == 422
    assert closed.put("/v1/videos").status_code == 405
    for path in ("/v1/videos/video_none", "/v1/videos/video_none/content", "/v1/videos/..%2f..%2fetc"):
        answer = closed.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert closed.delete("/v1/videos/video_none").status_code == 404
    for query in ("limit=0", "limit=101", "order=up", "after=video_none", "colour=red"):
        assert closed.get(f"/v1/videos?{query}").status_code == 422
    bad = closed.post("/v1/videos", json={"prompt": "Hi."}, headers={"Idempotency-Key": "x" * 256})
    assert bad.json()["error"]["field"] == "Idempotency-Key"


def test_content_before_there_is_any(closed: TestClient) -> None:
    video = closed.post("/v1/videos", json={"prompt": "Hi."}).json()
    answer = closed.get(f"/v1/videos/{video['id']}/content")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")
    assert closed.get(f"/v1/videos/{video['id']}/content?variant=thumbnail").status_code == 422
    assert closed.get(f"/v1/videos/{video['id']}").headers["openai-poll-after-ms"] == "1000"


def test_pages(closed: TestClient) -> None:
    ids = [closed.post("/v1/videos", json={"prompt": f"Text {number}."}).json()["id"] for number in range(5)]
    first = closed.get("/v1/videos?limit=2").json()
    assert ([video["id"] for video in first["data"]], first["has_more"]) == ([ids[4], ids[3]], True)
    assert (first["object"], first["first_id"], first["last_id"]) == ("list", ids[4], ids[3])
    rest = closed.get(f"/v1/videos?limit=3&after={ids[3]}").json()
    assert ([video["id"] for video in rest["data"]], rest["has_more"]) == ([ids[2], ids[1], ids[0]], False)
    up = closed.get("/v1/videos?order=asc&limit=1").json()
    assert up["data"][0]["id"] == ids[0]


def test_the_same_key_is_the_same_video(closed: TestClient, store: Store) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = closed.post("/v1/videos", json={"prompt": "Hi."}, headers=key)
    again = closed.post("/v1/videos", json={"prompt": "Hi."}, headers=key)
    assert first.json()["id"] == again.json()["id"]
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    changed = closed.post("/v1/videos", json={"prompt": "Hello."}, headers=key)
    assert (changed.status_code, changed.json()["error"]["field"]) == (422, "Idempotency-Key")
    sound = {"audio": ("q.wav", wav(), "audio/wav")}
    one, two = (closed.post("/v1/videos", files=sound, headers={"Idempotency-Key": "order-2"}) for _ in range(2))
    assert one.json()["id"] == two.json()["id"]
    assert store.list(JOB_AUDIO) == [one.json()["id"]]


def test_two_orders_with_one_key_at_once(fakes: FakeStages, store: Store) -> None:
    with served_in_thread(app_of(fakes, store, workers=0)) as url:
        made: list[str] = []
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")

        def order() -> None:
            video = client.videos.create(prompt="Hi.", extra_headers={"Idempotency-Key": "k"})
            made.append(video.id)

        threads = [threading.Thread(target=order) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(made), len(set(made))) == (6, 1)


def test_a_full_queue(fakes: FakeStages, store: Store) -> None:
    with TestClient(app_of(fakes, store, workers=0, max_queued=1)) as door:
        assert door.post("/v1/videos", json={"prompt": "Hi."}).status_code == 200
        full = door.post("/v1/videos", files={"audio": ("q.wav", wav(), "audio/wav")})
        assert (full.status_code, full.headers["retry-after"]) == (503, "60")
        assert store.list(JOB_AUDIO) == []


def test_a_failed_video_says_why(door: TestClient, fakes: FakeStages, store: Store) -> None:
    fakes.heard = ""
    video = door.post("/v1/videos", files={"audio": ("q.wav", wav(2.0), "audio/wav")}).json()
    failed = until(door, video["id"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "bad_input")
    content = door.get(f"/v1/videos/{video['id']}/content")
    assert content.status_code == 409
    assert "No speech" in content.json()["error"]["message"]
    assert emptied(store, JOB_AUDIO, JOB_PARTS)
    fakes.errors["step"] = EngineFailed("The picture engine failed twice.")
    failed = until(door, door.post("/v1/videos", json={"prompt": TEXT}).json()["id"])
    assert (failed["error"]["code"], failed["attempts"]) == ("engine_failed", 2)


def test_deleting_stops_the_work(door: TestClient, fakes: FakeStages, store: Store) -> None:
    fakes.delays["step"] = 0.1
    video = door.post("/v1/videos", json={"prompt": TEXT}).json()
    until(door, video["id"], lambda video: video["progress"] > 1)
    assert store.list(JOB_PARTS)
    assert door.delete(f"/v1/videos/{video['id']}").status_code == 200
    time.sleep(0.25)
    steps = len(fakes.asked("step"))
    time.sleep(0.3)
    assert len(fakes.asked("step")) == steps
    assert fakes.running == 0
    assert emptied(store, JOB_AUDIO, JOB_PARTS, FILMS)
    assert door.get(f"/v1/videos/{video['id']}").status_code == 404


@pytest.fixture
def official(fakes: FakeStages, store: Store) -> Iterator[openai.OpenAI]:
    with served_in_thread(app_of(fakes, store)) as url:
        yield openai.OpenAI(base_url=f"{url}/v1", api_key="none")


class TestTheOfficialClient:
    def test_create_poll_download_delete(self, official: openai.OpenAI, tmp_path: Path) -> None:
        video = official.videos.create(prompt=TEXT, model="realtime-avatar")
        assert (video.object, video.status) == ("video", "queued")
        done = official.videos.poll(video.id, poll_interval_ms=50)
        assert (done.status, done.progress, done.size) == ("completed", 100, "48x64")
        assert float(done.seconds) > 5
        content = official.videos.download_content(video.id)
        content.write_to_file(tmp_path / "film.mp4")
        assert len(decoded((tmp_path / "film.mp4").read_bytes())[0]) == round(25 * float(done.seconds))
        assert official.videos.retrieve(video.id) == done
        deleted = official.videos.delete(video.id)
        assert (deleted.id, deleted.deleted) == (video.id, True)
        with pytest.raises(openai.NotFoundError, match="no such video"):
            official.videos.retrieve(video.id)

    def test_more_fields_and_create_and_poll(self, official: openai.OpenAI) -> None:
        video = official.videos.create_and_poll(
            prompt="Buenos días, amigo.", extra_body={"language": "es", "voice": "ef_dora", "seed": 7}
        )
        assert video.status == "completed"
        assert (video.language, video.voice, video.seed) == ("es", "ef_dora", 7)  # type: ignore[attr-defined]

    def test_pages_go_on(self, official: openai.OpenAI) -> None:
        ids = [official.videos.create(prompt=f"Text {number}.").id for number in range(5)]
        assert [video.id for video in official.videos.list(limit=2, order="asc")] == ids

    def test_what_cannot_be_is_refused(self, official: openai.OpenAI) -> None:
        with pytest.raises(openai.UnprocessableEntityError, match="seconds"):
            official.videos.create(prompt="Hi.", seconds="8")
        with pytest.raises(openai.UnprocessableEntityError, match="audio"):
            official.videos.create(prompt="Hi.", input_reference=("face.png", io.BytesIO(b"png"), "image/png"))
        with pytest.raises(openai.UnprocessableEntityError, match="model"):
            official.videos.create(prompt="Hi.", model="sora-2")
        video = official.videos.create(prompt=TEXT)
        with pytest.raises(openai.UnprocessableEntityError, match="variant"):
            official.videos.download_content(video.id, variant="thumbnail")

    async def test_to_be_awaited(self, fakes: FakeStages, store: Store) -> None:
        with served_in_thread(app_of(fakes, store)) as url:
            client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none")
            video = await client.videos.create_and_poll(prompt="Good morning.", poll_interval_ms=50)
            assert (await client.videos.download_content(video.id)).content[4:8] == b"ftyp"


def test_each_key_sees_its_own(fakes: FakeStages, store: Store) -> None:
    settings = GatewaySettings.model_validate(
        {"keys": [{"name": "ana", "key": "a" * 40}, {"name": "bob", "key": "b" * 40}]}
    )
    app = create_app(fakes, store, settings, ConversationSettings(), jobs=FAST.model_copy(update={"workers": 0}))
    ana, bob = ({"Authorization": f"Bearer {letter * 40}"} for letter in "ab")
    with TestClient(app) as door:
        video = door.post("/v1/videos", json={"prompt": "Hi."}, headers=ana).json()
        assert door.get(f"/v1/videos/{video['id']}", headers=ana).status_code == 200
        assert door.get(f"/v1/videos/{video['id']}", headers=bob).status_code == 404
        assert door.delete(f"/v1/videos/{video['id']}", headers=bob).status_code == 404
        assert door.get("/v1/videos", headers=bob).json()["data"] == []
        assert json.loads(door.get("/v1/videos", headers=ana).content)["data"][0]["id"] == video["id"]
