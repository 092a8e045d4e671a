"""A room with a loudspeaker and a microphone: what an ear hears of an avatar that speaks, and of who interrupts it."""

from dataclasses import dataclass, field

import numpy as np
from scipy.signal import fftconvolve

from deployments.contracts import HEARING_RATE_HZ, Float32, Pcm
from serve_app.realtime.hearing.ear import Ear, Started

PERSON_LEVEL = 0.07
PIECE = 1_600
"""A tenth of a second: what a client sends at a time."""
BEFORE_SECONDS = 0.5


@dataclass
class Room:
    """`echo_db`: the avatar's voice in the microphone, relative to a person's; None is headphones.

    `delay_seconds`: from what the client believes to play to what is heard, plus up to 0.2 s from answer to answer.
    `reports_off_seconds`: reported positions are wrong by up to so much; `reports_drift`: and by this share of time.
    `stalls`: playback stands still for 0.7 s in the middle of every answer.
    """

    echo_db: float | None = -20.0
    delay_seconds: float = 0.15
    reports_off_seconds: float = 0.3
    reports_drift: float = 0.0
    reverberates: bool = True
    distorts: bool = False
    stalls: bool = False
    seed: int = 1
    generator: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)
        times = np.arange(8_000) / HEARING_RATE_HZ
        late = self.generator.normal(size=8_000) * 10 ** (-3 * times / 0.4)  # 60 dB in 0.4 s
        late[:40] = 0
        self.answer = late / np.sqrt(np.sum(late**2))  # as loud as what comes directly
        self.answer[20] = 1

    def hears(self, reply: Float32, person: Float32 | None, person_at: float) -> Float32:
        """The microphone, 16 kHz: silence, the echo of a reply, and a person that many seconds after its start."""
        sound = np.tanh(3 * reply / np.abs(reply).max()) if self.distorts else reply
        if self.stalls:
            half = len(sound) // 2
            sound = np.concatenate([sound[:half], np.zeros(round(0.7 * HEARING_RATE_HZ)), sound[half:]])
        if self.reverberates:
            sound = fftconvolve(sound, self.answer)
        level = 0.0 if self.echo_db is None else PERSON_LEVEL * 10 ** (self.echo_db / 20)
        late = self.delay_seconds + self.generator.uniform(0, 0.2)
        start = round((BEFORE_SECONDS + late) * HEARING_RATE_HZ)
        length = start + len(sound) + HEARING_RATE_HZ
        at = start + round(person_at * HEARING_RATE_HZ)
        if person is not None:
            length = max(length, at + len(person))
        heard = self.generator.normal(size=length) * 10 ** (-62 / 20)
        heard[start : start + len(sound)] += sound * level / loudness(sound)
        if person is not None:
            heard[at : at + len(person)] += person * PERSON_LEVEL / loudness(person)
        return heard.astype(np.float32)

    def plays(self, seconds: float, reply_seconds: float) -> float | None:
        """The position that is reported so many seconds after the start."""
        if self.stalls and seconds > reply_seconds / 2:
            seconds = max(reply_seconds / 2, seconds - 0.7)
        if not 0 <= seconds < reply_seconds:
            return None
        off = self.generator.uniform(-self.reports_off_seconds, self.reports_off_seconds)
        return max(0.0, seconds * (1 + self.reports_drift) + off)


def turn(
    ear: Ear, room: Room, reply: Pcm, clock_seconds: float, person: Float32 | None = None, person_at: float = 0.0
) -> list[float]:
    """The seconds, after the person's first syllable, at which the ear said that somebody speaks.

    `reply`: 16 kHz. The media clock runs on over turns; speech is sent up to three seconds before it is played.
    """
    heard = room.hears(reply.samples, person, person_at)
    first = BEFORE_SECONDS + room.delay_seconds + person_at + (0.0 if person is None else begins(person))
    starts: list[float] = []
    said = 0
    for at in range(0, len(heard) - PIECE, PIECE):
        now = at / HEARING_RATE_HZ - BEFORE_SECONDS
        while said < len(reply.samples) and now >= -0.3 and said / HEARING_RATE_HZ < now + 3:
            piece = Pcm(reply.samples[said : said + 8_000], HEARING_RATE_HZ)
            ear.avatar_said(piece, clock_seconds + said / HEARING_RATE_HZ)
            said += 8_000
        playing = room.plays(now - room.delay_seconds, reply.seconds)
        ear.avatar_plays(None if playing is None else clock_seconds + playing)
        events = ear.append((heard[at : at + PIECE].clip(-1, 1) * 32767).astype("<i2").tobytes())
        starts += [now + BEFORE_SECONDS + 0.1 - first for event in events if isinstance(event, Started)]
    ear.clear()
    return starts


def loudness(samples: Float32) -> float:
    """Root mean square where it is not silent."""
    powers = np.mean(samples[: len(samples) // 512 * 512].reshape(-1, 512) ** 2, axis=1)
    return float(np.sqrt(np.mean(powers[powers > 1e-3 * powers.max()])))


def begins(samples: Float32) -> float:
    """Seconds of breath and silence before the first syllable."""
    powers = np.mean(samples[: len(samples) // 512 * 512].reshape(-1, 512) ** 2, axis=1)
    return float(np.flatnonzero(powers > 0.1 * loudness(samples) ** 2)[0] * 512 / HEARING_RATE_HZ)
