"""Stages whose voice is a row of syllables and whose face is a portrait that opens its mouth to them.

Each clause begins with a beep, and the frame that belongs to the beep has a white patch: what a test needs to see
whether sound and picture are together.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np

from deployments.contracts import SAMPLES_PER_FRAME, Float32, Image, Pcm, SpeechRequest
from deployments.video.builtins import built_in_avatars
from tests.fakes.animator import FakeAnimator
from tests.fakes.stages import RATE_HZ, FakeStages

FRAME_SIZE = (256, 384)
BEEP_HZ = 1000
BEEP_SECONDS = 0.12
SECONDS_PER_WORD = 0.24
MOUTH = {"grace_hopper": (0.5, 0.47), "astronaut": (0.5, 0.33)}
"""Where a mouth is, in parts of width and height."""
PATCH = 40
"""Side of the white patch in the upper left corner, in pixels."""


class TalkingPortrait(FakeAnimator):
    """The portrait; its mouth opens with the loudness of each frame's own sound."""

    def __init__(self) -> None:
        super().__init__(load=lambda id: b"", frame_size=FRAME_SIZE)

    def _picture(self, avatar: str, seed: int, index: int, waiting: Float32, place: int) -> Image:
        own = waiting[place * SAMPLES_PER_FRAME : (place + 1) * SAMPLES_PER_FRAME]
        loudness = float(np.sqrt(np.square(own, dtype=np.float64).mean())) if len(own) else 0.0
        picture = portrait(avatar).copy()
        width, height = self.frame_size
        across, down = MOUTH.get(avatar, (0.5, 0.5))
        centre = (round(across * width), round(down * height))
        opening = round(min(14.0, 60 * loudness))
        if opening > 1:
            cv2.ellipse(picture, centre, (17, opening), 0, 0, 360, (28, 24, 60), -1, cv2.LINE_AA)
        if is_beep(own):
            picture[:PATCH, :PATCH] = 255
        return picture


def is_beep(samples: Float32) -> bool:
    """Whether a frame's sound is mostly the beep."""
    if len(samples) < SAMPLES_PER_FRAME or not samples.any():
        return False
    turns = np.exp(-2j * np.pi * BEEP_HZ * np.arange(len(samples)) / 16_000)
    return float(abs((samples * turns).mean())) > 0.2


@cache
def portrait(avatar: str) -> Image:
    """The built-in portrait, filling the frame; a grey one for uploads."""
    path = built_in_avatars().get(avatar)
    picture = None if path is None else cv2.imread(str(path))
    width, height = FRAME_SIZE
    if picture is None:
        return np.full((height, width, 3), 120, np.uint8)
    scale = max(width / picture.shape[1], height / picture.shape[0])
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    left = (large.shape[1] - width) // 2
    return np.ascontiguousarray(large[:height, left : left + width]).astype(np.uint8)


@dataclass
class TalkingStages(FakeStages):
    """FakeStages with a face and a voice that can be followed."""

    reply_pieces: tuple[str, ...] = (
        "Paris is the capital of France, ",
        "and it has been for long. ",
    )
    animator: FakeAnimator = field(default_factory=TalkingPortrait)

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        async with self._asked("speak", request):
            words = max(1, len(request.text.split()))
            if not any(character.isalnum() for character in request.text):
                return
            for part in np.array_split(clause(words), 3):
                await asyncio.sleep(0.01)
                yield Pcm(part, RATE_HZ)


LONG_REPLY = (
    "Paris is the capital of France, ",
    "and it has been for more than a thousand years. ",
    "The river Seine runs through the middle of it. ",
    "There are thirty seven bridges, the oldest of which is called the new bridge. ",
    "Would you like to hear about the others?",
)


def clause(words: int) -> Float32:
    """A beep, then two syllables a word."""
    times = np.arange(round((BEEP_SECONDS + SECONDS_PER_WORD * words) * RATE_HZ)) / RATE_HZ
    syllables = 0.25 * np.square(np.sin(np.pi * (times - BEEP_SECONDS) * 2 / SECONDS_PER_WORD))
    voice = syllables * (np.sin(2 * np.pi * 180 * times) + 0.5 * np.sin(2 * np.pi * 360 * times))
    beep = 0.7 * np.sin(2 * np.pi * BEEP_HZ * times)
    return np.where(times < BEEP_SECONDS, beep, voice).astype(np.float32)
