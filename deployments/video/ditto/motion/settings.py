"""How Ditto's face moves: the published control knobs."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Emotion = Literal["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise", "contempt"]
EMOTIONS: tuple[Emotion, ...] = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise", "contempt")
"""In the order of the motion model's labels 0..7."""
DrivenKey = Literal["exp", "pitch", "yaw", "roll", "t"]
EXPRESSION_DIMS = 63
OVERLAPS = {"online": (70, 75), "offline": (10,)}
"""Frames that windows may share; the mode's usual first."""
MOST_FADE_OUT = {"online70": 12, "online75": 7, "offline10": 12}
"""By mode and overlap: one less than the frames at a stream's end that in any case wait for it. A longer fade would
change frames that are out already."""


class ControlSettings(BaseModel):
    """What is changed of every frame's motion, or of one frame's. A knob left out (null) changes nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delta_pitch: float | None = Field(None, ge=-45, le=45, description="Degrees added to the head's pitch.")
    delta_yaw: float | None = Field(None, ge=-45, le=45, description="Degrees added to the head's yaw.")
    delta_roll: float | None = Field(None, ge=-45, le=45, description="Degrees added to the head's roll.")
    alpha_pitch: float | None = Field(None, ge=-4, le=4, description="What the pitch in degrees is multiplied with.")
    alpha_yaw: float | None = Field(None, ge=-4, le=4, description="What the yaw in degrees is multiplied with.")
    alpha_roll: float | None = Field(None, ge=-4, le=4, description="What the roll in degrees is multiplied with.")
    delta_exp: tuple[float, ...] | None = Field(
        None,
        description="63 numbers added to the expression, x y z of 21 points (34: right eye, 58: mouth open).",
    )
    vad_alpha: float | None = Field(
        None, ge=0, le=1, description="How much of the driven expression counts; the rest is the photo's. 0: mute."
    )
    fade_alpha: float | None = Field(
        None, ge=0, le=1, description="How much of the driven motion counts when `fade_type` is set; 0: faded out."
    )

    @field_validator("delta_exp")
    @classmethod
    def _all_dims(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and len(value) != EXPRESSION_DIMS:
            raise ValueError(f"must have {EXPRESSION_DIMS} numbers, 21 points of x y z, not {len(value)}")
        return value


class MotionSettings(BaseModel):
    """Speech to motion. The defaults are the published online configuration's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["online", "offline"] = Field(
        "online", description="online: frames 0.3 to 0.9 s behind the sound; offline: smoother, 3.3 s behind."
    )
    overlap: Literal[10, 70, 75] | None = Field(
        None,
        description="Frames that two windows of 80 share: 70 or 75 online (75: half the delay for twice the work), "
        "10 offline. Null: 70 or 10.",
    )
    steps: Literal[10, 25, 50] | None = Field(
        None, description="Diffusion steps of a window; cost is linear in them. Null: 10 online, 50 offline."
    )
    emotion: Emotion | tuple[Emotion, ...] | tuple[tuple[Emotion, ...], ...] | None = Field(
        None,
        description="A name, a mixture [happy, surprise], or one mixture a frame, gone through again and again "
        "[[happy], [sad]]. Null: the published configuration's, or neutral where there is none.",
    )
    fix_kp_cond: int | None = Field(
        None,
        ge=0,
        le=10_000,
        description="Every how many windows the motion starts from the photo again, so that it does not drift; "
        "0: never. Null: 1 online, 0 offline.",
    )
    fix_kp_cond_dims: tuple[int, int] | None = Field(
        (0, 202), description="Which dimensions [from, to) of the 265 then go on all the same (0 to 202: the head)."
    )
    smo_k_d: Literal[1, 3] = Field(3, description="Frames the head's motion is averaged over; 1: as predicted.")
    relative_d: bool = Field(
        True, description="Motion is added to the photo's pose, not put in its place: changes, not positions."
    )
    use_d_keys: dict[DrivenKey, float] = Field(
        {"exp": 1.0, "pitch": 1.0, "yaw": 1.0, "roll": 1.0, "t": 1.0},
        description="What is driven, and how strongly (a list: all at 1). What is left out stays as in the photo.",
    )
    drive_eye: bool = Field(
        True, description="Eyes blink and keep their gaze while the head turns; false: as photographed."
    )
    delta_eye_open_n: int | tuple[int, ...] = Field(
        0,
        description="Frames between blinks: -1 no blinks, 0 at random 60 to 100, more than 0 just as many, a list: "
        "one after the other, again and again.",
    )
    fade_type: Literal["", "d0", "s"] = Field(
        "d0", description="Where a fade leads: d0 to the first frame, s to the photo; empty: there are no fades."
    )
    fade_out_keys: tuple[DrivenKey, ...] = Field(("exp",), description="What a fade fades.")
    fade_in: int = Field(0, ge=0, le=250, description="Frames over which a stream fades in; 0: it does not.")
    fade_out: int = Field(
        0,
        ge=0,
        le=12,
        description="Frames over which a stream fades out at its end, at most 12, 7 with overlap 75; 0: it does not.",
    )
    flag_stitching: bool = Field(True, description="The stitching network joins the face to its neck.")
    controls: ControlSettings = Field(ControlSettings(delta_pitch=2.0), description="What is changed of every frame.")
    frame_controls: dict[int, ControlSettings] = Field(
        {}, description="What is changed of single frames, by index; goes before `controls`."
    )

    @field_validator("use_d_keys", mode="before")
    @classmethod
    def _weighed(cls, value: object) -> object:
        return dict.fromkeys(value, 1.0) if isinstance(value, (list, tuple)) else value

    @field_validator("delta_eye_open_n")
    @classmethod
    def _gaps(cls, value: int | tuple[int, ...]) -> int | tuple[int, ...]:
        if value == () or (isinstance(value, tuple) and min(value) < 0) or (isinstance(value, int) and value < -1):
            raise ValueError("must be -1, 0, a number of frames, or a list of numbers of frames")
        return value

    @field_validator("emotion")
    @classmethod
    def _some_emotion(cls, value: object) -> object:
        if value == () or (isinstance(value, tuple) and () in value):
            raise ValueError("must name at least one emotion; leave it out for the usual one")
        return value

    @field_validator("fix_kp_cond_dims")
    @classmethod
    def _within(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 0 <= value[0] <= value[1] <= 265:
            raise ValueError("must be [from, to) within 0 and 265")
        return value

    @model_validator(mode="after")
    def _together(self) -> "MotionSettings":
        allowed = OVERLAPS[self.mode]
        if self.overlap is not None and self.overlap not in allowed:
            raise ValueError(f"overlap is {' or '.join(map(str, allowed))} in {self.mode} mode, not {self.overlap}")
        most = MOST_FADE_OUT[f"{self.mode}{self.window_overlap}"]
        if self.fade_out > most:
            raise ValueError(f"fade_out is at most {most} frames with overlap {self.window_overlap}")
        if any(frame < 0 for frame in self.frame_controls):
            raise ValueError("frame_controls are for frames from 0 on")
        return self

    @property
    def window_overlap(self) -> int:
        """Frames, with the mode's usual filled in."""
        return self.overlap or OVERLAPS[self.mode][0]

    @property
    def diffusion_steps(self) -> int:
        """Steps, with the mode's usual filled in."""
        return self.steps or (10 if self.mode == "online" else 50)

    @property
    def reset_windows(self) -> int:
        """`fix_kp_cond`, with the mode's usual filled in."""
        if self.fix_kp_cond is not None:
            return self.fix_kp_cond
        return 1 if self.mode == "online" else 0


_PUBLISHED_NAMES = {
    "overlap_v2": "overlap",
    "sampling_timesteps": "steps",
    "fix_kp_cond": "fix_kp_cond",
    "smo_k_d": "smo_k_d",
    "relative_d": "relative_d",
    "use_d_keys": "use_d_keys",
    "drive_eye": "drive_eye",
    "delta_eye_open_n": "delta_eye_open_n",
    "fade_type": "fade_type",
    "fade_out_keys": "fade_out_keys",
    "flag_stitching": "flag_stitching",
    "ctrl_info": "frame_controls",
    "overall_ctrl_info": "controls",
}


def from_published(values: Mapping[str, object]) -> dict[str, object]:
    """The published configuration's `default_kwargs` as keys of `MotionSettings`, without those that are none.

    Its arrays (emo, ch_info, delta_eye_arr, v_min_max_for_clip) go to the plan and the character instead.
    """
    found: dict[str, object] = {}
    if "online_mode" in values:
        found["mode"] = "online" if values["online_mode"] else "offline"
    if "fix_kp_cond_dim" in values:
        found["fix_kp_cond_dims"] = values["fix_kp_cond_dim"]
    return found | {ours: values[theirs] for theirs, ours in _PUBLISHED_NAMES.items() if values.get(theirs) is not None}
