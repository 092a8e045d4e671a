"""What the network heard, made into a mouth: loudness opens it wider, and pauses rest it.

The network's own module shuts the lips for m, b and p; here they stay as it left them.
"""

import numpy as np

from deployments.contracts import Float32
from deployments.video.portrait.pose import MOUTH_CHANNELS

_OPEN = MOUTH_CHANNELS.index("open")
_QUIET_SHARE, _LOUD_SHARE = 0.72, 0.42
"""Of the opening heard: for the quietest syllables, and what full loudness adds. Loud vowels are wider than soft ones,
and the network, which was trained without loudness, cannot tell them apart."""


def shaped(channels: Float32, level: float, gate: float) -> Float32:
    """One frame's mouth, float32 [8], from the network's `channels` (MOUTH_CHANNELS), the level and the gate, 0..1."""
    mouth = channels * np.float32(gate)
    mouth[_OPEN] *= np.float32(_QUIET_SHARE + _LOUD_SHARE * level)
    return mouth
