"""One session's ear: sound in, events and utterances out. Loud sound is speech here; nothing real is loaded."""

import numpy as np
import pytest
from pydantic import ValidationError

from deployments.contracts import HEARING_RATE_HZ, Pcm
from deployments.errors import BadInput, TooLarge
from serve_app.realtime.hearing.ear import Ear, EarEvent, Paused, Started, Stopped
from serve_app.realtime.hearing.settings import EarSettings, EchoSettings, TurnDetection
from serve_app.realtime.hearing.sound import Inlet, Kept
from tests.fakes.voice_activity import LoudIsSpeech


def tone(seconds: float, rate_hz: int = 24_000, level: float = 0.5, hertz: float = 440.0) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate_hz)) / rate_hz)


def pcm16(*parts: np.ndarray | float, rate_hz: int = 24_000) -> bytes:
    """Sounds one after the other; a number is that many seconds of silence."""
    samples = [np.zeros(round(part * rate_hz)) if isinstance(part, float) else part for part in parts]
    return (np.concatenate(samples) * 32767).astype("<i2").tobytes()


def ear(settings: EarSettings | None = None, detection: TurnDetection | None = None, rate_hz: int = 24_000) -> Ear:
    made = Ear(settings or EarSettings(), LoudIsSpeech())
    made.configure(detection or TurnDetection(), rate_hz)
    return made


def fed(one: Ear, sound: bytes, size: int = 960) -> list[EarEvent]:
    return [event for at in range(0, len(sound), size) for event in one.append(sound[at : at + size])]


def kinds(events: list[EarEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 48_000])
@pytest.mark.parametrize("size", [2, 640, 4_802, 1 << 20])
def test_times_and_sound_are_the_same_at_any_rate_in_any_pieces(rate_hz: int, size: int) -> None:
    if size == 2 and rate_hz != 16_000:
        pytest.skip("slow, and the same code")
    one = ear(rate_hz=rate_hz)
    events = fed(one, pcm16(1.0, tone(0.9, rate_hz), 1.0, rate_hz=rate_hz), size)
    assert kinds(events) == ["Started", "Paused", "Stopped"]
    assert events[0].at_ms == pytest.approx(1000, abs=40)
    assert events[2].at_ms == pytest.approx(1900, abs=40)
    said = one.commit()
    assert said.rate_hz == HEARING_RATE_HZ
    assert said.seconds == pytest.approx(0.3 + 0.9 + 0.5, abs=0.1)
    loud = np.flatnonzero(np.abs(said.samples) > 0.1)
    assert (loud[-1] - loud[0]) / HEARING_RATE_HZ == pytest.approx(0.9, abs=0.01)
    assert one.now_ms == pytest.approx(2900, abs=40)


def test_the_utterance_grows_while_it_is_said() -> None:
    one = ear()
    fed(one, pcm16(1.0))
    assert one.speech().seconds == 0 and not one.speaking
    fed(one, pcm16(tone(0.5)))
    first = one.speech().seconds
    assert one.speaking and first == pytest.approx(0.8, abs=0.1)
    fed(one, pcm16(tone(0.5)))
    assert one.speech().seconds == pytest.approx(first + 0.5, abs=0.05)


def test_a_finished_utterance_waits_for_its_commit_and_is_given_once() -> None:
    one = ear()
    fed(one, pcm16(0.5, tone(0.6), 0.7))
    assert one.speech().seconds == one.commit().seconds
    with pytest.raises(BadInput, match="nothing to commit"):
        one.commit()


def test_a_commit_in_the_middle_ends_the_turn() -> None:
    one = ear()
    fed(one, pcm16(0.5, tone(0.6)))
    assert one.commit().seconds == pytest.approx(0.9, abs=0.1)
    assert not one.speaking
    assert fed(one, pcm16(1.0)) == []


def test_without_turn_detection_all_is_kept_until_the_commit() -> None:
    one = ear()
    one.configure(None, 16_000)
    assert fed(one, pcm16(1.0, tone(0.5, 16_000), 1.003, rate_hz=16_000)) == []
    assert one.idle(5.0) == [] and not one.speaking
    assert one.speech().seconds == pytest.approx(2.503, abs=1e-3)
    assert len(one.commit().samples) == 16_000 + 8_000 + 16_048
    with pytest.raises(BadInput):
        one.commit()
    fed(one, pcm16(0.05, rate_hz=16_000))
    with pytest.raises(BadInput, match="50 ms"):
        one.commit()


def test_what_is_cleared_was_never_said() -> None:
    one = ear()
    fed(one, pcm16(0.5, tone(0.6)))
    one.clear()
    assert fed(one, pcm16(1.0)) == [] and one.speech().seconds == 0
    fed(one, pcm16(tone(0.6), 0.7))
    one.clear()
    with pytest.raises(BadInput):
        one.commit()


def test_where_no_sound_comes_that_is_silence() -> None:
    one = ear()
    fed(one, pcm16(0.5))
    assert one.idle(10.0) == [] and one.now_ms == pytest.approx(500, abs=40)
    fed(one, pcm16(tone(0.6)))
    assert kinds(one.idle(0.2)) == ["Paused"]
    fed(one, pcm16(tone(0.2)))
    assert kinds(one.idle(0.3) + one.idle(0.3)) == ["Paused", "Stopped"]
    assert one.commit().seconds == pytest.approx(0.3 + 0.6 + 0.2 + 0.2 + 0.5, abs=0.15)


