"""A Transcriber that hears loudness only, so that tests can say beforehand what it will hear."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from deployments.contracts import HEARING_RATE_HZ, Transcript, Utterance, Word
from deployments.errors import BadInput, Unsupported


@dataclass
class FakeTranscriber:
    """Hears `text` in any sound and nothing in silence. `batches` records the sizes of the batches it was given."""

    text: str = "what is the time"
    languages: tuple[str, ...] = ("en", "es", "zh")
    batches: list[int] = field(default_factory=list)

    def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript | Exception]:
        self.batches.append(len(batch))
        return [self._one(utterance) for utterance in batch]

    def _one(self, utterance: Utterance) -> Transcript | Exception:
        samples, seconds = utterance.pcm.samples, utterance.pcm.seconds
        if utterance.pcm.rate_hz != HEARING_RATE_HZ or samples.ndim != 1 or not np.isfinite(samples).all():
            return BadInput("not mono 16 kHz speech of finite numbers")
        if utterance.language is not None and utterance.language not in self.languages:
            return Unsupported(f"no {utterance.language}")
        loud = np.flatnonzero(np.abs(samples) > 0.01)
        texts = self.text.split() if len(loud) else []
        edges = np.linspace(loud[0], loud[-1], len(texts) + 1) / HEARING_RATE_HZ if texts else []
        words = tuple(
            Word(text, float(start), float(end)) for text, start, end in zip(texts, edges, edges[1:], strict=False)
        )
        return Transcript(" ".join(texts), utterance.language or self.languages[0], words, seconds)
