"""The portrait engine: a photo and speech to H.264, step by step, with everything a stream needs in its state."""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from deployments.contracts import SAMPLES_PER_FRAME, EncodedFrame, Float32, Image, Step, Stepped
from deployments.errors import AvatarError, BadInput, EngineFailed
from deployments.video.audio import checked
from deployments.video.builtins import built_in_avatars, built_in_photo, enrolment_of, other_size
from deployments.video.encoders import open_encoder
from deployments.video.encoding import GROUP_FRAMES
from deployments.video.fingerprint import fingerprint
from deployments.video.grid import GROUP_SAMPLES, frames_in, groups_ready
from deployments.video.portrait.level import frame_decibels
from deployments.video.portrait.motion import Sound
from deployments.video.portrait.mouth import MODEL, MouthNet
from deployments.video.portrait.portrait import Portrait, prepare
from deployments.video.portrait.pose import Pose
from deployments.video.portrait.render import Renderer
from deployments.video.portrait.state import StreamState, digest
from deployments.video.settings import PortraitSettings

_LOOKAHEAD = MouthNet.LOOKAHEAD_SAMPLES
_HISTORY = MouthNet.HISTORY_SAMPLES
_FRAMES_AHEAD = _LOOKAHEAD // SAMPLES_PER_FRAME
_FULL_SCALE = 32767.0
_SEEDS = (1 << 63) - 1

_log = logging.getLogger("ray.serve")


