"""The Ditto engine: a photo and speech to H.264, step by step, with everything a stream needs in its state."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from deployments.contracts import SAMPLES_PER_FRAME, Image, Step, Stepped
from deployments.errors import AvatarError
from deployments.video.builtins import DEFAULT_AVATAR, built_in_photo
from deployments.video.ditto.avatars import Avatars, Ready
from deployments.video.ditto.characters import character_of, completed, source_points
from deployments.video.ditto.drawing import Drawn, Face, Group, Painter, shared
from deployments.video.ditto.driver import drive
from deployments.video.ditto.face.avatar import DittoAvatar
from deployments.video.ditto.face.registration import register
from deployments.video.ditto.faults import typed
from deployments.video.ditto.motion.plan import plan_of
from deployments.video.ditto.motion.stage import motion_steps
from deployments.video.ditto.parts import DittoParts
from deployments.video.ditto.rungs import load_table, offered
from deployments.video.ditto.settings import DittoSettings
from deployments.video.ditto.state import digest
from deployments.video.ditto.stream import Stream
from deployments.video.encoders import open_encoder
from deployments.video.encoding import GROUP_FRAMES
from deployments.video.failures import DeviceFailed
from deployments.video.fingerprint import fingerprint
from deployments.video.ladder import Rungs
from deployments.video.quality import BEST_RENDER, Quality

_NOT_SHOWN: Any = {
    "avatars_kept": True,
    "warm_avatars": True,
    "runtime": {"engines_dir", "device_index", "onnx_memory_mb", "cuda_graphs"},
}
"""Settings that do not show in the frames."""


class DittoAnimator:
    """An Animator that can spare work (ladder.Graceful). One thread at a time."""

    def __init__(
        self,
        settings: DittoSettings,
        parts: DittoParts,
        load: Callable[[str], bytes],
        watch: Callable[[int, Any], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
        rungs: Rungs | None = None,
        most_streams: int = 1,
    ) -> None:
        """`load` gives the enrolment blob of an avatar id, or raises NotFound. `watch` is shown every picture as it
        goes to the encoder, uint8 [3h/2, w], NV12, with its index. `clock` is what the timings are taken from. `rungs`
        replaces the committed table of savings. `most_streams` come in one batch: a card is warmed up for as many."""
        plan = plan_of(completed(settings.motion, parts.published), parts.published.emotions)
        self._plans = {False: plan, True: replace(plan, steps=min(plan.steps, settings.saturated_steps))}
        self.lookahead_samples = plan.group_lookahead_samples(GROUP_FRAMES)
        self.frame_size = settings.frame_size
        self.rungs = offered(load_table()) if rungs is None else rungs
        self._settings, self._parts, self._watch, self._clock = settings, parts, watch, clock
        torch.set_num_threads(settings.runtime.threads)  # the last bits of sums on a CPU depend on it
        most = settings.runtime.max_batch_frames
        stitcher = parts.stitcher if plan.stitching else None
        card = (parts.device.index or 0) if parts.device.type == "cuda" else None
        self._encoder = open_encoder(self.frame_size, settings.encoding, card)
        to_host = not self._encoder.device_frames
        self._painter = Painter(parts.renderer, stitcher, parts.compositor, parts.device, most, to_host)
        self._avatars = Avatars(load, self._enrol_built_in, self._prepare, self.frame_size, settings.avatars_kept)
        self._configuration = digest(f"{settings.model_dump_json(exclude=_NOT_SHOWN)} {parts.weights}")
        self.fingerprint = fingerprint(self._configuration)
        for avatar_id in settings.warm_avatars:
            self._avatars.get(avatar_id, begins=True)
        if parts.device.type == "cuda":
            self._warm_up(most_streams)

    def enrol(self, portrait: Image) -> bytes:
        try:
            return self._register(portrait).to_bytes()
        except AvatarError:
            raise
        except Exception as error:
            raise typed(error) from error

    def step(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
        """Quality as in quality.py; a rung that is not offered is the next better one. It holds for the groups and
        windows that become due with the step: so frames are a function of the quality at each sample."""
        opened = [self._open(step) for step in batch]
        streams = [stream for stream in opened if isinstance(stream, Stream)]
        self._show(self._stitched(self._groups(streams)))
        return [each.answer(self._configuration) if isinstance(each, Stream) else each for each in opened]

    def _open(self, step: Step) -> Stream | Exception:
        began = self._clock()
        try:
            stream = Stream.open(step, self._avatars, self._configuration, self._offered(step.quality))
        except Exception as error:
            return typed(error)
        stream.spent({"load": self._clock() - began})
        return stream

    def _offered(self, number: int) -> Quality:
        asked = Quality.of(number)
        render = max((rung for rung in self.rungs.render if rung <= asked.render), default=BEST_RENDER)
        return Quality(render, asked.fewer_steps and self.rungs.fewer_steps)

    def _groups(self, streams: Sequence[Stream]) -> list[Group[Stream]]:
        """The groups that are due, of all streams, each stream's in order."""
        motions = [
            motion_steps(
                stream.state.motion,
                stream.samples,
                stream.step.final,
                self._plans[stream.quality.fewer_steps],
                stream.ready.character,
            )
            for stream in streams
        ]
        groups: list[Group[Stream]] = []
        runs = drive(motions, self._parts.hearer, self._parts.diffuser, self._clock)
        for stream, run in zip(streams, runs, strict=True):
            stream.spent(run.seconds)
            if run.answer is not None:
                groups += stream.groups(run.answer)
            else:
                stream.failure = run.failure
        return groups

    def _stitched(self, groups: Sequence[Group[Stream]]) -> list[Group[Stream]]:
        found = []
        for group in groups:
            began = self._clock()
            try:
                found.append(self._painter.stitch(group))
            except Exception as error:
                group.owner.failure = typed(error)
            group.owner.spent({"render": self._clock() - began})
        return found

    def _show(self, groups: Sequence[Group[Stream]]) -> None:
        """Draws and encodes. While one batch is encoded here the device draws the next."""
        ahead: Drawn[Stream] | None = None
        for batch in shared(groups, self._settings.runtime.max_batch_frames):
            for drawn in self._drawn([group for group in batch if group.owner.failure is None]):
                if ahead is not None:
                    self._encode(ahead)
                ahead = drawn
        if ahead is not None:
            self._encode(ahead)

    def _drawn(self, groups: Sequence[Group[Stream]]) -> list[Drawn[Stream]]:
        """One batch; where it fails each group alone, so that only who is to blame fails."""
        if not groups:
            return []
        try:
            return [self._painter.draw(groups)]
        except Exception as error:
            failure = typed(error)
        if len(groups) == 1 or isinstance(failure, DeviceFailed):
            for group in groups:
                group.owner.failure = failure
            return []
        return [drawn for group in groups for drawn in self._drawn([group])]

    def _encode(self, drawn: Drawn[Stream]) -> None:
        whole = sum(map(len, drawn.groups))
        try:
            for group, pictures in drawn.parts():
                group.owner.spent(drawn.seconds(), len(group) / whole)
                if group.owner.failure is None:
                    self._encode_group(group, pictures)
        except Exception as error:
            failure = typed(error)
            for group in drawn.groups:
                group.owner.failure = group.owner.failure or failure

    def _encode_group(self, group: Group[Stream], pictures: list[Any]) -> None:
        began = self._clock()
        try:
            group.owner.frames += self._encoder.encode(pictures, group.first)
        except Exception as error:
            group.owner.failure = typed(error)
        group.owner.spent({"encode": self._clock() - began})
        if self._watch is not None:
            for place, picture in enumerate(pictures):
                self._watch(group.first + place, picture)

    def _register(self, portrait: Image) -> DittoAvatar:
        return register(portrait, self._parts.faces, self._parts.finder, self.frame_size, self._settings.face)

    def _enrol_built_in(self, avatar_id: str) -> DittoAvatar:
        return self._register(built_in_photo(avatar_id))

    def _prepare(self, avatar: DittoAvatar) -> Ready:
        points = source_points(avatar.motion)
        renderer = self._parts.renderer
        feature = self._parts.faces.appearance(avatar.picture(renderer.sizes.source_pixels))
        face = Face(renderer.identity(feature, points[None]), self._parts.compositor.scene(avatar), points)
        return Ready(face, character_of(avatar, self._parts.published))

    def _warm_up(self, streams: int) -> None:
        """Every shape of batch that may come is seen once before the first request: on a card the first time is slow
        (kernels are chosen, graphs recorded). Groups of each length, and each rung for as many streams as may share a
        batch."""
        avatar_id = next(iter(self._settings.warm_avatars), DEFAULT_AVATAR)
        silence = np.zeros(GROUP_FRAMES * SAMPLES_PER_FRAME, np.float32)
        shortest = [(1, silence[: frames * SAMPLES_PER_FRAME], Quality()) for frames in range(1, GROUP_FRAMES)]
        qualities = [Quality(rung) for rung in (BEST_RENDER, *self.rungs.render)]
        if self.rungs.fewer_steps:
            qualities.append(Quality(fewer_steps=True))
        together = [(count, silence, quality) for count in range(1, streams + 1) for quality in qualities]
        for count, audio, quality in (*shortest, *together):
            step = Step(avatar_id, audio, final=True, quality=quality.number)
            for answer in self.step([step] * count):
                if isinstance(answer, Exception):
                    raise answer