def test_bad_pieces_are_refused_and_change_nothing() -> None:
    one = ear()
    for wrong, error in ((b"\0\0\0", BadInput), (bytes(2 * 24_000 * 61), TooLarge)):
        with pytest.raises(error):
            one.append(wrong)
    assert one.now_ms == 0
    assert one.append(b"") == []
    one.configure(None, 24_000)
    for _ in range(59):
        one.append(bytes(48_000))
    with pytest.raises(TooLarge, match="60 s"):
        one.append(bytes(2 * 48_000))
    assert one.commit().seconds == pytest.approx(59, abs=0.1)
    one.append(bytes(48_000))


def test_who_never_ends_is_ended() -> None:
    one = ear(EarSettings(max_utterance_seconds=2))
    events = fed(one, pcm16(0.5, tone(5.0)))
    stops = [event for event in events if isinstance(event, Stopped)]
    assert [round(stop.at_ms / 1000) for stop in stops] == [2, 4]
    assert one.commit().seconds == pytest.approx(2.0, abs=0.05)


def test_memory_is_bounded_while_nobody_speaks() -> None:
    one = ear()
    for _ in range(120):
        one.append(bytes(48_000))
    assert one._kept.end - one._kept.start < 3 * HEARING_RATE_HZ
    assert one.now_ms == pytest.approx(120_000, abs=40)


def test_settings_may_change_between_turns() -> None:
    one = ear()
    fed(one, pcm16(0.5, tone(0.5)))
    one.configure(TurnDetection(silence_duration_ms=300), 16_000)
    assert not one.speaking
    events = fed(one, pcm16(0.2, tone(0.5, 16_000), 0.4, rate_hz=16_000), 640)
    assert kinds(events) == ["Started", "Paused", "Stopped"]
    one.configure(None, 48_000)
    with pytest.raises(BadInput):
        one.commit()
    fed(one, pcm16(0.2, rate_hz=48_000))
    assert one.commit().seconds == pytest.approx(0.2, abs=0.05)


def test_speech_over_the_avatar_has_to_last_longer() -> None:
    def interrupted(settings: EarSettings) -> int:
        one = ear(settings, rate_hz=16_000)
        generator = np.random.default_rng(0)
        one.avatar_said(Pcm(generator.normal(size=32_000).astype(np.float32), 16_000), 0.0)
        one.avatar_plays(0.5)
        sound = pcm16(0.2, 0.4 * generator.normal(size=16_000).clip(-2, 2), rate_hz=16_000)
        for index in range(0, len(sound), 1_024):
            if any(isinstance(event, Started) for event in one.append(sound[index : index + 1_024])):
                return index // 1_024
        return -1

    assert interrupted(EarSettings(interrupt_ms=384)) - interrupted(EarSettings(interrupt_ms=192)) == 6
    # without the guard it is speech like any other
    assert interrupted(EarSettings(echo=EchoSettings(enabled=False))) < interrupted(EarSettings())


def test_commits_may_be_required_to_be_longer() -> None:
    one = ear(EarSettings(min_commit_ms=2000))
    fed(one, pcm16(0.5, tone(0.6)))
    with pytest.raises(BadInput):
        one.commit()


def test_kept_sound_is_found_by_its_position() -> None:
    kept = Kept(100)
    for value in range(50):
        kept.append(np.full(1_000, value, np.float32))
    assert (kept.start, kept.end) == (100, 50_100)
    kept.forget(25_600)
    assert kept.between(0, 25_601).tolist() == [25.0]
    assert kept.between(30_100, 30_102).tolist() == [30.0, 30.0]
    assert len(kept.between(50_000, 60_000)) == 100 and len(kept.between(60_000, 70_000)) == 0
    kept.forget(10**6)
    assert kept.start == kept.end == 50_100


def test_an_inlet_loses_nothing() -> None:
    inlet = Inlet(48_000)
    sound = pcm16(tone(1.0, 48_000), rate_hz=48_000)
    taken = [inlet.take(sound[at : at + 100]) for at in range(0, len(sound), 100)] + [inlet.end()]
    assert sum(len(one) for one in taken) == 16_000
    with pytest.raises(BadInput):
        inlet.take(b"\0")


def test_settings_are_strict() -> None:
    for wrong in (
        {"start": 3},
        {"start_ms": 0},
        {"detection": {"type": "semantic_vad"}},
        {"detection": {"silence_duration_ms": 100}},
        {"echo": {"likeness": 0}},
    ):
        with pytest.raises(ValidationError):
            EarSettings.model_validate(wrong)
    assert EarSettings.model_validate({"detection": None}).detection is None
    assert isinstance(fed(ear(EarSettings()), pcm16(tone(1.0), 0.3))[-1], Paused)


def test_a_new_session_has_the_configured_detection() -> None:
    sound = pcm16(tone(0.9), 1.0)
    assert fed(Ear(EarSettings(detection=None), LoudIsSpeech()), sound) == []
    assert len(fed(Ear(EarSettings(), LoudIsSpeech()), sound)) == 3
