"""The avatar's own voice in the microphone, told from a person's.

What was sent to the client is known, and about where playback is. When something that sounds like speech is about to
interrupt the avatar, it is searched for in what was played then. Is it found, then from there on the room's answer is
learned and subtracted, and only sound that is louder than what such a subtraction leaves can be a person. Where there
is no echo (headphones, or a browser that removes it) nothing is found and nothing is changed.
"""

from dataclasses import dataclass

import numpy as np
import soxr

from deployments.contracts import HEARING_RATE_HZ, Float32, Pcm
from serve_app.realtime.hearing.activity import WINDOW_MS, WINDOW_SAMPLES, VoiceActivity
from serve_app.realtime.hearing.echo_filter import EchoFilter, Parted
from serve_app.realtime.hearing.echo_search import Found, search
from serve_app.realtime.hearing.settings import EchoSettings
from serve_app.realtime.hearing.sound import Kept

_LEAD_SAMPLES = 128
"""The echo is expected so much later than the speaker's sound is given to the filter: a search is not exact."""
_HISTORY_SECONDS = 1.5
_LEAK_DECAY_DB = 0.15
"""A window (32 ms): 10 dB in two seconds."""
_LEAK_MARGIN_DB = 3.0
_PASSES = 2
_SILENT_SHARE = 0.06
_LEAST_SEARCHED_SAMPLES = 6 * WINDOW_SAMPLES


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A window without the echo, and the probability that a person speaks in it."""

    samples: Float32
    probability: float


@dataclass(frozen=True, slots=True)
class _Learnt:
    """A filter, what it leaves of the last sound, whether that is a person, and the guard's measures after it."""

    filter: EchoFilter
    left_power: float
    person: bool
    echo_power: float
    leak_db: float


