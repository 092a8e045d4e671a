"""Ditto's networks for tests: quick, a function of their input alone, and different for different input."""

from collections.abc import Generator
from typing import TypeVar

import numpy as np

from deployments.contracts import Float32
from deployments.video.ditto.motion.audio import WINDOW_ROWS, WINDOW_SAMPLES
from deployments.video.ditto.motion.character import Character, Guide
from deployments.video.ditto.motion.stage import Diffuse, Hear
from deployments.video.ditto.sizes import FEATURE_DIMS, MOTION_DIMS, WINDOW_FRAMES
from deployments.video.ditto.types import Motion
from tests.ditto_weights import n

Result = TypeVar("Result")
_ROW_SAMPLES = 320
_MIX = n("fake:hearer", (8, FEATURE_DIMS))
_FROM_CONDITION = n("fake:condition", (FEATURE_DIMS,)) / np.float32(32)
_SPREAD = n("fake:spread", (MOTION_DIMS,))


class FakeHearer:
    """A Hearer: a few sums of each 20 ms, spread over the features. Row b does not depend on the others."""

    def __init__(self) -> None:
        self.windows = 0

    def features(self, windows: Float32) -> Float32:
        assert windows.dtype == np.float32 and windows.shape[1:] == (WINDOW_SAMPLES,)
        self.windows += len(windows)
        return np.stack([self._rows(window) for window in windows])

    def _rows(self, window: Float32) -> Float32:
        pieces = window[: WINDOW_ROWS * _ROW_SAMPLES].reshape(WINDOW_ROWS, 8, -1)
        sums = np.sqrt(np.mean(pieces**2, axis=2)) + np.float32(0.1) * np.arange(WINDOW_ROWS, dtype=np.float32)[:, None]
        found: Float32 = np.tanh(sums @ _MIX).astype(np.float32)
        return found


class FakeDiffuser:
    """A Diffuser: motion that follows the features, starts from `first`, and shows all of the noise."""

    def __init__(self) -> None:
        self.windows = 0

    def sample(self, conditions: Float32, first: Float32, noise: Float32) -> Float32:
        assert conditions.dtype == first.dtype == noise.dtype == np.float32
        assert first.shape == (len(conditions), MOTION_DIMS)
        assert noise.shape[1:] == (len(conditions), WINDOW_FRAMES, MOTION_DIMS)
        self.windows += len(conditions)
        return np.stack([self._window(*row) for row in zip(conditions, first, noise.swapaxes(0, 1), strict=True)])

    def _window(self, condition: Float32, first: Float32, noise: Float32) -> Float32:
        heard = np.tanh(condition[:, :FEATURE_DIMS] @ _FROM_CONDITION)[:, None] * _SPREAD
        told = condition[:, FEATURE_DIMS:].mean(axis=1, keepdims=True)
        moved = heard + told + np.float32(0.3) * first + np.float32(0.2) * noise.mean(axis=0)
        moved[:, 0] *= np.float32(0.02)
        moved[:, 199:] *= np.float32(0.02)
        found: Float32 = moved.astype(np.float32)
        return found


def fake_motion(name: str) -> Motion:
    """One row of motion with canonical points, of plausible size, another for each name."""
    pitch, yaw, roll = (n(f"{name}:{angle}", (1, 66)) for angle in ("pitch", "yaw", "roll"))
    scale = 1 + np.float32(0.1) * n(f"{name}:scale", (1, 1))
    t, exp = np.float32(0.1) * n(f"{name}:t", (1, 3)), np.float32(0.05) * n(f"{name}:exp", (1, 63))
    return Motion(scale, pitch, yaw, roll, t, exp, np.float32(0.3) * n(f"{name}:kp", (1, 63)))


def fake_guide(name: str) -> Guide:
    """A reference character, whose eyes have 3 frames."""
    motion = fake_motion(name)
    assert motion.kp is not None
    return Guide(motion, motion.kp[0], n(f"{name}:open", (3, 2)), n(f"{name}:ball", (3, 6)))


def fake_character(name: str = "somebody", reference: bool = True, blinks: bool = True) -> Character:
    """An avatar in the motion model's terms, another for each name."""
    return Character(
        fake_motion(name),
        eye_open=n(f"{name}:open", (1, 2)),
        eye_ball=n(f"{name}:ball", (1, 6)),
        reference=fake_guide("reference") if reference else None,
        blink=np.float32(0.02) * n("fake:blink", (15, 63)) if blinks else None,
    )


def answered(
    steps: Generator[Hear | Diffuse, Float32, Result], hearer: FakeHearer, diffuser: FakeDiffuser
) -> tuple[Result, list[Hear | Diffuse]]:
    """Runs a stage's generator alone. Returns what it returned and what it asked for."""
    asked: list[Hear | Diffuse] = []
    try:
        request = next(steps)
        while True:
            asked.append(request)
            if isinstance(request, Hear):
                reply = hearer.features(request.window[None])[0]
            else:
                reply = diffuser.sample(request.conditions[None], request.first[None], request.noise[:, None])[0]
            request = steps.send(reply)
    except StopIteration as stop:
        return stop.value, asked
