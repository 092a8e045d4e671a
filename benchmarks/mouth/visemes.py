"""What the mouth does for each sound: the table that the network learns.

Values are in the units of deployments.video.portrait.pose.MOUTH_CHANNELS. The table is our own judgement of lip shapes
(no filmed lips were used); the channels follow from it by weighted smoothing, in which each sound insists on the
channels that make it what it is and yields the others to its neighbours (coarticulation).
"""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from benchmarks.mouth.sounds import SILENCE, Span
from deployments.contracts import Float32
from deployments.video.portrait.pose import MOUTH_CHANNELS

TARGETS_PER_SECOND = 100
_SMOOTHING_SECONDS = np.array([0.026, 0.042, 0.045, 0.030, 0.030, 0.023, 0.028, 0.032])
"""Of each channel. Rounding and spreading begin before and outlast their sound; a closure is brief, and the vowel
between two closures ("mama") must still open."""
_SHORT_PAUSE_SECONDS = 0.10


def _shape(**channels: float) -> Float32:
    return np.array([channels.get(name, 0.0) for name in MOUTH_CHANNELS], np.float32)


_REST = _shape()
_PRESSED = _shape(press=1.0)
_TEETH_ON_LIP = _shape(open=0.05, tuck=0.35, up=0.9)
_DENTAL = _shape(open=0.10, low=0.3, tongue=0.8)
_ALVEOLAR = _shape(open=0.09, low=0.4, tongue=0.5, wide=0.04)
_NASAL = _shape(open=0.10, low=0.35, tongue=0.5, wide=0.03)
_LATERAL = _shape(open=0.13, low=0.3, tongue=0.9)
_HISS = _shape(open=0.05, wide=0.12, low=0.65, up=0.3)
_HUSH = _shape(open=0.08, pucker=0.45, low=0.7, up=0.5)
_BACK = _shape(open=0.12, low=0.25)
_BREATH = _shape(open=0.13)
_R = _shape(open=0.11, pucker=0.42, low=0.2)
_SH_VOWEL = _shape(open=0.09, pucker=0.38, low=0.5, up=0.3)
_PALATAL = _shape(open=0.08, wide=0.15, low=0.3)

_CONSONANTS: dict[str, Float32] = {
    **dict.fromkeys(("p·", "b·", "m"), _PRESSED),
    "β": _shape(open=0.03, press=0.6),
    "ɸ": _shape(open=0.05, pucker=0.3, press=0.2),
    **dict.fromkeys("pb", _BREATH),
    **dict.fromkeys("fv", _TEETH_ON_LIP),
    "ʋ": _shape(open=0.07, tuck=0.25, up=0.6),
    **dict.fromkeys("θð", _DENTAL),
    **dict.fromkeys(("t·", "d·", "t", "d", "ɾ", "r", "ɽ", "ʈ·", "ɖ·", "ʈ", "ɖ"), _ALVEOLAR),
    **dict.fromkeys("nɳɲ", _NASAL),
    **dict.fromkeys("lʎ", _LATERAL),
    **dict.fromkeys("sz", _HISS),
    **dict.fromkeys("ʃʒʂʐ", _HUSH),
    **dict.fromkeys("ɕʑç", _shape(open=0.06, wide=0.13, low=0.6, up=0.3)),
    **dict.fromkeys(("k·", "ɡ·", "k", "ɡ", "ŋ", "ɴ", "x", "ɣ", "χ", "ʁ", "ɰ", "q·", "q", "c·", "c", "ɟ·", "ɟ"), _BACK),
    **dict.fromkeys("hʰ", _BREATH),
    **dict.fromkeys("ɹɻ", _R),
    **dict.fromkeys("jʝ", _PALATAL),
    "w": _shape(open=0.05, pucker=0.9),
    "ɥ": _shape(open=0.06, pucker=0.85),
}
_VOWELS: dict[str, Float32] = {
    "i": _shape(open=0.08, wide=0.20, low=0.5, up=0.35),
    "ɪ": _shape(open=0.12, wide=0.12, low=0.4, up=0.2),
    "e": _shape(open=0.16, wide=0.14, low=0.4, up=0.2),
    "ɛ": _shape(open=0.20, wide=0.10, low=0.4, up=0.15),
    "æ": _shape(open=0.26, wide=0.12, low=0.4, up=0.2),
    "a": _shape(open=0.30, wide=0.05, low=0.3, up=0.1),
    "ɑ": _shape(open=0.33, low=0.2),
    "ʌ": _shape(open=0.21, low=0.25),
    "ə": _shape(open=0.14, low=0.25),
    "ɐ": _shape(open=0.17, low=0.25),
    "ɒ": _shape(open=0.28, pucker=0.25),
    "ɔ": _shape(open=0.26, pucker=0.35),
    "o": _shape(open=0.19, pucker=0.55),
    "ʊ": _shape(open=0.11, pucker=0.50),
    "u": _shape(open=0.07, pucker=0.85),
    "y": _shape(open=0.07, pucker=0.85, low=0.1),
    "ø": _shape(open=0.13, pucker=0.60),
    "œ": _shape(open=0.19, pucker=0.45),
    "ɯ": _shape(open=0.09, wide=0.04, low=0.3),
    "ɤ": _shape(open=0.16, wide=0.03, low=0.3),
    "ɚ": _shape(open=0.12, pucker=0.42, low=0.2),
    "ɜ": _shape(open=0.13, pucker=0.32, low=0.2),
    "ɨ": _shape(open=0.10, wide=0.06, low=0.4),
    "ʅ": _SH_VOWEL,
    "ɿ": _shape(open=0.08, wide=0.13, low=0.5, up=0.2),
}
VISEMES: dict[str, Float32] = {SILENCE: _REST, **_CONSONANTS, **_VOWELS}
"""Sound to channels, for every sound of the three alphabets."""