class EchoGuard:
    """Hears one session's microphone while the avatar may be audible. Positions are samples at 16 kHz."""

    def __init__(self, settings: EchoSettings, activity: VoiceActivity) -> None:
        self._settings = settings
        self._activity = activity
        self._partitions = max(1, -(-settings.filter_ms // WINDOW_MS))
        self._said = Kept()
        self._heard = Kept()
        self._playing: float | None = None
        self._silent_for = 0.0
        self._reported = False
        self._offset: int | None = None
        self._filter: EchoFilter | None = None
        self._echo_power = 0.0
        self._leak_db = settings.leak_db
        self._doubts = 0

    @property
    def active(self) -> bool:
        """The avatar may be audible now."""
        return self._playing is not None

    @property
    def found(self) -> bool:
        """There is an echo, and it is being subtracted."""
        return self._offset is not None

    def said(self, pcm: Pcm, at_seconds: float) -> None:
        """Speech that was sent to the client, and when on the media clock. If that begins again, all is forgotten."""
        if not self._settings.enabled or len(pcm.samples) == 0:
            return
        samples = pcm.samples
        if pcm.rate_hz != HEARING_RATE_HZ:
            samples = np.asarray(soxr.resample(samples, pcm.rate_hz, HEARING_RATE_HZ, quality="MQ"), np.float32)
        at = round(at_seconds * HEARING_RATE_HZ)
        gap = at - self._said.end
        if gap < -HEARING_RATE_HZ // 20 or gap > self._settings.kept_seconds * HEARING_RATE_HZ:
            self._said = Kept(at)
            self._offset = None
        elif gap > 0:
            self._said.append(np.zeros(gap, np.float32))
        self._said.append(samples[max(0, self._said.end - at) :])
        if not self._reported:
            self._silent_for = 0.0
            self._start(at if self._playing is None else self._playing)

    def plays(self, played_seconds: float | None) -> None:
        """Where playback is, about; None when it is silent."""
        self._reported = True
        if played_seconds is None:
            self._silent_for = max(self._silent_for, 1e-9)
        elif self._settings.enabled and self._said.end > self._said.start:
            self._start(played_seconds * HEARING_RATE_HZ)
            self._silent_for = 0.0

    def clean(self, window: Float32) -> Cleaned:
        """The next window of the microphone, while `active`."""
        at = self._heard.end
        self._heard.append(window)
        parted = self._filter.part(window, self._played(at)) if self._filter and self._offset is not None else None
        self._pass()
        if parted is None:
            return Cleaned(window, self._activity.probability(window))
        # Where there was no echo after all it is not added.
        rest = parted.rest if _power(parted.rest) < _power(window) else window
        probability = self._activity.probability(rest)
        return Cleaned(rest, probability if self._judge(parted, rest) else 0.0)

    def miss(self, window: Float32) -> None:
        """The next window did not come; silence is taken for it."""
        self._heard.append(window)
        self._pass()

    def owed_ms(self, needed_ms: int) -> int:
        """Of the last `needed_ms`, which sounded like speech, how much has to be heard again before it may be a person.

        Looks for the echo anew: 0 where there is none or a person speaks over it; all where it is the avatar; where
        that is uncertain a part.
        """
        if self._playing is None:
            return 0
        length = self._settings.search_sound_ms * HEARING_RATE_HZ // 1000
        start = self._sounds_since(max(self._heard.start, self._heard.end - length))
        origin, found = self._search(start, round(self._playing))
        # In less sound chance finds more likeness.
        likeness = found.likeness * ((self._heard.end - start) / length) ** 0.5
        if likeness < self._settings.likeness:
            if self._doubts >= self._settings.doubts or likeness < self._settings.unlikeness:
                self._doubts = 0
                return 0
            self._doubts += 1
            return min(needed_ms, self._settings.doubt_ms)
        self._doubts = 0
        self._offset = origin + found.position - start
        return 0 if self._learn_anew(start, needed_ms) else needed_ms

    def _start(self, position: float) -> None:
        if self._playing is None:
            self._heard = Kept(self._heard.end)
            self._silent_for = 0.0
            self._offset = None
            self._doubts = 0
        self._playing = position

    def _pass(self) -> None:
        """A window's time goes by."""
        if self._playing is None:
            return
        self._playing += WINDOW_SAMPLES
        seconds = WINDOW_SAMPLES / HEARING_RATE_HZ
        if self._silent_for > 0 or self._playing > self._said.end:
            self._silent_for += seconds
        history = round(_HISTORY_SECONDS * HEARING_RATE_HZ)
        if self._heard.end - self._heard.start > 2 * history:
            self._heard.forget(self._heard.end - history)
        oldest = round(self._playing - self._settings.kept_seconds * HEARING_RATE_HZ)
        if oldest - self._said.start > HEARING_RATE_HZ:
            self._said.forget(oldest)
        if self._silent_for > self._settings.tail_seconds:
            self._playing = None

    def _sounds_since(self, start: int) -> int:
        """Where, after `start`, it is silent no longer: after a stall the silence is not in what was said."""
        windows = self._heard.between(start, self._heard.end)
        windows = windows[: len(windows) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES)
        powers = np.mean(windows * windows, axis=1)
        loud = np.flatnonzero(powers > _SILENT_SHARE * powers.max(initial=0.0))
        latest = self._heard.end - _LEAST_SEARCHED_SAMPLES
        return max(start, min(start + (int(loud[0]) * WINDOW_SAMPLES if len(loud) else 0), latest))

    def _search(self, start: int, playing: int) -> tuple[int, Found]:
        """Looks for what was heard since `start` around where playback was; where the search began, and its find."""
        back = round(self._settings.search_back_seconds * HEARING_RATE_HZ)
        origin = playing - (self._heard.end - start) - back
        end = playing + round(self._settings.search_ahead_seconds * HEARING_RATE_HZ)
        return origin, search(self._heard.between(start, self._heard.end), self._known(origin, end))

    def _known(self, start: int, end: int) -> Float32:
        """What the avatar said, and silence where nothing is known."""
        samples = np.zeros(end - start, np.float32)
        known = self._said.between(start, end)
        skipped = max(0, self._said.start - start)
        samples[skipped : skipped + len(known)] = known
        return samples

    def _played(self, at: int) -> Float32:
        """What the loudspeaker played for the window heard at `at`, a little ahead."""
        assert self._offset is not None
        start = at + self._offset + _LEAD_SAMPLES
        return self._known(start, start + WINDOW_SAMPLES)

    def _learn_anew(self, start: int, needed_ms: int) -> bool:
        """The filter from what was heard; whether a person is heard in the last `needed_ms` all the same.

        Before `start` playback may have stood still, which teaches that there is no echo: what explains more is kept.
        """
        all_windows = (self._heard.end - self._heard.start) // WINDOW_SAMPLES
        last = max(1, needed_ms // WINDOW_MS)
        found = [self._learn(windows, last) for windows in {all_windows, (self._heard.end - start) // WINDOW_SAMPLES}]
        best = min(found, key=lambda one: one.left_power)
        self._filter, self._echo_power, self._leak_db = best.filter, best.echo_power, best.leak_db
        return best.person

    def _learn(self, windows: int, last: int) -> _Learnt:
        places = [self._heard.end - (windows - index) * WINDOW_SAMPLES for index in range(windows)]
        microphone = np.stack([self._heard.between(at, at + WINDOW_SAMPLES) for at in places])
        speaker = np.stack([self._played(at) for at in places])
        learnt = EchoFilter(self._partitions, microphone, speaker)
        for _ in range(_PASSES):
            self._echo_power, self._leak_db = 0.0, self._settings.leak_db
            parted = [learnt.part(one, other) for one, other in zip(microphone, speaker, strict=True)]
            judged = [self._judge(both, both.rest) for both in parted][-last:]
        left = sum(_power(both.rest) for both in parted[-last:])
        return _Learnt(learnt, left, 2 * sum(judged) > len(judged), self._echo_power, self._leak_db)

    def _judge(self, parted: Parted, rest: Float32) -> bool:
        """Whether what is left is more than an imperfect subtraction leaves."""
        decay = 10 ** (-self._settings.decay_db_per_second * WINDOW_MS / 10_000)
        self._echo_power = max(_power(parted.echo), self._echo_power * decay)
        if self._echo_power <= 0:
            return True
        left_db = 10 * np.log10(max(_power(rest), 1e-12) / self._echo_power)
        if left_db > self._leak_db:
            return True
        falling = max(self._leak_db - _LEAK_DECAY_DB, left_db + _LEAK_MARGIN_DB)
        self._leak_db = float(np.clip(falling, self._settings.least_leak_db, self._settings.leak_db))
        return False


def _power(samples: Float32) -> float:
    return float(np.mean(samples * samples)) if samples.size else 0.0
