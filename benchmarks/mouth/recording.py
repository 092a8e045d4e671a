"""One spoken sentence of the corpus, with its phones, and its file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from deployments.contracts import Float32


@dataclass(frozen=True, slots=True)
class Recording:
    """`samples`: float32 [n], 16 kHz. `source`: kokoro, espeak or flite; it names the alphabet of the symbols.

    `phones`: (symbol, length) one after the other from the first sample; lengths in units of 25 ms of Kokoro, in
    seconds otherwise.
    """

    samples: Float32
    source: str
    language: str
    voice: str
    text: str
    phones: list[tuple[str, float]]


def save(path: Path, recording: Recording) -> None:
    """Writes 16-bit samples and the labels; whole or not at all."""
    labels = {key: value for key, value in asdict(recording).items() if key != "samples"}
    pcm = np.clip(np.round(recording.samples * 32767), -32768, 32767).astype(np.int16)
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, pcm=pcm, labels=np.frombuffer(json.dumps(labels).encode(), np.uint8))
    partial.rename(path)


def load(path: Path) -> Recording:
    """Reads what `save` wrote."""
    with np.load(path) as file:
        labels = json.loads(file["labels"].tobytes())
        samples = file["pcm"].astype(np.float32) / 32767
    labels["phones"] = [(str(symbol), float(length)) for symbol, length in labels["phones"]]
    return Recording(samples=samples, **labels)
