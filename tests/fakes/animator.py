"""A video stage of one flat colour: real H.264, real steps and state, no face. A step takes a millisecond."""

import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from deployments.contracts import SAMPLES_PER_FRAME, EncodedFrame, Float32, Image, Step, Stepped
from deployments.errors import AvatarError, BadInput, NotFound
from deployments.video.audio import checked
from deployments.video.encoding import GROUP_FRAMES, GroupEncoder
from deployments.video.grid import frames_in, groups_ready
from deployments.video.settings import EncodingSettings

_HEADER = struct.Struct("<4sqIQ?")
_MAGIC = b"FAKE"


class FakeAnimator:
    """Brightness follows the loudness of each frame's own samples; hue follows avatar and seed. Passes the suite."""

    lookahead_samples = 800
    fingerprint = "0fa4e"

    def __init__(
        self,
        avatars: Iterable[str] = ("grace_hopper", "astronaut"),
        load: Callable[[str], bytes] | None = None,
        frame_size: tuple[int, int] = (48, 64),
    ) -> None:
        self.frame_size = frame_size
        self.steps: list[Step] = []
        """Every step asked of it, for tests to look at."""
        self._avatars = set(avatars)
        self._load = load
        self._encoder = GroupEncoder(frame_size, EncodingSettings())

    def enrol(self, portrait: Image) -> bytes:
        """Any picture that is not all one colour passes for a face."""
        if portrait.ndim != 3 or portrait.shape[2] != 3 or portrait.min() == portrait.max():
            raise BadInput("There is no face in this picture. Use a photo of one person, looking at the camera.")
        return b"fake portrait " + hashlib.sha256(portrait.tobytes()).digest()

    def step(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
        results: list[Stepped | Exception] = []
        for step in batch:
            self.steps.append(step)
            try:
                results.append(self._one(step))
            except AvatarError as error:
                results.append(error)
        return results

    def _one(self, step: Step) -> Stepped:
        if step.avatar_id not in self._avatars:
            if self._load is None:
                raise NotFound(f"There is no avatar {step.avatar_id!r}.")
            self._load(step.avatar_id)
        seed, done, received, ended, waiting = self._unpack(step)
        if ended:
            raise BadInput("This stream has ended. Start a new one without a state.")
        waiting = np.concatenate([waiting, checked(step.pcm_16k)])
        received += len(step.pcm_16k)
        due = frames_in(received) if step.final else groups_ready(received, self.lookahead_samples) * GROUP_FRAMES
        frames: list[EncodedFrame] = []
        for first in range(done, due, GROUP_FRAMES):
            last = min(first + GROUP_FRAMES, due)
            pictures = [
                self._picture(step.avatar_id, seed, index, waiting, index - done) for index in range(first, last)
            ]
            frames += self._encoder.encode(pictures, first)
        waiting = waiting[max(0, due - done) * SAMPLES_PER_FRAME :]
        state = _HEADER.pack(_MAGIC, seed, max(done, due), received, step.final) + waiting.tobytes()
        return Stepped(frames=tuple(frames), state=state, timings={"analyse": 0.0, "render": 0.0, "encode": 0.0})

    def _picture(self, avatar: str, seed: int, index: int, waiting: Float32, place: int) -> Image:
        own = waiting[place * SAMPLES_PER_FRAME : (place + 1) * SAMPLES_PER_FRAME]
        loudness = float(np.sqrt(np.square(own, dtype=np.float64).mean())) if len(own) else 0.0
        tint = hashlib.sha256(f"{avatar} {seed} {index}".encode()).digest()
        colour = [60 + tint[channel] % 64 + int(120 * min(1.0, 4 * loudness)) for channel in range(3)]
        return np.full((self.frame_size[1], self.frame_size[0], 3), colour, np.uint8)

    @staticmethod
    def _unpack(step: Step) -> tuple[int, int, int, bool, Float32]:
        if step.state is None:
            return step.seed, 0, 0, False, np.zeros(0, np.float32)
        body = len(step.state) - _HEADER.size
        if body < 0 or body % 4 or step.state[:4] != _MAGIC:
            raise BadInput("The state is not one that this engine returned. Start a new stream without a state.")
        _, seed, done, received, ended = _HEADER.unpack_from(step.state)
        return seed, done, received, ended, np.frombuffer(step.state, np.float32, offset=_HEADER.size)