class PortraitAnimator:
    """An Animator. One thread at a time. `load` gives the enrolment blob of an avatar id, or raises NotFound."""

    def __init__(
        self,
        settings: PortraitSettings,
        load: Callable[[str], bytes],
        watch: Callable[[int, Image], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`watch` is shown every picture with its index. `clock` is what the timings are taken from."""
        self.lookahead_samples = _LOOKAHEAD
        self.frame_size = (settings.frame_width, settings.frame_height)
        self._settings = settings
        self._load = load
        self._watch = watch
        self._clock = clock
        cv2.setNumThreads(settings.threads)
        self._mouth = MouthNet(settings.threads)
        self._encoder = open_encoder(self.frame_size, settings.encoding)
        self._renderers: OrderedDict[str, Renderer] = OrderedDict()
        self._configuration = _configuration(settings)
        self.fingerprint = fingerprint(self._configuration)
        for avatar_id in settings.warm_avatars:
            self._renderer(avatar_id)

    def enrol(self, portrait: Image) -> bytes:
        return prepare(portrait, self.frame_size, self._settings.threads).to_bytes()

    def step(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
        """Quality 0 draws every frame. From 1 on every second frame is a blend of its neighbours."""
        results: list[Stepped | Exception] = []
        for step in batch:
            try:
                results.append(self._advance(step))
            except AvatarError as error:
                results.append(error)
            except Exception:
                _log.exception("The portrait engine failed on a step of avatar %r", step.avatar_id)
                results.append(EngineFailed("The portrait engine failed on this step. Try again."))
        return results

    def _advance(self, step: Step) -> Stepped:
        laps = _Laps(self._clock)
        samples = checked(step.pcm_16k)
        if step.state is None:
            state = StreamState(seed=step.seed & _SEEDS)
            self._still_there(step.avatar_id)
        else:
            state = StreamState.from_bytes(step.state, self._configuration, step.avatar_id)
        if state.ended:
            raise BadInput("This stream has ended: its last step was final. Start a new one without a state.")
        renderer = self._renderer(step.avatar_id)
        laps.lap("load")
        # 16 bits keep the state small, and no later reader can tell which samples came together
        state.audio = np.concatenate([state.audio, np.rint(samples * _FULL_SCALE).astype(np.int16)])
        state.received += len(samples)
        frames: list[EncodedFrame] = []
        endless = groups_ready(state.received, _LOOKAHEAD) * GROUP_FRAMES
        due = frames_in(state.received) if step.final else endless
        for first in range(state.next_frame, due, GROUP_FRAMES):
            last = min(first + GROUP_FRAMES, due)
            poses = self._poses(state, first, last, endless, due)
            laps.lap("analyse")
            pictures = _drawn(renderer, poses, step.quality)
            laps.lap("render")
            frames += self._encoder.encode(pictures, first)
            laps.lap("encode")
            if self._watch is not None:
                for place, picture in enumerate(pictures):
                    self._watch(first + place, picture)
            state.next_frame = last
        state.ended = step.final
        kept = max(0, state.next_frame * SAMPLES_PER_FRAME - _HISTORY) - state.audio_start
        state.audio = state.audio[max(0, kept) :]
        return Stepped(tuple(frames), state.to_bytes(self._configuration, step.avatar_id), laps.seconds)

    def _poses(self, state: StreamState, first: int, last: int, endless: int, due: int) -> list[Pose]:
        """Poses of the frames [first, last). Those from `endless` on are the stream's end, and lead back to rest."""
        start = first * SAMPLES_PER_FRAME
        window = _window(state, start - _HISTORY, _HISTORY + GROUP_SAMPLES + _LOOKAHEAD)
        channels = self._mouth.channels(window)
        decibels = frame_decibels(window[_HISTORY : _HISTORY + GROUP_SAMPLES + _FRAMES_AHEAD * SAMPLES_PER_FRAME])
        poses = []
        for place in range(last - first):
            state.loudness.hear(decibels[place])
            levels = [state.loudness.level(value) for value in decibels[place : place + 1 + _FRAMES_AHEAD]]
            frame = first + place
            rest = max(0.0, (frame - endless + 1) / (due - endless)) if due > endless else 0.0
            sound = Sound(level=levels[0], coming=max(levels), mouth=channels[place])
            poses.append(state.motion.advance(self._settings.motion, state.seed, frame, sound, rest))
        return poses

    def _still_there(self, avatar_id: str) -> None:
        """Raises NotFound for an avatar that was deleted, although its renderer may still be here."""
        if avatar_id in self._renderers and avatar_id not in built_in_avatars():
            enrolment_of(avatar_id, self._load)

    def _renderer(self, avatar_id: str) -> Renderer:
        renderer = self._renderers.pop(avatar_id, None)
        if renderer is None:
            if avatar_id in built_in_avatars():
                portrait = prepare(built_in_photo(avatar_id), self.frame_size, self._settings.threads)
            else:
                portrait = Portrait.from_bytes(enrolment_of(avatar_id, self._load))
            if portrait.frame_size != self.frame_size:
                raise other_size(portrait.frame_size, self.frame_size)
            renderer = Renderer(portrait, self._settings.look)
        self._renderers[avatar_id] = renderer
        while len(self._renderers) > self._settings.renderers_kept:
            self._renderers.popitem(last=False)
        return renderer


class _Laps:
    """Seconds by part of a step."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds = dict.fromkeys(("load", "analyse", "render", "encode"), 0.0)
        self._clock = clock
        self._last = clock()

    def lap(self, part: str) -> None:
        now = self._clock()
        self.seconds[part] += now - self._last
        self._last = now


def _drawn(renderer: Renderer, poses: Sequence[Pose], quality: int) -> list[Image]:
    """One picture a pose. The first and the last of a group are always drawn."""
    if quality <= 0 or len(poses) < 3:
        return [renderer.render(pose) for pose in poses]
    last = len(poses) - 1
    drawn = {place: renderer.render(poses[place]) for place in range(len(poses)) if place % 2 == 0 or place == last}
    return [
        drawn[place]
        if place in drawn
        else cv2.addWeighted(drawn[place - 1], 0.5, drawn[place + 1], 0.5, 0).astype(np.uint8, copy=False)
        for place in range(len(poses))
    ]


def _window(state: StreamState, start: int, length: int) -> Float32:
    """The stream's samples [start, start + length) as float32, zeros where there are none."""
    window = np.zeros(length, np.float32)
    low, high = max(start, state.audio_start), min(start + length, state.received)
    if high > low:
        window[low - start : high - start] = state.audio[low - state.audio_start : high - state.audio_start]
    return window / np.float32(_FULL_SCALE)


def _configuration(settings: PortraitSettings) -> bytes:
    """Stands for all that shows in the frames of a stream besides photo, audio, seed and quality."""
    shown = settings.model_dump_json(exclude={"renderers_kept", "warm_avatars"})
    network = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    return digest(f"{shown} {network}")
