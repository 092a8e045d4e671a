"""Where in an utterance the speech is: silence trimmed off, long speech cut where it pauses.

The detector is Silero VAD v6, whose 2 MB faster-whisper ships; it runs on one thread, 0.003 s for a second of sound.
"""

from dataclasses import dataclass

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

from deployments.asr.settings import VoiceActivitySettings
from deployments.contracts import HEARING_RATE_HZ, Float32

MAX_SPAN_SECONDS = 28.0
"""Whisper's window is 30 s; some of it stays free, as the model needs silence at the end to stop."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of an utterance, in samples from its start."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / HEARING_RATE_HZ


def find_spans(samples: Float32, settings: VoiceActivitySettings, max_seconds: float = MAX_SPAN_SECONDS) -> list[Span]:
    """Spans of at most `max_seconds` that hold all the speech; none where there is no speech.

    `samples`: float32 [n], 16 kHz. Short stretches of speech are joined, with the pauses between them, up to the
    configured length. A stretch longer than a span is cut at its last pause of 0.1 s, if it has one.
    """
    if len(samples) == 0:
        return []
    if not settings.enabled:
        step = int(max_seconds * HEARING_RATE_HZ)
        return [Span(start, min(start + step, len(samples))) for start in range(0, len(samples), step)]
    options = VadOptions(
        threshold=settings.threshold,
        min_speech_duration_ms=round(settings.min_speech_seconds * 1000),
        max_speech_duration_s=max_seconds,
        min_silence_duration_ms=round(settings.min_silence_seconds * 1000),
        speech_pad_ms=round(settings.padding_seconds * 1000),
    )
    found = get_speech_timestamps(np.ascontiguousarray(samples, np.float32), options)
    spans: list[Span] = []
    for stretch in (Span(int(item["start"]), int(item["end"])) for item in found):
        if spans and stretch.end - spans[-1].start <= settings.joined_seconds * HEARING_RATE_HZ:
            spans[-1] = Span(spans[-1].start, stretch.end)
        else:
            spans.append(stretch)
    return spans
