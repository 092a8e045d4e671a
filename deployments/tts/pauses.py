"""The silence around a clause: what the model left is trimmed, what the punctuation asks for is put there."""

import numpy as np

from deployments.contracts import Float32
from deployments.tts.settings import PauseSettings

_WINDOW_SECONDS = 0.01
_CLOSERS = "\"'”’»)]）】』」》"
_SENTENCE, _COLON, _COMMA = ".!?…。！？", ":;：；", ",、，—–-"


def pause_after(text: str, settings: PauseSettings) -> float:
    """Seconds of silence that belong after `text`, by the mark it ends with."""
    last = text.rstrip().rstrip(_CLOSERS)[-1:]
    if last and last in _SENTENCE:
        return settings.sentence_seconds
    if last and last in _COLON:
        return settings.colon_seconds
    return settings.comma_seconds if last and last in _COMMA else settings.tail_seconds


def trimmed(sound: Float32, rate_hz: int, pause_seconds: float, settings: PauseSettings) -> Float32:
    """`sound` with a short lead and `pause_seconds` after its last audible window; empty if all of it is silent.

    The natural decay after the last audible window is kept as far as the pause reaches, so that no final
    consonant is cut off. Both ends are faded.
    """
    window = round(rate_hz * _WINDOW_SECONDS)
    count = len(sound) // window
    levels = np.sqrt(np.mean(sound[: count * window].reshape(count, window) ** 2, axis=1))
    audible = np.flatnonzero(levels > 10 ** (settings.threshold_db / 20))
    if not len(audible):
        return np.zeros(0, np.float32)
    first, last = int(audible[0]) * window, (int(audible[-1]) + 1) * window
    start = max(0, first - round(settings.lead_seconds * rate_hz))
    length = last - start + round(pause_seconds * rate_hz)
    kept = sound[start : start + length].copy()
    kept *= _ramp(len(kept), round(settings.fade_in_seconds * rate_hz))
    kept *= _ramp(len(kept), round(settings.fade_out_seconds * rate_hz))[::-1]
    return np.concatenate([kept, np.zeros(length - len(kept), np.float32)])


def _ramp(length: int, samples: int) -> Float32:
    """A raised cosine over the first `samples`, then ones."""
    samples = min(samples, length // 2)
    gain = np.ones(length, np.float32)
    if samples:
        gain[:samples] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(samples) + 0.5) / samples)
    return gain


def limited(sound: Float32) -> Float32:
    """Peaks beyond ±0.9 bent smoothly to stay within ±1; everything else as it is."""
    over = np.abs(sound) - np.float32(0.9)
    bent = np.sign(sound) * (0.9 + 0.1 * np.tanh(over / 0.1))
    return np.where(over > 0, bent, sound).astype(np.float32)