_YIELDING = (
    "p",
    "b",
    "h",
    "ʰ",
    "k·",
    "ɡ·",
    "k",
    "ɡ",
    "ŋ",
    "x",
    "ɣ",
    "χ",
    "ʁ",
    "ɰ",
    "ɴ",
    "q·",
    "q",
    "c·",
    "c",
    "ɟ·",
    "ɟ",
)
_HELD: tuple[tuple[Iterable[str], tuple[float, ...]], ...] = (
    (_CONSONANTS, (0.6, 0.25, 0.2, 0.3, 0.4, 0.8, 0.8, 1.2)),
    (_VOWELS, (1.0, 0.9, 1.0, 0.8, 0.8, 1.0, 1.0, 0.6)),
    (_YIELDING, (0.25, 0.1, 0.1, 0.2, 0.2, 0.6, 0.6, 0.4)),
    ("szʃʒʂʐɕʑçʅɿ", (2.0, 0.8, 1.2, 0.8, 1.2, 1.0, 1.0, 0.6)),
    ("wuɹɻɥyɚ", (1.2, 1.5, 2.5, 0.6, 0.6, 1.0, 1.0, 0.5)),
    ("fvʋ", (2.5, 0.3, 0.3, 3.0, 1.0, 1.5, 3.0, 0.3)),
    ("β", (2.0, 0.3, 0.3, 0.8, 0.8, 1.6, 1.0, 0.3)),
    (("p·", "b·", "m"), (2.5, 0.3, 0.3, 1.0, 1.0, 3.0, 1.0, 0.3)),
)
_INSISTENCE = {sound: weights for sounds, weights in _HELD for sound in sounds}


def insistence(sound: str, seconds: float) -> tuple[float, ...]:
    """How strongly a sound holds each channel against its neighbours: eight weights. A short pause yields."""
    if sound == SILENCE:
        return (0.7 if seconds > _SHORT_PAUSE_SECONDS else 0.15,) * len(MOUTH_CHANNELS)
    return _INSISTENCE[sound]


def targets(spans: Sequence[Span], count: int) -> Float32:
    """Channels at 100 Hz for `count` instants, the first at 5 ms: float32 [count, 8]."""
    shapes = np.zeros((count, len(MOUTH_CHANNELS)))
    weights = np.full((count, len(MOUTH_CHANNELS)), 0.3)
    for span in spans:
        start = min(count, max(0, round(span.start * TARGETS_PER_SECOND)))
        end = min(count, max(start + 1, round(span.end * TARGETS_PER_SECOND)))
        shapes[start:end] = VISEMES[span.sound]
        weights[start:end] = insistence(span.sound, span.end - span.start)
    result = np.empty_like(shapes)
    for channel, seconds in enumerate(_SMOOTHING_SECONDS):
        sigma = seconds * TARGETS_PER_SECOND
        held = gaussian_filter1d(weights[:, channel], sigma, mode="nearest")
        result[:, channel] = gaussian_filter1d(shapes[:, channel] * weights[:, channel], sigma, mode="nearest") / held
    return result.astype(np.float32)
