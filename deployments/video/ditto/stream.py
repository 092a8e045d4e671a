"""One step of one stream on its way through the engine."""

from dataclasses import dataclass, field

import numpy as np

from deployments.contracts import EncodedFrame, Float32, Step, Stepped
from deployments.errors import AvatarError
from deployments.video.audio import checked
from deployments.video.ditto.avatars import Avatars, Ready
from deployments.video.ditto.drawing import Group
from deployments.video.ditto.motion.stage import DrivenFrame
from deployments.video.ditto.motion.state import MotionState
from deployments.video.ditto.sizes import POINTS
from deployments.video.ditto.state import StreamState
from deployments.video.encoding import GROUP_FRAMES
from deployments.video.quality import Quality

PARTS = ("load", "analyse", "hear", "diffuse", "render", "composite", "encode")
"""Of a step's time: avatar and state; windows, conditions and retargeting on the host; HuBERT; the diffusion model;
stitching, warping and decoding; the face put back; H.264."""
_SEEDS = (1 << 63) - 1


@dataclass(slots=True, eq=False)
class Stream:
    """`quality`: of this step, rungs that are not offered left out. `failure`: once set, the step's answer."""

    step: Step
    samples: Float32
    state: StreamState
    ready: Ready
    quality: Quality
    frames: list[EncodedFrame] = field(default_factory=list)
    failure: AvatarError | None = None
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    @classmethod
    def open(cls, step: Step, avatars: Avatars, configuration: bytes, quality: Quality) -> "Stream":
        """Raises BadInput for bad audio or a bad state, NotFound for an unknown avatar."""
        samples = checked(step.pcm_16k)
        if step.state is None:
            state = StreamState(MotionState(seed=step.seed & _SEEDS))
        else:
            state = StreamState.from_bytes(step.state, configuration, step.avatar_id)
        return cls(step, samples, state, avatars.get(step.avatar_id, begins=step.state is None), quality)

    def groups(self, driven: list[DrivenFrame]) -> list["Group[Stream]"]:
        """The groups that are whole with these frames; with the final step all that is left. The rest waits."""
        came = np.array([frame.keypoints for frame in driven], np.float32).reshape(-1, POINTS, 3)
        points = np.concatenate([self.state.waiting, came])
        first = self.state.motion.emitted - len(points)
        due = len(points) if self.step.final else len(points) // GROUP_FRAMES * GROUP_FRAMES
        self.state.waiting = points[due:]
        return [
            Group(
                self,
                first + start,
                points[start : min(start + GROUP_FRAMES, due)],
                self.ready.face,
                self.quality.render,
            )
            for start in range(0, due, GROUP_FRAMES)
        ]

    def spent(self, seconds: dict[str, float], share: float = 1.0) -> None:
        """Adds a share of what something took."""
        for part, value in seconds.items():
            self.seconds[part] += value * share

    def answer(self, configuration: bytes) -> Stepped | Exception:
        """What the caller gets."""
        if self.failure is not None:
            return self.failure
        return Stepped(tuple(self.frames), self.state.to_bytes(configuration, self.step.avatar_id), self.seconds)
