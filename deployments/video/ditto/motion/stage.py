"""Speech to driven keypoints as a pure generator: it asks for what networks make and gives the frames that are due.

What it does next follows from its state alone: predict a window if its features are there, else hear 5 more frames if
their sound is there, else wait. So any split of a stream's sound gives the same requests and the same frames.
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from deployments.contracts import Float32
from deployments.errors import BadInput, EngineFailed
from deployments.video.ditto.motion.audio import RUN_FRAMES, WINDOW_SAMPLES, frame_features, to_int16, window_at
from deployments.video.ditto.motion.character import Character
from deployments.video.ditto.motion.conditions import conditions
from deployments.video.ditto.motion.noise import window_noise
from deployments.video.ditto.motion.plan import MotionPlan
from deployments.video.ditto.motion.retarget import Retarget
from deployments.video.ditto.motion.state import MotionState
from deployments.video.ditto.motion.windows import finished, fused, start_vector
from deployments.video.ditto.sizes import WINDOW_FRAMES
from deployments.video.grid import frames_in

__all__ = ["Character", "Diffuse", "DrivenFrame", "Hear", "MotionPlan", "MotionState", "motion_steps"]


@dataclass(frozen=True, slots=True, eq=False)
class Hear:
    """Asks for HuBERT's rows, float32 [20, 1024], of `window`: float32 [6480] at 16 kHz."""

    window: Float32


@dataclass(frozen=True, slots=True, eq=False)
class Diffuse:
    """Asks for a window's motion, float32 [80, 265]. `conditions`: float32 [80, 1103]; `first`: float32 [265]; `noise`:
    float32 [steps, 80, 265]."""

    conditions: Float32
    first: Float32
    noise: Float32


@dataclass(frozen=True, slots=True, eq=False)
class DrivenFrame:
    """`index`: of the stream's frame. `keypoints`: float32 [21, 3], driving, before they are stitched."""

    index: int
    keypoints: Float32


Steps = Generator[Hear | Diffuse, Float32, list[DrivenFrame]]


def motion_steps(state: MotionState, pcm: Float32, final: bool, plan: MotionPlan, character: Character) -> Steps:
    """Takes `pcm`, float32 [n] in [-1, 1] at 16 kHz, n ≥ 0, and returns the frames that are due with it, in order.

    `final`: no more follows; all ⌈samples/640⌉ frames are out afterwards. `state` is advanced in place; where a request
    fails it is to be thrown away. Raises BadInput for a stream that has ended.
    """
    if state.ended:
        raise BadInput("This stream has ended: its last step was final. Start a new one without a state.")
    state.pcm = np.concatenate([state.pcm, to_int16(pcm)])
    state.received += len(pcm)
    run = _Stream(state, plan, character, frames_in(state.received) if final else None)
    frames: list[DrivenFrame] = []
    while not run.complete:
        if run.can_predict:
            frames += run.join((yield run.prediction()))
        elif run.can_hear:
            if state.heard == 0 and plan.lead:
                run.lead_in((yield Hear(np.zeros(WINDOW_SAMPLES, np.float32))))
            run.hear((yield run.next_sound()))
        else:
            break
    state.ended = final
    run.forget()
    return frames


