"""The ear with the real Silero VAD and real voices: when people speak, and when it is only the avatar's own echo."""

from pathlib import Path

import numpy as np
import pytest
import soxr

from deployments.contracts import HEARING_RATE_HZ, Float32, Pcm, SpeechRequest
from deployments.errors import BadInput, WeightsMissing
from deployments.tts.engines import build_engine
from deployments.tts.settings import TtsSettings
from deployments.weights.settings import WeightsSettings
from serve_app.media.decode import decode_audio
from serve_app.media.settings import MediaLimits
from serve_app.realtime.hearing.activity import WINDOW_SAMPLES
from serve_app.realtime.hearing.ear import Ear, Lengthened, Paused, Resumed, Started, Stopped
from serve_app.realtime.hearing.settings import EarSettings, EchoSettings, TurnDetection
from serve_app.realtime.hearing.silero import SileroActivity
from serve_app.samples.catalogue import question, questions
from tests.contract.echo_room import Room, turn
from tests.contract.synthesizer_suite import said

DATA = Path(__file__).parents[1] / "data"
REPLIES = (
    ("en", "The sky is blue because air scatters blue light more than red light."),
    ("en", "A rainbow appears when sunlight shines through raindrops, and each drop bends the light."),
    ("es", "El agua del mar es salada porque los ríos llevan minerales de las rocas al océano."),
    ("zh", "学习一门新语言，最好每天都练习，多和别人说话。"),
    ("en", "You could start with a short walk every morning."),
)


def asked(name: str) -> Float32:
    return decode_audio(question(name).sound(), MediaLimits()).samples


def people() -> list[Float32]:
    read = [(DATA / f"librivox-austen-{name}.wav").read_bytes() for name in ("0880", "0930")]
    return [asked(one.name) for one in questions()] + [decode_audio(sound, MediaLimits()).samples for sound in read]


def ear(settings: EarSettings | None = None) -> Ear:
    made = Ear(settings or EarSettings(), SileroActivity())
    made.configure(TurnDetection(), HEARING_RATE_HZ)
    return made


@pytest.fixture(scope="module")
def replies() -> list[Pcm]:
    try:
        voice = build_engine(TtsSettings(warm_up=False), WeightsSettings(offline=True), lambda _: b"")
    except WeightsMissing as missing:
        pytest.skip(missing.message)
    spoken = [said(voice, SpeechRequest(text, language, None)) for language, text in REPLIES]
    return [Pcm(np.asarray(soxr.resample(one, 24_000, HEARING_RATE_HZ), np.float32), HEARING_RATE_HZ) for one in spoken]


@pytest.mark.parametrize("name", [one.name for one in questions()])
@pytest.mark.parametrize("noise_db", [-80, -50])
def test_questions_begin_and_end_when_they_do(name: str, noise_db: int) -> None:
    samples = asked(name)
    loud = np.flatnonzero(np.abs(samples) > 0.02) / HEARING_RATE_HZ + 1.0
    sound = np.concatenate([np.zeros(16_000), samples, np.zeros(16_000)])
    sound += 10 ** (noise_db / 20) * np.random.default_rng(0).normal(size=len(sound))
    data = (sound.clip(-1, 1) * 32767).astype("<i2").tobytes()
    one = ear()
    events = [event for at in range(0, len(data), 640) for event in one.append(data[at : at + 640])]
    turns = [event for event in events if isinstance(event, Started | Stopped)]
    assert [type(event) for event in turns] == [Started, Stopped]
    assert turns[0].at_ms / 1000 == pytest.approx(loud[0], abs=0.15)
    assert turns[1].at_ms / 1000 == pytest.approx(loud[-1], abs=0.2)
    assert isinstance(events[-2], Paused)
    pauses = sum(isinstance(event, Paused) for event in events)
    assert pauses - sum(isinstance(event, Resumed) for event in events) == 1 and pauses <= 2
    assert any(isinstance(event, Lengthened) for event in events)
    assert one.commit().seconds == pytest.approx((turns[1].at_ms - turns[0].at_ms) / 1000 + 0.8, abs=0.1)


