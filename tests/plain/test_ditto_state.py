"""The state between Ditto's steps: it says what it is, it is exact, and it is small."""

from dataclasses import fields

import numpy as np
import pytest

from deployments.errors import BadInput
from deployments.video.ditto.motion import state as motion_state
from deployments.video.ditto.motion.state import MotionState
from deployments.video.ditto.state import LARGEST_STATE, MOST_STATE_BYTES, StreamState, digest

pytestmark = pytest.mark.plain
HERE = digest("configuration")


def largest() -> StreamState:
    """A state with every array at its largest and something in every field."""
    chance = np.random.default_rng(3)
    motion = MotionState(seed=2**63 - 1)
    for each in fields(motion):
        value = getattr(motion, each.name)
        if not isinstance(value, np.ndarray):
            setattr(motion, each.name, type(value)(chance.integers(1, 2**40)))
            continue
        rows = getattr(motion_state, f"MOST_{each.name.upper()}")
        filled = chance.normal(scale=1000, size=(rows, *value.shape[1:])).astype(value.dtype)
        setattr(motion, each.name, filled)
    motion.seed = 2**63 - 1
    return StreamState(motion, chance.normal(size=(4, 21, 3)).astype(np.float32))


def test_comes_back_exactly() -> None:
    before = largest()
    after = StreamState.from_bytes(before.to_bytes(HERE, "a"), HERE, "a")
    for each in fields(MotionState):
        old, new = getattr(before.motion, each.name), getattr(after.motion, each.name)
        assert type(old) is type(new), each.name
        assert np.array_equal(old, new) and np.asarray(old).dtype == np.asarray(new).dtype, each.name
    assert np.array_equal(before.waiting, after.waiting)
    assert after.next_frame == before.motion.emitted - 4


def test_an_empty_state_comes_back_too() -> None:
    after = StreamState.from_bytes(StreamState(MotionState(seed=5)).to_bytes(HERE, "a"), HERE, "a")
    assert after.motion.seed == 5 and after.motion.ended is False and after.waiting.shape == (0, 21, 3)


def test_at_its_largest_it_is_under_256_kilobytes() -> None:
    size = len(largest().to_bytes(HERE, "a"))
    assert motion_state.MOST_BYTES < size <= LARGEST_STATE <= MOST_STATE_BYTES


def test_every_flipped_byte_is_noticed() -> None:
    blob = StreamState(MotionState(seed=5)).to_bytes(HERE, "a")
    for place in range(len(blob)):
        broken = bytearray(blob)
        broken[place] ^= 0x10
        with pytest.raises(BadInput):
            StreamState.from_bytes(bytes(broken), HERE, "a")


@pytest.mark.parametrize("length", [0, 3, 4, 25, 40, -1, -2, -9, -5000])
def test_a_truncated_state_is_refused(length: int) -> None:
    with pytest.raises(BadInput, match=r"Start a new stream|Send the step again"):
        StreamState.from_bytes(largest().to_bytes(HERE, "a")[:length], HERE, "a")


def test_a_foreign_state_is_refused_with_what_to_do() -> None:
    blob = largest().to_bytes(HERE, "a")
    with pytest.raises(BadInput, match=r"other settings or weights.*Start a new stream"):
        StreamState.from_bytes(blob, digest("another"), "a")
    with pytest.raises(BadInput, match="another avatar"):
        StreamState.from_bytes(blob, HERE, "b")
    with pytest.raises(BadInput, match="not a state of the Ditto engine"):
        StreamState.from_bytes(b"PRTR" + blob[4:], HERE, "a")


def test_a_state_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    blob = largest().to_bytes(HERE, "a")
    monkeypatch.setattr("deployments.video.ditto.state.FORMAT", 2)
    with pytest.raises(BadInput, match="another version"):
        StreamState.from_bytes(blob, HERE, "a")
