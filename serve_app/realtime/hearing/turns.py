"""When a turn begins, pauses and ends: a state machine over the probability of speech, window by window.

With hysteresis, as Silero's own iterator has it: speech begins above the threshold, silence below it less a margin, and
what lies between changes nothing.
"""

from serve_app.realtime.hearing.activity import WINDOW_MS
from serve_app.realtime.hearing.events import EarEvent, Lengthened, Paused, Resumed, Started, Stopped
from serve_app.realtime.hearing.settings import EarSettings, TurnDetection


class TurnTaker:
    """Hears one session. Times in milliseconds of its sound; windows follow one another."""

    def __init__(self, settings: EarSettings, detection: TurnDetection) -> None:
        self._settings = settings
        self.detection = detection
        self.reset()

    def reset(self) -> None:
        """Nobody speaks."""
        self.speaking = False
        self.paused = False
        self._voice_ms = 0
        self._voice_since = 0
        self._silent_since: int | None = None
        self._lengthened_ms = 0

    def begins(self, probability: float, needed_ms: int) -> bool:
        """Whether this window would begin a turn if `needed_ms` of speech are asked for."""
        voiced = probability >= self.detection.threshold
        return not self.speaking and voiced and _enough(self._voice_ms + WINDOW_MS, needed_ms)

    def owe(self, needed_ms: int, owed_ms: int) -> None:
        """A turn that would begin now begins only after `owed_ms` more of speech."""
        self._voice_ms = max(0, needed_ms - owed_ms)

    def hear(self, probability: float, start_ms: int, needed_ms: int) -> list[EarEvent]:
        """The next window, which starts at `start_ms`. A turn begins after `needed_ms` of speech."""
        voiced = probability >= self.detection.threshold
        silent = probability < max(0.01, self.detection.threshold - self._settings.hysteresis)
        if self.speaking:
            return self._within(voiced, silent, start_ms)
        if silent:
            self._voice_ms = 0
        elif voiced:
            if self._voice_ms == 0:
                self._voice_since = start_ms
            self._voice_ms += WINDOW_MS
            if _enough(self._voice_ms, needed_ms):
                return [self._start(start_ms + WINDOW_MS)]
        return []

    def end(self, end_ms: int) -> list[EarEvent]:
        """The turn is over whether silent or not."""
        if not self.speaking:
            return []
        at_ms = end_ms if self._silent_since is None else self._silent_since
        self.reset()
        return [Stopped(at_ms, end_ms)]

    def _start(self, end_ms: int) -> Started:
        since = self._voice_since
        self.reset()
        self.speaking = True
        self._lengthened_ms = since
        return Started(since, max(0, since - self.detection.prefix_padding_ms))

    def _within(self, voiced: bool, silent: bool, start_ms: int) -> list[EarEvent]:
        end_ms = start_ms + WINDOW_MS
        if self._silent_since is None:
            if silent:
                self._silent_since = start_ms
                self._voice_ms = 0
                return self._silence(end_ms)
            return self._length(end_ms)
        # One window that sounds like speech may be a click: it takes several to go on.
        self._voice_ms = self._voice_ms + WINDOW_MS if voiced else 0 if silent else self._voice_ms
        if _enough(self._voice_ms, self._settings.resume_ms):
            self._silent_since = None
            events: list[EarEvent] = [Resumed(end_ms - self._voice_ms)] if self.paused else []
            self.paused = False
            return events + self._length(end_ms)
        return self._silence(end_ms)

    def _length(self, end_ms: int) -> list[EarEvent]:
        if end_ms - self._lengthened_ms < self._settings.lengthened_ms:
            return []
        self._lengthened_ms = end_ms
        return [Lengthened(end_ms)]

    def _silence(self, end_ms: int) -> list[EarEvent]:
        since = self._silent_since if self._silent_since is not None else end_ms
        lasted = end_ms - since
        events: list[EarEvent] = []
        if not self.paused and lasted >= self._settings.speculate_ms:
            self.paused = True
            events.append(Paused(since))
        if lasted >= self.detection.silence_duration_ms:
            self.reset()
            events.append(Stopped(since, end_ms))
        return events


def _enough(milliseconds: int, needed_ms: int) -> bool:
    """To the nearest window."""
    return milliseconds + WINDOW_MS // 2 > needed_ms
