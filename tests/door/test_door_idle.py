"""GET /v1/avatars/{id}/idle: made once, kept, revalidated, gone with its avatar."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deployments.contracts import SAMPLES_PER_FRAME, Step
from deployments.errors import EngineFailed
from deployments.store.store import AVATAR_ENROLMENTS, IDLE_CLIPS, Store
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.idle_clips import IDLE_FRAMES, IDLE_SEED
from serve_app.gateway.settings import GatewaySettings
from serve_app.media.synthetic import is_marked_synthetic
from tests.door.conftest import photo
from tests.door.door_stages import DoorStages
from tests.fakes.animator import FakeAnimator
from tests.fakes.frames import decoded

IDLE = "/v1/avatars/grace_hopper/idle"


def steps(stages: DoorStages) -> list[Step]:
    return [ask for ask in stages.asked if isinstance(ask, Step)]


def test_the_clip_is_silence_made_once_and_kept(client: TestClient, stages: DoorStages, store: Store) -> None:
    answer = client.get(IDLE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    video, audio = decoded(answer.content)
    assert (len(video), len(audio)) == (IDLE_FRAMES, 0)
    assert is_marked_synthetic(answer.content)
    made = steps(stages)
    assert sum(len(step.pcm_16k) for step in made) == IDLE_FRAMES * SAMPLES_PER_FRAME
    assert not any(step.pcm_16k.any() for step in made) and {step.seed for step in made} == {IDLE_SEED}
    assert [step.final for step in made] == [False] * (len(made) - 1) + [True]
    assert client.get(IDLE).content == answer.content
    assert len(steps(stages)) == len(made)
    assert len(store.list(IDLE_CLIPS)) == 1
    assert client.head(IDLE).headers["content-length"] == str(len(answer.content))


def test_a_clip_of_other_settings_is_replaced(client: TestClient, store: Store, stages: DoorStages) -> None:
    store.put(IDLE_CLIPS, "grace_hopper.0000", b"old")
    store.put(IDLE_CLIPS, "astronaut.0000", b"another's")
    assert client.get(IDLE).content != b"old"
    fingerprint = asyncio.run(stages.describe_video()).fingerprint
    assert store.list(IDLE_CLIPS) == ["astronaut.0000", f"grace_hopper.{fingerprint}"]


async def test_first_requests_that_come_together_share_one_making(app: Starlette, stages: DoorStages) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        answers = await asyncio.gather(*(client.get(IDLE) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}  # although two are admitted at once
    assert len({answer.content for answer in answers}) == 1
    assert sum(step.final for step in steps(stages)) == 1


def test_it_is_sent_in_part_and_not_again(client: TestClient) -> None:
    whole = client.get(IDLE)
    tag, size = whole.headers["etag"], len(whole.content)
    assert whole.headers["accept-ranges"] == "bytes" and "no-cache" in whole.headers["cache-control"]
    unchanged = client.get(IDLE, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    for asked, first, last in (
        ("0-1", 0, 1),
        ("5-", 5, size - 1),
        ("-4", size - 4, size - 1),
        (f"9-{2 * size}", 9, size - 1),
    ):
        part = client.get(IDLE, headers={"Range": f"bytes={asked}"})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.content == whole.content[first : last + 1]
    assert client.get(IDLE, headers={"Range": f"bytes={size}-"}).status_code == 416
    for header in ("bytes=0-1,3-4", "lines=1-2", "bytes=-"):
        assert client.get(IDLE, headers={"Range": header}).status_code == 200
    assert client.get(IDLE, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200


def test_an_upload_s_clip_goes_with_it(client: TestClient, stages: DoorStages, store: Store) -> None:
    stages._animator = FakeAnimator(load=lambda id: store.get(AVATAR_ENROLMENTS, id))
    form = {"consent": "true"}
    avatar = client.post("/v1/avatars", files={"image": ("me.png", photo())}, data=form).json()["id"]
    assert client.get(f"/v1/avatars/{avatar}/idle").status_code == 200
    assert len(store.list(IDLE_CLIPS)) == 1
    client.delete(f"/v1/avatars/{avatar}")
    assert store.list(IDLE_CLIPS) == []
    gone = client.get(f"/v1/avatars/{avatar}/idle")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")


def test_unknown_avatars_and_failures_have_their_status(client: TestClient, stages: DoorStages, store: Store) -> None:
    assert client.get("/v1/avatars/nobody/idle").status_code == 404
    stages.fail["video"] = EngineFailed("It broke.")
    assert client.get(IDLE).status_code == 502
    assert store.list(IDLE_CLIPS) == []
    del stages.fail["video"]
    assert client.get(IDLE).status_code == 200


def test_the_default_avatar_s_clip_is_made_ahead_where_that_is_set(stages: DoorStages, store: Store) -> None:
    app = create_app(stages, store, GatewaySettings(prepare_idle=True), ConversationSettings())
    with TestClient(app) as client, ThreadPoolExecutor(1) as pool:

        async def kept() -> None:
            while not store.list(IDLE_CLIPS):
                await asyncio.sleep(0.02)

        pool.submit(asyncio.run, asyncio.wait_for(kept(), 20)).result()
        before = len(steps(stages))
        assert client.get(IDLE).status_code == 200
        assert len(steps(stages)) == before


@pytest.mark.parametrize("fault", [EngineFailed("It broke.")])
def test_what_goes_wrong_ahead_is_left_to_the_first_request(
    stages: DoorStages, store: Store, fault: EngineFailed
) -> None:
    stages.fail["video"] = fault
    app = create_app(
        stages, store, GatewaySettings(prepare_idle=True), ConversationSettings(), coordinator=CoordinatorSettings()
    )
    with TestClient(app) as client:
        assert client.get("/v1/avatars").status_code == 200
