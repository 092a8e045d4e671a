"""A film's measures as a table for people and as plain data for files."""

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from benchmarks.quality.measure import Quality

_DIGITS = 4
ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("face seen", "face_seen", "of pictures", "1"),
    ("lips seen", "lips_seen", "of pictures", "1"),
    ("lip sync: correlation", "lip_sync.correlation", "", "high; a still face 0"),
    ("  by chance", "lip_sync.chance", "", "far below the above"),
    ("  with loudness alone", "lip_sync.by_loudness", "", "high"),
    ("  picture late by", "lip_sync.lag_ms", "ms", "0, within 45 late and 125 early (ITU-R BT.1359)"),
    ("  drift, second half", "lip_sync.drift_ms", "ms", "0"),
    ("m, b, p: opening", "closures.opening", "of the usual", "0"),
    ("  elsewhere", "closures.elsewhere", "of the usual", "far above"),
    ("  depth", "closures.depth", "", "0.9; a still face 0"),
    ("blinks", "blinks.a_minute", "a minute", "10 to 30; a still face 0"),
    ("  length", "blinks.seconds", "s", "0.1 to 0.4"),
    ("head: nodding", "head.pitch_degrees", "degrees", "some; a still face 0"),
    ("  turning", "head.yaw_degrees", "degrees", "some; a still face 0"),
    ("  tilting", "head.roll_degrees", "degrees", "some; a still face 0"),
    ("  speed", "head.speed", "% of face/s", "some; a still face 0"),
    ("  shake", "head.shake", "% of face", "below 0.5"),
    ("flicker: background", "flicker.background", "of 255", "below 0.3"),
    ("  face", "flicker.face", "of 255", "below 1"),
    ("  whole picture", "flicker.whole", "of 255", "below 0.2"),
    ("  pulse at key frames", "flicker.key_pulse", "of 255", "below 0.3"),
    ("pictures", "stillness.pictures", "", ""),
    ("  frozen", "stillness.frozen", "", "0; a still picture all"),
    ("  longest stretch", "stillness.longest_seconds", "s", "0"),
    ("  doubled", "stillness.doubled", "of pictures", "below 0.1"),
    ("identity: geometry", "identity.geometry", "% of eyes", "below 2"),
    ("  likeness", "identity.likeness", "", "1"),
    ("  colour", "identity.colour", "CIELAB", "below 3"),
    ("words wrong", "understood.word_error_rate", "", "0"),
    ("letters wrong", "understood.letter_error_rate", "", "0"),
    ("voice: judge", "voice.judge", "cosine", "0.85 to 1"),
    ("  encoder", "voice.encoder", "cosine", "0.85 to 1"),
    ("loudness", "loudness.integrated_lufs", "LUFS", "-23 (EBU R 128) to -14"),
    ("  true peak", "loudness.true_peak_dbtp", "dBTP", "below -1"),
    ("  clipped", "loudness.clipped", "of samples", "below 0.002"),
    ("  speech over noise", "loudness.speech_over_noise_db", "dB", "above 30"),
    ("length", "timing.seconds", "s", ""),
    ("sound begins after picture by", "timing.start_offset_ms", "ms", "0"),
    ("  ends after picture by", "timing.end_offset_ms", "ms", "0"),
    ("  drift of the streams", "timing.drift_ms", "ms", "0"),
    ("gaps", "timing.gaps", "", "0"),
)
"""Name, field of Quality, unit, what is good."""


def table(quality: Quality) -> str:
    """One line a measure; "-" for what was not measured; then what was heard, and the notes."""
    lines = [f"{'measure':<30} {'value':>9}  {'unit':<12}  good"]
    for name, path, unit, good in ROWS:
        value = value_at(quality, path)
        shown = "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
        lines.append(f"{name:<30} {shown:>9}  {unit:<12}  {good}".rstrip())
    if quality.understood is not None:
        lines.append(f"heard: {quality.understood.heard}")
    return "\n".join([*lines, *quality.notes])


def value_at(quality: Quality, path: str) -> float | int | None:
    """The field `part.name`, None where the part was not measured."""
    value: Any = quality
    for name in path.split("."):
        value = None if value is None else getattr(value, name)
    if value is None or isinstance(value, int):
        return value
    return float(value)


def plain(value: Any) -> Any:
    """Dataclasses and arrays as JSON can hold them, four digits after the point; what is no number becomes None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else None
    return value
