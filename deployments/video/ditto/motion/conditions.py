"""What the motion model is told of a frame: features 1024, emotion 8, eyes open 2, eyeballs 6, canonical points 63."""

from collections.abc import Sequence

import numpy as np

from deployments.contracts import Float32
from deployments.video.ditto.motion.audio import Float16
from deployments.video.ditto.motion.character import Guide
from deployments.video.ditto.sizes import CONDITION_DIMS

EMOTION_LABELS = 8
_LOGIT = 8.0


def emotion_rows(emotion: int | Sequence[int] | Sequence[Sequence[int]] | Float32) -> Float32:
    """float32 [m, 8], a row a frame, each summing to one.

    Labels are 0 to 7: angry, disgust, fear, happy, neutral, sad, surprise, contempt. One label, a mixture of several,
    a mixture a frame, or the rows themselves. Chosen labels have logit 8 and the others 0 before the softmax.
    Raises ValueError for what is none of these.
    """
    if isinstance(emotion, np.ndarray):
        if emotion.ndim != 2 or emotion.shape[1] != EMOTION_LABELS or not len(emotion):
            raise ValueError(f"Emotions are rows of {EMOTION_LABELS} numbers, not an array {emotion.shape}.")
        return emotion.astype(np.float32, copy=False)
    if isinstance(emotion, int):
        return _mixture([emotion])[None]
    frames = [_mixture([part] if isinstance(part, int) else part) for part in emotion]
    if not frames:
        raise ValueError("At least one emotion is needed, a label of 0 to 7.")
    if all(isinstance(part, int) for part in emotion):
        return _mixture([part for part in emotion if isinstance(part, int)])[None]
    return np.stack(frames)


def _mixture(labels: Sequence[int]) -> Float32:
    if not labels or not all(0 <= label < EMOTION_LABELS for label in labels):
        raise ValueError(f"Emotions are labels of 0 to {EMOTION_LABELS - 1}, not {list(labels)}.")
    logits = np.zeros(EMOTION_LABELS, np.float32)
    logits[list(labels)] = _LOGIT
    powers = np.exp(logits)
    shares: Float32 = powers / powers.sum()
    return shares


def to_and_fro(frame: int, length: int) -> int:
    """A frame's place among `length` rows gone through forwards, then backwards; before frame 0 the first."""
    turn, place = divmod(max(frame, 0), length)
    return place if turn % 2 == 0 else length - 1 - place


def conditions(features: Float16, first_frame: int, emotions: Float32, guide: Guide) -> Float32:
    """float32 [n, 1103] of n frames from `first_frame` on, which is negative before the stream's start.

    `features`: float16 [n, 1024]; `emotions`: float32 [m, 8].
    """
    frames = range(first_frame, first_frame + len(features))
    found = np.empty((len(features), CONDITION_DIMS), np.float32)
    found[:, :1024] = features
    found[:, 1024:1032] = emotions[[max(frame, 0) % len(emotions) for frame in frames]]
    found[:, 1032:1034] = guide.eye_open[[to_and_fro(frame, len(guide.eye_open)) for frame in frames]]
    found[:, 1034:1040] = guide.eye_ball[[to_and_fro(frame, len(guide.eye_ball)) for frame in frames]]
    found[:, 1040:] = guide.points
    return found