class _Stream:
    """One step's view of a stream. `end`: its frames in all where they are known."""

    def __init__(self, state: MotionState, plan: MotionPlan, character: Character, end: int | None) -> None:
        self._state = state
        self._plan = plan
        self._character = character
        self._guide = character.guide
        self._source = self._guide.motion.vectors()[0]
        self._hearing = plan.hearing
        self._end = end
        self._rows = None if end is None or end == 0 else self._hearing.rows_in(state.received)
        self._known_from = plan.frames_ready(state.received)

    @property
    def complete(self) -> bool:
        return self._end is not None and self._state.emitted >= self._end

    @property
    def _all_heard(self) -> bool:
        return self._rows is not None and self._state.heard * RUN_FRAMES >= self._rows

    @property
    def can_predict(self) -> bool:
        return len(self._state.features) >= WINDOW_FRAMES or self._all_heard

    @property
    def can_hear(self) -> bool:
        if self._rows is not None:
            return not self._all_heard
        return self._state.received >= self._hearing.samples_for(self._state.heard)

    @property
    def _is_last(self) -> bool:
        """Whether the window under way gives all frames that are left: the published way ends with the first window
        that is filled up, and offline with the last one that begins within the stream."""
        if self._rows is None:
            return False
        if self._plan.mode == "online":
            return self._state.windows >= max(1, self._rows // self._plan.valid)
        return self._state.windows >= (self._rows - 1) // self._plan.valid

    def lead_in(self, rows: Float32) -> None:
        """Features of silence before the stream."""
        self._state.features = np.tile(frame_features(rows), (self._plan.lead // RUN_FRAMES, 1))

    def next_sound(self) -> Hear:
        """The next 5 frames' sound with what lies around it."""
        state = self._state
        start = self._hearing.start_of(state.heard)
        return Hear(window_at(start, state.pcm, state.received - len(state.pcm)))

    def hear(self, rows: Float32) -> None:
        """Keeps the features of the next 5 frames, as far as the stream has rows."""
        features = frame_features(rows)
        if self._rows is not None:
            features = features[: self._rows - self._state.heard * RUN_FRAMES]
        self._state.features = np.concatenate([self._state.features, features])
        self._state.heard += 1

    def prediction(self) -> Diffuse:
        """The next window; its end filled up with the stream's last feature."""
        state, plan = self._state, self._plan
        features = state.features[:WINDOW_FRAMES]
        missing = WINDOW_FRAMES - len(features)
        if missing:
            features = np.concatenate([features, np.repeat(features[-1:], missing, axis=0)])
        first_frame = plan.valid * state.windows - plan.lead
        first = start_vector(plan, state.windows, state.anchors, self._source)
        told = conditions(features, first_frame, plan.emotions, self._guide)
        return Diffuse(told, first, window_noise(state.seed, state.windows, plan.steps))

    def join(self, predicted: Float32) -> list[DrivenFrame]:
        """Joins the window to the motion and gives the frames that no later window changes.

        Raises EngineFailed for a prediction that is not finite, which would spoil all that follows.
        """
        state, plan = self._state, self._plan
        if not np.isfinite(predicted).all():
            raise EngineFailed("The motion model gave values that are not numbers. Try again, or start a new stream.")
        made = fused(plan, state.windows, state.tail, state.anchors, predicted)
        last = self._is_last
        state.tail, state.anchors = made.tail, made.anchors
        state.features = state.features[plan.valid :]
        state.windows += 1
        if len(state.origin) == 0 and plan.mode == "online":
            state.origin = self._character.clipped(made.rows[:1])
        done = made.start + len(made.rows) - plan.fuse - plan.lead - (plan.mode == "offline")
        if self._end is not None:
            done = self._end if last else min(done, self._end)
        return self._frames(finished(plan, made, state.emitted + plan.lead, done + plan.lead, last))

    def _frames(self, rows: Float32) -> list[DrivenFrame]:
        """Leads rows over to the photo, from the next frame on."""
        state, plan = self._state, self._plan
        if not len(rows):
            return []
        vectors = self._character.clipped(rows)
        if state.emitted == 0:
            state.origin = np.concatenate([state.origin[:1] if plan.mode == "online" else vectors[:1], vectors[:1]])
        retarget = Retarget(plan, self._character, state.origin)
        frames = []
        for vector in vectors:
            index = state.emitted
            fade = plan.fades.alpha(index, self._end, self._known_from)
            points = retarget.driven(vector[None], index, self._blink_row(index), fade)
            frames.append(DrivenFrame(index, points))
            state.emitted += 1
        return frames

    def _blink_row(self, frame: int) -> int:
        state, blink, blinks = self._state, self._character.blink, self._plan.blinks
        if blink is None or not self._plan.drive_eye:
            return 0
        state.blink_number, state.blink_start = blinks.advance(
            state.seed, frame, len(blink), state.blink_number, state.blink_start
        )
        return blinks.row(frame, len(blink), state.blink_start)

    def forget(self) -> None:
        """Drops the sound that no later window hears, and everything once the stream has ended."""
        state = self._state
        if state.ended:
            self._state.pcm = state.pcm[:0]
            state.features, state.tail = state.features[:0], state.tail[:0]
            state.anchors, state.origin = state.anchors[:0], state.origin[:0]
            return
        begin = state.received - len(state.pcm)
        state.pcm = state.pcm[max(0, self._hearing.start_of(state.heard) - begin) :].copy()
