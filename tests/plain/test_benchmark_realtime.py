"""What the realtime benchmarks measure with: recordings, fragments, a microphone."""

import asyncio
import time
from typing import Any

import numpy as np
import pytest

from benchmarks.answer_media import AnswerSound, first_speaking_piece
from benchmarks.microphone import Microphone
from benchmarks.realtime import percentile, share
from benchmarks.sound import pcm16, recording, voiced_seconds
from deployments.contracts import Pcm
from serve_app.media.fragments import FragmentWriter
from serve_app.samples.catalogue import questions
from tests.fakes.frames import encoded_frames


def tone(seconds: float, rate_hz: int = 24_000) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def test_where_speech_begins_and_ends() -> None:
    samples = np.concatenate([np.zeros(8000, np.float32), tone(1, 16_000), np.full(4000, 1e-4, np.float32)])
    assert voiced_seconds(samples, 16_000) == (pytest.approx(0.5, abs=0.011), pytest.approx(1.5, abs=0.011))
    assert voiced_seconds(np.zeros(1600, np.float32), 16_000) is None
    for question in questions():
        span = voiced_seconds(recording(question, 16_000), 16_000)
        assert span is not None
        # PROVENANCE.md: cut to 0.15 s before and 0.25 s after the words
        assert span == (pytest.approx(0.15, abs=0.02), pytest.approx(question.seconds - 0.25, abs=0.09))
    assert len(recording(questions()[0], 24_000)) == pytest.approx(questions()[0].seconds * 24_000, abs=240)


def answer(silent_seconds: float) -> list[bytes]:
    """Two seconds in pieces of 0.2 s, of which the first ones are silent, on a timeline that began long ago."""
    sound = np.concatenate([np.zeros(round(silent_seconds * 24_000), np.float32), tone(2 - silent_seconds)])
    frames = encoded_frames(50)
    writer = FragmentWriter((64, 48), start_frame=1000)
    pieces = []
    for number in range(10):
        pcm = Pcm(sound[number * 4800 : (number + 1) * 4800], 24_000)
        piece = writer.fragment(frames[number * 5 : number * 5 + 5], pcm)
        pieces.append(piece if number else writer.init_segment() + piece)
    return [*pieces, writer.finish()]


def test_the_sound_of_an_answer_is_decoded_as_it_comes() -> None:
    decoder = AnswerSound()
    heard = np.concatenate([decoder.feed(piece) for piece in answer(0.5)])
    assert len(heard) == pytest.approx(2 * decoder.rate_hz, abs=0.05 * decoder.rate_hz)
    assert voiced_seconds(heard, decoder.rate_hz) == (pytest.approx(0.5, abs=0.05), pytest.approx(2, abs=0.05))


@pytest.mark.parametrize(("silent", "piece"), [(0.0, 0), (0.5, 2), (1.1, 5)])
def test_the_first_piece_with_speech_and_its_picture(silent: float, piece: int) -> None:
    found = first_speaking_piece(answer(silent))
    assert found is not None and piece <= found <= piece + 1, "a piece's sound may lie up to 80 ms into the next one"
    assert first_speaking_piece(answer(2.0)) is None


class Line:
    """A conversation that keeps what is sent."""

    rate_hz = 16_000

    def __init__(self) -> None:
        self.sent: list[tuple[float, bytes]] = []

    async def send_audio(self, chunk: bytes) -> None:
        self.sent.append((time.perf_counter(), chunk))


async def test_a_microphone_sends_what_is_said_when_it_was_said() -> None:
    line: Any = Line()
    microphone = Microphone(line, chunk_seconds=0.02, trailing_seconds=0.1)
    task = asyncio.create_task(microphone.run())
    await asyncio.sleep(0.1)
    assert line.sent == [], "a quiet room is not sent"
    begins = microphone.say(np.full(1600, 0.5, np.float32))
    await asyncio.sleep(0.4)
    task.cancel()
    assert microphone.silent and abs(begins - (line.sent[0][0] - 0.02)) < 0.02
    heard = np.frombuffer(b"".join(chunk for _, chunk in line.sent), "<i2")
    assert len(heard) == pytest.approx(1600 + 1600, abs=320), "and as much quiet after it as was asked for"
    assert (np.abs(heard[:1600] - 16_383) < 200).all() and (np.abs(heard[1600:]) < 200).all()


async def test_a_microphone_hears_the_loudspeaker_too() -> None:
    line: Any = Line()
    microphone = Microphone(line, overheard=lambda at, count: np.full(count, 0.1, np.float32))
    task = asyncio.create_task(microphone.run())
    await asyncio.sleep(0.15)
    task.cancel()
    assert all(np.abs(np.frombuffer(chunk, "<i2") - 3277).max() < 200 for _, chunk in line.sent) and line.sent


def test_figures() -> None:
    assert percentile([float(value) for value in range(1, 21)], 0.95) == 19
    assert percentile([3.0], 0.95) == 3
    assert [share(20, number) for number in range(3)] == [7, 7, 6]
    assert len(pcm16(np.array([2.0, -2.0], np.float32))) == 4
