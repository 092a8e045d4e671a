"""Which measures of a film are compared with those of another: their units, what is better, and how far they stray.

Everything else that is measured is in the figures. Films of ours are the same each time, so repeating tells nothing of
chance; but a film with another seed, or spoken a little faster, is as good and measures otherwise. By how much is each
metric's stray: `python -m benchmarks.quality.remakes` measures it, and benchmarks/results/remakes-20261121T182921Z.json
is where these figures are from. Three are not: words and letters are those of the texts that the recogniser understands
at all, and speech stood out of what is behind it as far as can be told, each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.quality.closures import Closures
from benchmarks.quality.measure import Quality
from benchmarks.quality.report import value_at
from benchmarks.record import COUNT, SHARE

OF_FILM_MS = "ms of film"
"""Not "ms": that is what another machine gives other figures for."""
Range = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """One measure of a film. `field`: where Quality has it. `better`: lower, higher, or neither; where neither, what is
    good lies `within` a range, and the distance from it is a measure of its own, of which less is better. `stray`:
    standard deviation among films of one text that are as good as each other. `never`: the range outside of which
    something is wrong with a film, whatever others were like: far beyond what good films give."""

    name: str
    field: str
    unit: str
    better: str
    stray: float = 0.0
    within: Range | None = None
    never: Range | None = None
    size: bool = False
    """Of the value only its size counts: late is as bad as early."""


BLINKS_WITHIN: Range = (6.0, 40.0)
"""A minute: people in calm speech, most of them (Bentivoglio and others, Movement Disorders 1997). Counted over all
films of a language, since a short one may well have none."""
BLINKS_FROM_SECONDS = 20.0
"""Over less, their rate says nothing."""
CLOSURES_FROM = 3
"""With fewer m, b and p in a film, how deep they are says more about which words were heard than about the lips."""
_TURNS: Range = (0.3, 15.0)
"""Degrees: a still picture is measured to turn by less, and a portrait that turns by more is torn."""

METRICS: tuple[Metric, ...] = (
    Metric("face_seen", "face_seen", SHARE, "higher", never=(0.9, None)),
    Metric("lips_seen", "lips_seen", SHARE, "higher"),
    Metric("lip_sync", "lip_sync.correlation", "correlation", "higher", 0.011, never=(0.3, None)),
    Metric("lip_sync_off", "lip_sync.lag_ms", OF_FILM_MS, "lower", 1.7, never=(-125, 45), size=True),
    Metric("closure_depth", "closures.depth", "depth", "higher", 0.019),
    Metric("blink_seconds", "blinks.seconds", "s of film", "neither", 0.015),
    Metric("head_nodding", "head.pitch_degrees", "degrees", "neither", 0.65, within=_TURNS),
    Metric("head_turning", "head.yaw_degrees", "degrees", "neither", 0.53, within=_TURNS),
    Metric("head_tilting", "head.roll_degrees", "degrees", "neither", 0.41, within=(0.1, 15.0)),
    Metric("head_speed", "head.speed", "% of face/s", "neither", 0.94, within=(0.7, 20.0)),
    Metric("head_shake", "head.shake", "% of face", "lower", 0.035),
    Metric("flicker_background", "flicker.background", "levels", "lower", 0.018),
    Metric("flicker_face", "flicker.face", "levels", "lower", 0.047),
    Metric("flicker_whole", "flicker.whole", "levels", "lower", 0.0035),
    Metric("flicker_at_keys", "flicker.key_pulse", "levels", "lower", 0.0076),
    Metric("frozen_pictures", "stillness.frozen", SHARE, "lower", never=(None, 0.1)),
    Metric("doubled_pictures", "stillness.doubled", SHARE, "lower", 0.018),
    Metric("identity_geometry", "identity.geometry", "% of eyes", "lower", 0.079),
    Metric("identity_likeness", "identity.likeness", "correlation", "higher", 0.0021, never=(0.8, None)),
    Metric("identity_colour", "identity.colour", "CIELAB", "lower", 0.1),
    Metric("words_wrong", "understood.word_error_rate", SHARE, "lower", 0.035, never=(None, 0.5)),
    Metric("letters_wrong", "understood.letter_error_rate", SHARE, "lower", 0.02),
    Metric("voice_by_judge", "voice.judge", "cosine", "higher", 0.0053, never=(0.6, None)),
    Metric("voice_by_encoder", "voice.encoder", "cosine", "higher", 0.0058),
    Metric(
        "loudness", "loudness.integrated_lufs", "LUFS", "neither", 0.073, within=(-24.0, -14.0), never=(-35.0, -9.0)
    ),
    Metric("true_peak", "loudness.true_peak_dbtp", "dBTP", "neither", 0.36, within=(None, -1.0)),
    Metric("clipped", "loudness.clipped", SHARE, "lower", 0.00025, never=(None, 0.05)),
    Metric("speech_over_noise", "loudness.speech_over_noise_db", "dB", "higher", 1),
    Metric("sound_begins_off", "timing.start_offset_ms", OF_FILM_MS, "lower", 1.0, never=(-45, 45), size=True),
    Metric("sound_ends_off", "timing.end_offset_ms", OF_FILM_MS, "lower", 1.0, never=(-125, 125), size=True),
    Metric("gaps", "timing.gaps", COUNT, "lower", never=(None, 0)),
)


def values_of(quality: Quality) -> dict[str, float | None]:
    """By the name of the metric; None for what was not measured. And what the rate of blinks is counted from."""
    found = {metric.name: _value(quality, metric) for metric in METRICS}
    for metric in METRICS:
        value = found[metric.name]
        if metric.within is not None:
            found[f"{metric.name}_beyond"] = None if value is None else beyond(value, metric.within)
        if metric.size and value is not None:
            found[metric.name] = abs(value)
    found["blinks"] = None if quality.blinks is None else float(len(quality.blinks.times))
    found["film_seconds"] = quality.timing.seconds
    return found


def faults_of(quality: Quality) -> list[str]:
    """What must not be, in words."""
    return [fault for metric in METRICS for fault in _faults(metric, _value(quality, metric))]


def beyond(value: float, within: Range) -> float:
    """How far a value lies outside of a range: 0 inside."""
    low, high = within
    return max(0.0, 0.0 if low is None else low - value, 0.0 if high is None else value - high)


def _value(quality: Quality, metric: Metric) -> float | None:
    value = value_at(quality, metric.field)
    if value is None or value != value or abs(value) == float("inf"):
        return _silent(metric) if value is not None else None
    if quality.closures is not None and metric.field.startswith("closures.") and _few(quality.closures):
        return None
    if metric.name == "frozen_pictures":
        return value / max(1, quality.stillness.pictures)
    return float(value)


def _few(closures: Closures) -> bool:
    return len(closures.times) < CLOSURES_FROM


def _silent(metric: Metric) -> float | None:
    """Silence has no loudness: as far down as it goes."""
    return -70.0 if metric.name == "loudness" else None


def _faults(metric: Metric, value: float | None) -> Iterator[str]:
    if value is not None and metric.never is not None and beyond(value, metric.never):
        low, high = metric.never
        limits = " and ".join([*([f"at least {low:g}"] if low is not None else []), *_most(high)])
        yield f"{metric.name} {value:.3g}, should be {limits}"


def _most(high: float | None) -> list[str]:
    return [] if high is None else [f"at most {high:g}"]
