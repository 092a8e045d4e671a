"""A voice that says tones: one a word, at a pitch of the word's own."""

import threading
import time
from collections.abc import Iterator

import numpy as np

from deployments.contracts import Cancellation, Pcm, SpeechRequest
from deployments.errors import BadInput, Cancelled, NotFound, Unsupported

RATE_HZ = 24_000
SECONDS_PER_WORD = 0.25
VOICES = {"af_heart": "en", "ef_dora": "es", "zf_xiaoxiao": "zh"}
_ENROLLED = b"fake voice match"


class FakeSynthesizer:
    """Implements `Synthesizer`. Each word is a piece; `delay_seconds` passes before each. `running` counts calls."""

    def __init__(self, delay_seconds: float = 0.0) -> None:
        self.delay_seconds = delay_seconds
        self.enrolled: dict[str, bytes] = {}
        self.running = 0
        self.most_running = 0
        self._lock = threading.Lock()

    def enrol(self, sample: Pcm) -> bytes:
        if not np.isfinite(sample.samples).all():
            raise BadInput("The sample holds values that are no numbers.")
        if not len(sample.samples) or float(np.abs(sample.samples).max()) < 1e-3:
            raise BadInput("The sample is silent.")
        if sample.seconds < 3:
            raise BadInput("At least 3 seconds of speech are needed.")
        return _ENROLLED

    def voices(self) -> list[dict[str, object]]:
        entry = {"gender": "female", "kind": "builtin", "default": True}
        return [{"id": id, "name": id[3:].title(), "language": language, **entry} for id, language in VOICES.items()]

    def speak(self, request: SpeechRequest, cancellation: Cancellation) -> Iterator[Pcm]:
        if request.language not in VOICES.values():
            raise Unsupported(f"{request.language!r} is not spoken here: en, es, zh are.")
        if request.voice_id and request.voice_id not in VOICES and request.voice_id not in self.enrolled:
            raise NotFound(f"There is no voice {request.voice_id!r}. Choose one of: {', '.join(VOICES)}.")
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            for word in request.text.split():
                if not any(letter.isalnum() for letter in word):
                    continue
                time.sleep(self.delay_seconds)
                if cancellation.cancelled:
                    raise Cancelled("The speech was withdrawn.")
                yield _tone(word, request.speed)
        finally:
            with self._lock:
                self.running -= 1


def _tone(word: str, speed: float) -> Pcm:
    hertz = 150 + sum(word.encode()) % 150
    times = np.arange(round(SECONDS_PER_WORD * RATE_HZ / speed)) / RATE_HZ
    fade = np.minimum(1, np.minimum(times, times[::-1]) / 0.02)
    return Pcm((0.3 * fade * np.sin(2 * np.pi * hertz * times)).astype(np.float32), RATE_HZ)
