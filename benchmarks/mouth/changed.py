"""The same sentences in voices that do not exist: pitch, vocal tract and breath changed with the WORLD vocoder.

Times do not change, so the labels of the original hold. This is what helped the prototype most with unseen voices, and
it is what the product's own voice match does to speech.
"""

import logging
import random
from pathlib import Path

import numpy as np
import pyworld

from benchmarks.mouth.recording import Recording, load, save
from deployments.contracts import HEARING_RATE_HZ, Float32

logger = logging.getLogger(__name__)

SHARES = {"kokoro": 1.0, "espeak": 0.3, "flite": 0.5}
"""Of each program's training recordings, how many get a changed copy."""


def change(samples: Float32, tract: float, pitch: float, breath: float) -> Float32:
    """`tract` stretches the spectral envelope (above 1: a shorter vocal tract), `pitch` multiplies F0, `breath` (0..1)
    moves the aperiodicity towards noise. float32 [n] at 16 kHz in and out."""
    signal = samples.astype(np.float64)
    rough, times = pyworld.dio(signal, HEARING_RATE_HZ)
    tone = pyworld.stonemask(signal, rough, times, HEARING_RATE_HZ)
    envelope = pyworld.cheaptrick(signal, tone, times, HEARING_RATE_HZ)
    noise = pyworld.d4c(signal, tone, times, HEARING_RATE_HZ)
    bins = np.arange(envelope.shape[1])
    source = bins / tract
    envelope = np.exp(np.stack([np.interp(source, bins, row) for row in np.log(envelope + 1e-12)]))
    noise = np.stack([np.interp(source, bins, row) for row in noise])
    noise = np.clip(noise + breath * (1.0 - noise), 0.0, 1.0)
    made = pyworld.synthesize(tone * pitch, envelope, noise, HEARING_RATE_HZ)[: len(signal)]
    scaled = np.pad(made, (0, len(signal) - len(made))) * (0.6 / max(1e-6, float(np.abs(made).max())))
    result: Float32 = scaled.astype(np.float32)
    return result


def make_changed(folder: Path) -> None:
    """Writes world-NAME for the chosen share of NAME, towards a higher or a lower voice."""
    for source, share in SHARES.items():
        for file in sorted(folder.glob(f"{source}-train-*.npz")):
            chance = random.Random(f"world {file.stem}")
            target = folder / f"world-{file.name}"
            if chance.random() >= share or target.exists():
                continue
            recording = load(file)
            if chance.random() < 0.6:
                tract, pitch = chance.uniform(1.06, 1.28), chance.uniform(1.2, 2.0)
            else:
                tract, pitch = chance.uniform(0.82, 0.95), chance.uniform(0.6, 0.95)
            samples = change(recording.samples, tract, pitch, chance.uniform(0.0, 0.25))
            save(
                target, Recording(samples, source, recording.language, f"{recording.voice} changed", recording.text, [])
            )
        logger.info("changed copies of %s", source)
