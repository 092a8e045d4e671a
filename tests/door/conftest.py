"""The doors over fakes, and the audio that goes through them."""

import io
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from tests.door.door_stages import DoorStages
from tests.door.openai_door import address, async_program, program, scripted  # noqa: F401


def wav(seconds: float = 1.0, rate_hz: int = 16_000, channels: int = 1, level: float = 0.3) -> bytes:
    """A hum of the given length as a WAV file."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    samples = (level * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, np.repeat(samples[:, None], channels, axis=1), rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def photo(side: int = 128) -> bytes:
    """A picture that the fake animator takes for a face, as PNG."""
    rows = np.linspace(0, 255, side, dtype=np.uint8)
    done, data = cv2.imencode(".png", np.dstack([np.tile(rows, (side, 1))] * 3))
    assert done
    return data.tobytes()


@pytest.fixture
def stages() -> DoorStages:
    return DoorStages()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def settings() -> GatewaySettings:
    return GatewaySettings()


@pytest.fixture
def app(stages: DoorStages, store: Store, settings: GatewaySettings) -> Starlette:
    return create_app(
        stages, store, settings, ConversationSettings(), coordinator=CoordinatorSettings(max_people=2, turn_seconds=3)
    )


@pytest.fixture
def client(app: Starlette) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
