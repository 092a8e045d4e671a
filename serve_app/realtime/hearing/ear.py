"""One session's ear: sound in as it comes, out of it when somebody speaks, and what they said.

Pure computation; times are milliseconds of the session's sound, from its first sample. A tenth of a second of sound
takes 0.5 ms, and 1.5 ms while the avatar's own voice has to be told from a person's (20 ms where it is looked for), so
it may be called from an event loop with what a client sends at a time.
"""

import numpy as np

from deployments.contracts import HEARING_RATE_HZ, Float32, Pcm
from deployments.errors import BadInput, TooLarge
from serve_app.realtime.hearing.activity import WINDOW_MS, WINDOW_SAMPLES, VoiceActivity
from serve_app.realtime.hearing.echo import EchoGuard
from serve_app.realtime.hearing.events import EarEvent, Lengthened, Paused, Resumed, Started, Stopped
from serve_app.realtime.hearing.settings import EarSettings, TurnDetection
from serve_app.realtime.hearing.sound import Inlet, Kept
from serve_app.realtime.hearing.turns import TurnTaker

__all__ = ["Ear", "EarEvent", "Lengthened", "Paused", "Resumed", "Started", "Stopped"]
_PER_MS = HEARING_RATE_HZ // 1000


class Ear:
    """Made for one session. Not thread-safe."""

    def __init__(self, settings: EarSettings, activity: VoiceActivity) -> None:
        """`activity` is for this session alone (`VoiceActivity.fresh`). 24 kHz is expected until told otherwise."""
        self._settings = settings
        self._activity = activity
        self._guard = EchoGuard(settings.echo, activity)
        self._inlet = Inlet(24_000)
        self._turns = TurnTaker(settings, settings.detection) if settings.detection else None
        self._kept = Kept()
        self._pending: Float32 = np.zeros(0, np.float32)
        self._begun: int | None = None
        self._finished: Float32 | None = None

    @property
    def now_ms(self) -> int:
        """How much sound was heard so far."""
        return (self._kept.end + len(self._pending)) // _PER_MS

    @property
    def speaking(self) -> bool:
        """Somebody speaks, or paused for less than ends a turn."""
        return self._turns is not None and self._turns.speaking

    def configure(self, detection: TurnDetection | None, rate_hz: int) -> None:
        """How turns are taken from now on (None: by commit), and the sound's rate. Turns begin anew."""
        if rate_hz != self._inlet.rate_hz:
            self._pending = np.concatenate([self._pending, self._inlet.end()])
            self._inlet = Inlet(rate_hz)
        if detection is None:
            if self._turns is not None:
                self._kept.forget(self._kept.end)
            self._turns = None
        elif self._turns is None:
            self._turns = TurnTaker(self._settings, detection)
            self._kept.forget(self._kept.end - detection.prefix_padding_ms * _PER_MS)
        else:
            self._turns.detection = detection
            self._turns.reset()
        self._finished = self._begun = None

    def append(self, pcm16: bytes) -> list[EarEvent]:
        """PCM16 mono of the configured rate, and what was noticed in it.

        Raises BadInput for half a sample and TooLarge where nobody ends the turn or it is too much at once; neither
        changes anything.
        """
        limit = self._settings.max_utterance_seconds
        seconds = len(pcm16) / 2 / self._inlet.rate_hz
        held = (self._kept.end - self._kept.start) / HEARING_RATE_HZ if self._turns is None else 0.0
        if held + seconds > limit:
            raise TooLarge(f"At most {limit:g} s may be said at a time; commit what there is, or clear it.")
        heard = np.concatenate([self._pending, self._inlet.take(pcm16)])
        whole = len(heard) // WINDOW_SAMPLES * WINDOW_SAMPLES
        self._pending = heard[whole:]
        events: list[EarEvent] = []
        for start in range(0, whole, WINDOW_SAMPLES):
            events += self._window(heard[start : start + WINDOW_SAMPLES])
        return events

    def idle(self, seconds: float) -> list[EarEvent]:
        """No sound came for so long, or for so much longer: while somebody speaks that is heard as silence."""
        events: list[EarEvent] = []
        for _ in range(round(seconds * HEARING_RATE_HZ / WINDOW_SAMPLES)):
            if not self.speaking:
                break
            silence = np.zeros(WINDOW_SAMPLES, np.float32)
            if self._guard.active:
                self._guard.miss(silence)
            events += self._heard(silence, 0.0, self._settings.start_ms)
        return events

    def speech(self) -> Pcm:
        """The utterance so far, or the last one where it was not committed yet; empty where there is none."""
        return Pcm(self._so_far() if self._finished is None else self._finished, HEARING_RATE_HZ)

    def commit(self) -> Pcm:
        """The utterance that ended last; else what is being said; without turn detection all there is. It is forgotten.

        Raises BadInput when there is nothing.
        """
        if self._finished is not None:
            finished, self._finished = self._finished, None
            return Pcm(finished, HEARING_RATE_HZ)
        samples = self._so_far()
        if len(samples) < max(1, self._settings.min_commit_ms * _PER_MS):
            raise BadInput(
                f"There is nothing to commit: {len(samples) // _PER_MS} ms of speech, "
                f"and {self._settings.min_commit_ms} are the least."
            )
        self._forget()
        return Pcm(samples, HEARING_RATE_HZ)

    def clear(self) -> None:
        """All sound so far is forgotten, and a turn that had begun has not."""
        self._finished = None
        self._forget()

    def avatar_said(self, pcm: Pcm, at_seconds: float) -> None:
        """Speech that was sent to the client, where it lies on the response's media clock. Any rate."""
        self._guard.said(pcm, at_seconds)

    def avatar_plays(self, played_seconds: float | None) -> None:
        """How far the client has played the response (about); None: it is silent, and what was said is forgotten."""
        self._guard.plays(played_seconds)

    def _window(self, window: Float32) -> list[EarEvent]:
        turns = self._turns
        if turns is None:
            self._kept.append(window)
            return []
        if not self._guard.active:
            return self._heard(window, self._activity.probability(window), self._settings.start_ms)
        needed = self._settings.interrupt_ms
        cleaned = self._guard.clean(window)
        probability = cleaned.probability
        if turns.begins(probability, needed) and (owed := self._guard.owed_ms(needed)):
            turns.owe(needed, owed)
            return self._heard(cleaned.samples, None, needed)
        return self._heard(cleaned.samples, probability, needed)

    def _heard(self, window: Float32, probability: float | None, needed_ms: int) -> list[EarEvent]:
        """A window without echo, None where it is not to count; so much speech begins a turn."""
        turns, start_ms = self._turns, self._kept.end // _PER_MS
        self._kept.append(window)
        if turns is None:
            return []
        events = [] if probability is None else turns.hear(probability, start_ms, needed_ms)
        now = self._kept.end
        for event in events:
            if isinstance(event, Started):
                self._begun = event.audio_ms * _PER_MS
        if self._begun is not None and now - self._begun >= self._settings.max_utterance_seconds * HEARING_RATE_HZ:
            events += turns.end(now // _PER_MS)
        if any(isinstance(event, Stopped) for event in events):
            self._finished, self._begun = self._so_far(), None
        if not turns.speaking:
            # All but what may turn out to be before a turn, now and then.
            padding_ms = turns.detection.prefix_padding_ms + max(self._settings.start_ms, needed_ms) + WINDOW_MS
            if now - self._kept.start > padding_ms * _PER_MS + HEARING_RATE_HZ:
                self._kept.forget(now - padding_ms * _PER_MS)
        return events

    def _so_far(self) -> Float32:
        if self._turns is None:
            return np.concatenate([self._kept.between(self._kept.start, self._kept.end), self._pending])
        return self._kept.between(self._begun, self._kept.end) if self._begun is not None else np.zeros(0, np.float32)

    def _forget(self) -> None:
        if self._turns is None:
            # Where the clock stands the sound ends: what is cut off here is less than a window.
            self._kept.append(self._pending)
            self._pending = np.zeros(0, np.float32)
        else:
            self._turns.reset()
        self._begun = None
        self._kept.forget(self._kept.end)
