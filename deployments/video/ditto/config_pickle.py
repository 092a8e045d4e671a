"""The published configuration files (`v0.4_hubert_cfg_*.pkl`): the settings that were shipped with the weights, and the
reference character, blink and bounds that the motion model was made to work with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from deployments.contracts import Float32
from deployments.errors import WeightsMissing
from deployments.video.ditto.motion.character import Guide
from deployments.video.ditto.plain_pickle import load
from deployments.video.ditto.sizes import ANGLE_BINS, CONDITION_DIMS, MOTION_DIMS, POINTS, WINDOW_FRAMES
from deployments.video.ditto.types import Motion

WEIGHT_SET = "ditto-config"
"""The set of deployments/weights/manifest.json that has the files."""
_EMOTIONS = 8
_MODEL = {"motion_feat_dim": MOTION_DIMS, "audio_feat_dim": CONDITION_DIMS, "seq_frames": WINDOW_FRAMES}
_ARRAYS = ("emo", "ch_info", "delta_eye_arr", "v_min_max_for_clip")
_WIDTHS = {"scale": 1, "pitch": ANGLE_BINS, "yaw": ANGLE_BINS, "roll": ANGLE_BINS, "t": 3, "exp": 63, "kp": 63}


@dataclass(frozen=True, slots=True, eq=False)
class PublishedConfig:
    """One file's `default_kwargs`. What is None is not in the file.

    `values`: all that is not an array, under the published names (`motion.settings.from_published` reads them).
    `emotions`: float32 [m, 8], shares of the emotions, cycled through frame by frame. `reference`: the character
    (`ch_info`) that stands in for every face before the motion model. `blink`: float32 [k, 63], what each of a blink's
    frames adds to the expression (`delta_eye_arr`). `bounds`: float32 [2, 265], least and most of each motion dimension
    (the two rows that are used of `v_min_max_for_clip`).
    """

    values: Mapping[str, object]
    emotions: Float32 | None = None
    reference: Guide | None = None
    blink: Float32 | None = None
    bounds: Float32 | None = None


def load_config(path: Path) -> PublishedConfig:
    """Raises WeightsMissing, with the reason and the remedy, where the file does not exist, holds anything but plain
    data (plain_pickle.py), or is not a configuration of this motion model."""
    if not path.is_file():
        raise WeightsMissing(f"{path} does not exist. Fetch it with: avatar models pull {WEIGHT_SET}")
    try:
        return _config(load(path))
    except (OSError, ValueError) as error:
        remedy = f"Delete it and fetch it again: avatar models pull {WEIGHT_SET}"
        raise WeightsMissing(f"{path} is not a configuration of Ditto ({error}). {remedy}") from error


def _config(stored: object) -> PublishedConfig:
    model = _table(_table(stored, "the file").get("audio2motion_cfg", {}), "audio2motion_cfg")
    for key, expected in _MODEL.items():
        if model.get(key, expected) != expected:
            raise ValueError(f"{key} is {model[key]}, not {expected}: it belongs to another motion model")
    found = _table(_table(stored, "the file").get("default_kwargs"), "default_kwargs")
    values = {key: value for key, value in found.items() if key not in _ARRAYS and not isinstance(value, np.ndarray)}
    if not isinstance(found.get("emo"), np.ndarray) and "emo" in found:
        values["emo"] = found["emo"]
    blink, bounds, character = (found.get(key) for key in ("delta_eye_arr", "v_min_max_for_clip", "ch_info"))
    return PublishedConfig(
        values=MappingProxyType(values),
        emotions=None if "emo" in values or "emo" not in found else _rows(found["emo"], _EMOTIONS, "emo"),
        reference=None if character is None else _guide(_table(character, "ch_info")),
        blink=None if blink is None else _rows(blink, 3 * POINTS, "delta_eye_arr"),
        bounds=None if bounds is None else _bounds(_rows(bounds, MOTION_DIMS, "v_min_max_for_clip")),
    )


def _guide(character: Mapping[str, Any]) -> Guide:
    frames = character.get("x_s_info_lst")
    if not isinstance(frames, Sequence) or not frames:
        raise ValueError("ch_info has no x_s_info_lst")
    first = _table(frames[0], "x_s_info_lst[0]")
    motion = Motion(**{key: _rows(first.get(key), width, key, only=1) for key, width in _WIDTHS.items()})
    points = _rows(character.get("sc"), 3 * POINTS, "sc", only=1)[0]
    eyes = (
        _rows(character.get("eye_open_lst"), 2, "eye_open_lst"),
        _rows(character.get("eye_ball_lst"), 6, "eye_ball_lst"),
    )
    return Guide(motion, points, *eyes)


def _bounds(rows: Float32) -> Float32:
    if len(rows) < 2 or bool((rows[0] > rows[1]).any()):
        raise ValueError("v_min_max_for_clip has no least and most")
    return rows[:2]


def _table(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not a table")
    return value


def _rows(value: object, width: int, name: str, only: int | None = None) -> Float32:
    """float32 [n, width], n ≥ 1 (or `only`), of an array or a list of arrays that can be laid out so."""
    try:
        numbers = np.asarray(value, np.float32)
        rows = np.ascontiguousarray(numbers.reshape(-1, width))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not rows of {width} numbers") from error
    if not len(rows) or len(rows) != (only or len(rows)) or not bool(np.isfinite(rows).all()):
        raise ValueError(f"{name} has {len(rows)} rows of {width}, or some that are no numbers")
    rows.flags.writeable = False
    return rows
