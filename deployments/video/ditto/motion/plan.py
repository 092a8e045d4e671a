"""How motion is made: everything that is the same for all streams of one configuration, and the arithmetic of windows.

Sound is heard in runs of 5 feature rows. Rows are numbered from the first one fed to the motion model: frame f has row
f + lead, where `lead` rows of silence go before the first frame online, and none offline. Window w holds the rows
[valid·w, valid·w + 80).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from deployments.contracts import SAMPLES_PER_FRAME, Float32
from deployments.video.ditto.motion.audio import RUN_FRAMES, Hearing
from deployments.video.ditto.motion.blinks import Blinks
from deployments.video.ditto.motion.conditions import emotion_rows
from deployments.video.ditto.motion.controls import Controls, Fades
from deployments.video.ditto.motion.settings import EMOTIONS, OVERLAPS, MotionSettings
from deployments.video.ditto.sizes import WINDOW_FRAMES

__all__ = ["MotionPlan", "plan_of"]


@dataclass(frozen=True)
class MotionPlan:
    """See MotionSettings for what the knobs mean.

    `emotions`: float32 [m, 8], one row a frame, gone through again and again. `keys`: what is driven, and how strongly.
    """

    mode: Literal["online", "offline"]
    overlap: int
    steps: int
    emotions: Float32
    reset_windows: int = 1
    reset_kept: tuple[int, int] | None = (0, 202)
    smoothing: int = 3
    relative: bool = True
    keys: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(("exp", "pitch", "yaw", "roll", "t"), 1.0))
    drive_eye: bool = True
    blinks: Blinks = field(default_factory=Blinks)
    fades: Fades = field(default_factory=Fades)
    controls: Controls = field(default_factory=Controls)
    frame_controls: Mapping[int, Controls] = field(default_factory=dict)
    stitching: bool = True

    def __post_init__(self) -> None:
        if self.overlap not in OVERLAPS[self.mode]:
            allowed = " or ".join(map(str, OVERLAPS[self.mode]))
            raise ValueError(f"Windows overlap by {allowed} frames in {self.mode} mode, not by {self.overlap}.")

    @property
    def valid(self) -> int:
        """Frames from one window to the next."""
        return WINDOW_FRAMES - self.overlap

    @property
    def fuse(self) -> int:
        """Frames over which two windows are blended."""
        return self.overlap if self.mode == "offline" else min(self.overlap, self.valid)

    @property
    def lead(self) -> int:
        """Rows of silence before the first frame."""
        return self.overlap if self.mode == "online" else 0

    @property
    def hearing(self) -> Hearing:
        """How the sound is cut."""
        return Hearing.online() if self.mode == "online" else Hearing.offline()

    def window_of(self, frame: int) -> int:
        """The window after which a frame comes out, while no end is known.

        A window's last `fuse` frames wait for the next one; offline the frame before them also waits to be smoothed.
        """
        return frame // self.valid + 1 if self.mode == "online" else (frame + 1) // self.valid

    def samples_for(self, frame: int) -> int:
        """Samples from the stream's start after which this frame comes out, while no end is known. Exact."""
        last_frame = self.valid * self.window_of(frame) + WINDOW_FRAMES - self.lead - 1
        return self.hearing.samples_for(last_frame // RUN_FRAMES)

    def frames_ready(self, samples: int) -> int:
        """Frames that `samples` samples suffice for while no end is known."""
        rows = self.hearing.runs_in(samples) * RUN_FRAMES + self.lead
        windows = (rows - WINDOW_FRAMES) // self.valid + 1
        waiting = self.valid if self.mode == "online" else 1
        return max(0, windows * self.valid - waiting)

    @cached_property
    def lookahead_samples(self) -> int:
        """Samples beyond a frame's own end that are needed before it comes out, at the most."""
        frames = range(2 * self.valid * RUN_FRAMES)
        return max(self.samples_for(frame) - (frame + 1) * SAMPLES_PER_FRAME for frame in frames)

    def group_lookahead_samples(self, group_frames: int) -> int:
        """The same for whole groups of frames on the absolute grid, from the end of a group's last frame."""
        lasts = range(group_frames - 1, 2 * self.valid * RUN_FRAMES * group_frames, group_frames)
        return max(self.samples_for(frame) - (frame + 1) * SAMPLES_PER_FRAME for frame in lasts)


def plan_of(settings: MotionSettings, emotions: Float32 | None = None) -> MotionPlan:
    """The plan that settings ask for. `emotions`: float32 [m, 8] of the published configuration, for settings that name
    none themselves."""
    named = settings.emotion
    if named is not None:
        emotions = emotion_rows(_labels(named))
    elif emotions is None:
        emotions = emotion_rows(EMOTIONS.index("neutral"))
    gaps = settings.delta_eye_open_n
    return MotionPlan(
        mode=settings.mode,
        overlap=settings.window_overlap,
        steps=settings.diffusion_steps,
        emotions=emotions,
        reset_windows=settings.reset_windows,
        reset_kept=settings.fix_kp_cond_dims,
        smoothing=settings.smo_k_d,
        relative=settings.relative_d,
        keys={str(key): weight for key, weight in settings.use_d_keys.items()},
        drive_eye=settings.drive_eye,
        blinks=Blinks(gaps),
        fades=Fades(settings.fade_type, settings.fade_out_keys, settings.fade_in, settings.fade_out),
        controls=Controls.of(settings.controls),
        frame_controls={frame: Controls.of(knobs) for frame, knobs in settings.frame_controls.items()},
        stitching=settings.flag_stitching,
    )


def _labels(named: str | tuple[str | tuple[str, ...], ...]) -> int | list[int] | list[list[int]]:
    if isinstance(named, str):
        return EMOTIONS.index(named)
    mixtures = [[EMOTIONS.index(name) for name in part] for part in named if isinstance(part, tuple)]
    if mixtures:
        return mixtures
    return [EMOTIONS.index(name) for name in named if isinstance(name, str)]
