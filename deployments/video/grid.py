"""Where frames and their groups lie on the count of audio samples. Integers only: nothing here can drift."""

from deployments.contracts import SAMPLES_PER_FRAME
from deployments.video.encoding import GROUP_FRAMES

GROUP_SAMPLES = GROUP_FRAMES * SAMPLES_PER_FRAME
"""16 kHz samples that a group of frames shows: 3200, 200 ms."""


def frames_in(samples: int) -> int:
    """Frames that a stream of `samples` samples has in all: a frame begun is a frame."""
    return -(-samples // SAMPLES_PER_FRAME)


def groups_ready(samples: int, lookahead_samples: int) -> int:
    """Whole groups that `samples` samples suffice for when each needs the look-ahead behind its own end.

    These are the groups made in the knowledge of no end. Those after them are made only once the end is known,
    however late that news comes: so a stream's frames do not depend on when it came.
    """
    return max(0, (samples - lookahead_samples) // GROUP_SAMPLES)
