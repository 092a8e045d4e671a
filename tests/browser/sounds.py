"""WAV files for a fake microphone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

import serve_app.samples

RATE_HZ = 48_000
QUESTION = Path(serve_app.samples.__file__).parent / "questions" / "en-capital.wav"


def recording(path: Path, *parts: float | Path, noise: float = 1e-4) -> Path:
    """Writes a recording of the parts, one after another: seconds of quiet, or another file's sound."""
    random = np.random.default_rng(1)
    pieces = [np.zeros(round(part * RATE_HZ)) if isinstance(part, float) else _read(part) for part in parts]
    whole = np.concatenate(pieces)
    soundfile.write(path, whole + noise * random.standard_normal(len(whole)), RATE_HZ, subtype="PCM_16")
    return path


def _read(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float64")
    places = np.arange(round(len(samples) * RATE_HZ / rate)) * rate / RATE_HZ
    return np.interp(places, np.arange(len(samples)), samples)


def loudness(blocks: Sequence[bytes]) -> list[float]:
    """RMS of each block of PCM16."""
    return [float(np.sqrt(np.square(np.frombuffer(block, "<i2") / 32768).mean())) for block in blocks]
