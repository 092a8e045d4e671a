"""What an ear notices. Times are milliseconds of the session's sound, from its first sample."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody speaks since `at_ms`. `audio_ms`: where the utterance's sound begins, the padding before it included."""

    at_ms: int
    audio_ms: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Nobody speaks since `at_ms`: perhaps the turn is over."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """It was not: the same person speaks on since `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Lengthened:
    """Another while of speech, up to `at_ms`: time for a look at what was said."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The turn is over. Its last speech was at `at_ms`, the silence was waited for until `audio_ms`."""

    at_ms: int
    audio_ms: int


EarEvent = Started | Paused | Resumed | Lengthened | Stopped
