"""The state between steps: it says what it is, it is exact, and it is small."""

import numpy as np
import pytest

from deployments.errors import BadInput
from deployments.video.portrait.state import StreamState, digest

pytestmark = pytest.mark.plain
HERE = digest("configuration")


def lived() -> StreamState:
    """A state with something in every field."""
    state = StreamState(seed=2**63 - 1, next_frame=10**9, received=640 * 10**9 + 17)
    state.audio = np.array([-32767, 0, 1, 32767], np.int16)
    state.loudness.mean_db = -31.0000000001
    state.motion.head.yaw, state.motion.gaze.number, state.motion.gate = 0.1 + 0.2, 7.0, 1 / 3
    return state


def test_comes_back_exactly() -> None:
    before = lived()
    after = StreamState.from_bytes(before.to_bytes(HERE, "a"), HERE, "a")
    assert after.audio.tolist() == before.audio.tolist()
    assert after.audio_start == before.audio_start == 640 * 10**9 + 13
    for name in ("seed", "next_frame", "received", "ended", "loudness", "motion"):
        assert getattr(after, name) == getattr(before, name), name


def test_every_flipped_byte_is_noticed() -> None:
    blob = lived().to_bytes(HERE, "a")
    for place in range(0, len(blob), 3):
        broken = bytearray(blob)
        broken[place] ^= 0x10
        with pytest.raises(BadInput):
            StreamState.from_bytes(bytes(broken), HERE, "a")


@pytest.mark.parametrize("length", [0, 3, 4, 40, -1, -2, -9])
def test_a_truncated_state_is_refused(length: int) -> None:
    with pytest.raises(BadInput):
        StreamState.from_bytes(lived().to_bytes(HERE, "a")[:length], HERE, "a")


def test_a_foreign_state_is_refused_with_what_to_do() -> None:
    blob = lived().to_bytes(HERE, "a")
    with pytest.raises(BadInput, match=r"other settings.*Start a new stream"):
        StreamState.from_bytes(blob, digest("another"), "a")
    with pytest.raises(BadInput, match="another avatar"):
        StreamState.from_bytes(blob, HERE, "b")
