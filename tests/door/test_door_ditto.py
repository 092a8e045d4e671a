"""The doors with Ditto behind them: a photo that is uploaded answers in one piece with its voice."""

import asyncio
from functools import partial

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from deployments.contracts import Image, Step, Stepped
from deployments.store.store import AVATAR_ENROLMENTS, Store
from deployments.video.builtins import built_in_photo
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.stages import VideoDescription
from serve_app.turn_report import report_in
from tests.door.conftest import wav
from tests.fakes.frames import decoded
from tests.fakes.narrow_ditto import narrow_ditto
from tests.fakes.stages import FakeStages

pytestmark = pytest.mark.door


class DittoStages(FakeStages):
    """Fakes but for the picture: the real engine over narrow networks."""

    def __init__(self, store: Store, **motion: object) -> None:
        super().__init__()
        self.ditto = narrow_ditto(partial(store.get, AVATAR_ENROLMENTS), motion=motion)

    async def step(self, step: Step) -> Stepped:
        (result,) = await asyncio.to_thread(self.ditto.step, [step])
        if isinstance(result, Exception):
            raise result
        return result

    async def enrol_avatar(self, portrait: Image) -> bytes:
        return await asyncio.to_thread(self.ditto.enrol, portrait)

    async def describe_video(self) -> VideoDescription:
        return VideoDescription(self.ditto.frame_size, self.ditto.lookahead_samples, self.ditto.fingerprint)


def doors(store: Store, **motion: object) -> TestClient:
    app = create_app(
        DittoStages(store, **motion),
        store,
        GatewaySettings(),
        ConversationSettings(),
        coordinator=CoordinatorSettings(max_people=2),
    )
    return TestClient(app)


@pytest.mark.parametrize(
    "motion", [{"overlap": 70}, {"overlap": 75}, {"mode": "offline", "steps": 25}], ids=["70", "75", "offline"]
)
def test_an_uploaded_photo_answers(store: Store, motion: dict[str, object]) -> None:
    done, photo = cv2.imencode(".png", built_in_photo("astronaut"))
    assert done
    with doors(store, **motion) as client:
        form = {"files": {"image": ("me.png", photo.tobytes(), "image/png")}, "data": {"consent": "true"}}
        avatar = client.post("/v1/avatars", **form)
        assert avatar.status_code in (200, 201), avatar.text
        question = {"content": wav(), "headers": {"Content-Type": "audio/wav"}}
        answer = client.post(f"/conversation?format=mp4&avatar={avatar.json()['id']}", **question)
        assert answer.status_code == 200, answer.text
        report = report_in(answer.content)
        assert report is not None
        pictures, sound = decoded(answer.content)
        assert len(pictures) == round(25 * report.media_seconds) > 25
        assert sound
        first, middle = (pictures[at].to_ndarray(format="gray").astype(int) for at in (0, len(pictures) // 2))
        assert float(np.abs(middle - first).mean()) > 0.01, "the face moves"
