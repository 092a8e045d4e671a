"""Telling the avatar's voice from a person's: noise in bursts stands for speech, and what is loud is speech."""

from functools import cache

import numpy as np
import pytest

from deployments.contracts import HEARING_RATE_HZ, Float32, Pcm
from serve_app.realtime.hearing.activity import WINDOW_SAMPLES
from serve_app.realtime.hearing.echo import EchoGuard
from serve_app.realtime.hearing.echo_search import search
from serve_app.realtime.hearing.settings import EchoSettings
from tests.fakes.voice_activity import LoudIsSpeech

SECOND = HEARING_RATE_HZ
NEEDED_MS = 192


def babble(seconds: float, seed: int) -> Float32:
    """Noise with syllables, coloured like a voice."""
    generator = np.random.default_rng(seed)
    noise = np.convolve(generator.normal(size=round(seconds * SECOND) + 3), [1.0, 0.9, 0.5, 0.2], "valid")
    syllables = np.clip(np.interp(np.arange(len(noise)) / 2_000, *_random_walk(generator, len(noise))), 0, 1)
    return (0.15 * noise * syllables).astype(np.float32)


def _random_walk(generator: np.random.Generator, length: int) -> tuple[Float32, Float32]:
    points = length // 2_000 + 2
    return np.arange(points, dtype=np.float32), generator.uniform(-0.3, 1.3, points).astype(np.float32)


AVATAR, PERSON = babble(8.0, 1), babble(1.5, 2)


def echo_of(avatar: Float32, delay_seconds: float = 0.2, level: float = 0.5) -> Float32:
    answer = np.zeros(1_200)
    answer[[0, 90, 400, 1_100]] = [1.0, -0.5, 0.3, 0.15]
    late = np.concatenate([np.zeros(round(delay_seconds * SECOND)), np.convolve(avatar, answer)])[: len(avatar)]
    noise = np.random.default_rng(9).normal(size=len(late))
    return (level * late + 1e-4 * noise).astype(np.float32)