def test_noises_are_no_speech() -> None:
    generator = np.random.default_rng(0)
    hum = np.sin(2 * np.pi * 100 * np.arange(48_000) / HEARING_RATE_HZ)
    clicks = (generator.random(48_000) > 0.9995) * 1.0
    for sound in (np.zeros(48_000), 0.1 * generator.normal(size=48_000), 0.3 * hum, 0.5 * clicks):
        assert ear().append((sound.clip(-1, 1) * 32767).astype("<i2").tobytes()) == []


def test_sessions_hear_nothing_of_each_other() -> None:
    windows = asked("en-sky")[: 40 * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES)
    alone = SileroActivity()
    expected = [alone.probability(window) for window in windows]
    one, other = SileroActivity(), SileroActivity().fresh()
    for window, probability in zip(windows, expected, strict=True):
        assert one.probability(window) == probability
        other.probability(window[::-1].copy())
    with pytest.raises(BadInput, match="512"):
        one.probability(windows[0][:100])


@pytest.mark.weights("kokoro-v1.0-int8")
@pytest.mark.parametrize(
    "room",
    [
        Room(delay_seconds=0.02, reverberates=False),
        Room(),
        Room(delay_seconds=0.6, distorts=True, reports_drift=0.05),
        Room(echo_db=-6.0, reports_off_seconds=0.6),
    ],
    ids=["dry", "room", "late, distorted, drifting", "loud, badly reported"],
)
def test_in_twenty_turns_the_avatar_does_not_interrupt_itself(replies: list[Pcm], room: Room) -> None:
    one, clock = ear(), 0.0
    for index in range(20):
        reply = replies[index % len(replies)]
        assert turn(one, room, reply, clock) == [], index
        clock += reply.seconds


@pytest.mark.weights("kokoro-v1.0-int8")
def test_without_the_guard_it_would(replies: list[Pcm]) -> None:
    one = ear(EarSettings(echo=EchoSettings(enabled=False)))
    assert sum(bool(turn(one, Room(), reply, 10.0 * index)) for index, reply in enumerate(replies)) >= 3


@pytest.mark.weights("kokoro-v1.0-int8")
def test_an_answer_that_stalls_seldom_interrupts_itself(replies: list[Pcm]) -> None:
    one, room = ear(), Room(stalls=True)
    starts = [turn(one, room, reply, 10.0 * index) for index, reply in enumerate(replies * 2)]
    assert sum(map(bool, starts)) <= 1


@pytest.mark.weights("kokoro-v1.0-int8")
@pytest.mark.parametrize("echo_db", [-20.0, None], ids=["echo", "headphones"])
def test_who_speaks_over_the_avatar_is_heard(replies: list[Pcm], echo_db: float | None) -> None:
    one, room, clock = ear(), Room(echo_db=echo_db), 0.0
    waited = []
    for index, person in enumerate(people()):
        reply = replies[index % len(replies)]
        at = 0.4 + 0.25 * (index % 5)
        starts = turn(one, room, reply, clock, person, at)
        assert starts and -0.1 < starts[0] < 0.9, (index, starts)
        waited.append(starts[0])
        clock += reply.seconds
    # Of which up to 0.2 s is how late this answer's sound is, and 0.1 s a client's piece.
    assert np.median(waited) < 0.5


@pytest.mark.weights("kokoro-v1.0-int8")
def test_who_speaks_over_the_avatar_is_understood_without_it(replies: list[Pcm]) -> None:
    """The echo is taken from the sound as well, once it is known."""
    reply = replies[1]
    room = Room()
    one = ear()
    turn(one, room, reply, 0.0)
    guard = one._guard
    heard = room.hears(reply.samples, None, 0.0)
    powers = []
    for at in range(0, len(heard) - 1_600, 1_600):
        now = at / HEARING_RATE_HZ - 0.5 - room.delay_seconds
        one.avatar_said(Pcm(reply.samples, HEARING_RATE_HZ), 20.0) if at == 0 else None
        one.avatar_plays(20.0 + now if 0 <= now < reply.seconds else None)
        one.append((heard[at : at + 1_600] * 32767).astype("<i2").tobytes())
        if guard.found and now > 2:
            kept = one._kept
            powers.append(
                (np.mean(heard[at : at + 1_024] ** 2), np.mean(kept.between(kept.end - 1_024, kept.end) ** 2))
            )
    before, after = np.mean(powers, axis=0)
    assert 10 * np.log10(before / after) > 6