def trace(
    settings: EchoSettings, microphone: Float32, reported_off: float = 0.0, ends_seconds: float = 6.0, every: int = 15
) -> list[tuple[float, float, int]]:
    """For each window while the guard is active: (probability, power of what is left, owed where it asked)."""
    guard = EchoGuard(settings, LoudIsSpeech())
    guard.said(Pcm(AVATAR, SECOND), 0.0)
    found = []
    for index in range(len(microphone) // WINDOW_SAMPLES):
        now = index * WINDOW_SAMPLES / SECOND
        guard.plays(max(0.0, now + reported_off) if now < ends_seconds else None)
        if not guard.active:
            break
        cleaned = guard.clean(microphone[index * WINDOW_SAMPLES : (index + 1) * WINDOW_SAMPLES])
        owed = guard.owed_ms(NEEDED_MS) if index % every == every - 1 else -1
        found.append((cleaned.probability, float(np.mean(cleaned.samples**2)), owed))
    return found


def test_an_echo_is_found_and_subtracted() -> None:
    microphone = echo_of(AVATAR)
    heard = trace(EchoSettings(), microphone)
    assert {owed for _, _, owed in heard[45:180] if owed >= 0} == {NEEDED_MS}
    assert max(probability for probability, _, _ in heard[60:180]) == 0.0
    left = np.mean([power for _, power, _ in heard[60:180]])
    assert left < 0.05 * np.mean(microphone[60 * WINDOW_SAMPLES : 180 * WINDOW_SAMPLES] ** 2)


def test_a_person_over_the_echo_is_heard() -> None:
    microphone = echo_of(AVATAR, level=0.1)
    microphone[4 * SECOND : 4 * SECOND + len(PERSON)] += PERSON
    heard = trace(EchoSettings(), microphone, every=5)
    speech = [index for index, (probability, _, _) in enumerate(heard) if probability > 0.2]
    assert speech and 4.0 <= speech[0] * WINDOW_SAMPLES / SECOND < 4.5
    assert 0 in [owed for _, _, owed in heard[125:175] if owed >= 0]


def test_where_there_is_no_echo_nothing_is_changed() -> None:
    microphone = np.zeros(6 * SECOND, np.float32)
    microphone[2 * SECOND : 2 * SECOND + len(PERSON)] = PERSON
    heard = trace(EchoSettings(), microphone)
    powers = np.mean(microphone[: len(heard) * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES) ** 2, axis=1)
    assert [power for _, power, _ in heard] == pytest.approx(list(powers))
    assert NEEDED_MS not in [owed for _, _, owed in heard]


def test_the_guard_sleeps_while_the_avatar_is_silent() -> None:
    guard = EchoGuard(EchoSettings(tail_seconds=0.5), LoudIsSpeech())
    guard.plays(3.0)
    assert not guard.active  # nothing was said
    guard.plays(None)
    guard.said(Pcm(AVATAR, SECOND), 0.0)
    assert not guard.active  # nothing is played
    guard.plays(0.1)
    assert guard.active
    guard.plays(None)
    windows = 0
    while guard.active:
        guard.clean(AVATAR[:WINDOW_SAMPLES])
        windows += 1
    assert windows * WINDOW_SAMPLES / SECOND == pytest.approx(0.5, abs=0.04)
    assert guard.owed_ms(NEEDED_MS) == 0


def test_without_reports_it_is_taken_to_play_from_the_start() -> None:
    guard = EchoGuard(EchoSettings(), LoudIsSpeech())
    guard.said(Pcm(AVATAR, SECOND), 0.0)
    assert guard.active
    microphone = echo_of(AVATAR, 0.6)
    for at in range(0, 2 * SECOND, WINDOW_SAMPLES):
        guard.clean(microphone[at : at + WINDOW_SAMPLES])
    assert guard.owed_ms(NEEDED_MS) == NEEDED_MS and guard.found


def test_a_clock_that_begins_again_begins_again() -> None:
    guard = EchoGuard(EchoSettings(), LoudIsSpeech())
    for _ in range(2):
        guard.said(Pcm(AVATAR[: 2 * SECOND], SECOND), 0.0)
        guard.said(Pcm(np.repeat(AVATAR[2 * SECOND : 3 * SECOND], 3), 48_000), 2.5)  # a gap, and another rate
        assert guard._said.end == pytest.approx(3.5 * SECOND, abs=2)
        guard.plays(0.0)
    guard.said(Pcm(np.zeros(0, np.float32), SECOND), 0.0)
    assert guard._said.end == pytest.approx(3.5 * SECOND, abs=2)


def test_a_sound_is_found_where_it_lies_and_another_is_not() -> None:
    there = search(AVATAR[20_000:26_000], AVATAR)
    assert there.position == pytest.approx(20_000, abs=2) and there.likeness > 0.9
    assert search(PERSON[4_000:10_400], AVATAR).likeness < 0.15
    assert search(np.zeros(6_400, np.float32), AVATAR).likeness == 0.0
    assert search(AVATAR, AVATAR[:100]).likeness == 0.0


@pytest.mark.parametrize(
    ("change", "off"),
    [
        ({"enabled": False}, 0.0),
        ({"filter_ms": 16}, 0.0),
        ({"search_back_seconds": 0.1}, 0.0),
        ({"search_ahead_seconds": 0.0}, -0.6),
        ({"search_sound_ms": 200}, 0.0),
        ({"likeness": 0.99}, 0.0),
        ({"likeness": 0.99, "unlikeness": 0.98}, 0.0),
        ({"likeness": 0.99, "doubts": 0}, 0.0),
        ({"likeness": 0.99, "doubt_ms": 32}, 0.0),
        ({"leak_db": -25.0, "least_leak_db": -40.0}, 0.0),
        ({"least_leak_db": 0.0}, 0.0),
        ({"decay_db_per_second": 2000.0}, 0.0),
        ({"tail_seconds": 0.2}, 0.0),
        ({"kept_seconds": 2.0}, 0.0),
    ],
)
def test_every_knob_changes_what_is_heard(change: dict[str, float], off: float) -> None:
    before = {name: 0.99 for name in change if name == "likeness" and len(change) > 1}
    base = EchoSettings.model_validate(before)
    changed = base.model_copy(update=change)
    assert trace(changed, _interrupted(), off) != _unchanged(base, off)


@cache
def _unchanged(settings: EchoSettings, off: float) -> list[tuple[float, float, int]]:
    return trace(settings, _interrupted(), off)


def _interrupted() -> Float32:
    microphone = echo_of(AVATAR)
    microphone[4 * SECOND : 4 * SECOND + len(PERSON)] += PERSON
    return microphone
