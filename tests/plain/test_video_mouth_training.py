"""The data recipe of the mouth network: alphabets, the table of lip shapes, texts and alignment."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("onnx")

from benchmarks.mouth.align import Aligner
from benchmarks.mouth.kokoro import SYMBOLS
from benchmarks.mouth.recording import Recording, load, save
from benchmarks.mouth.score import closure_events
from benchmarks.mouth.sounds import Span, spans
from benchmarks.mouth.visemes import VISEMES, insistence, targets
from deployments.video.portrait.pose import MOUTH_CHANNELS

OPEN, PUCKER, PRESS = (MOUTH_CHANNELS.index(name) for name in ("open", "pucker", "press"))


def sounds(symbols: str, source: str = "kokoro") -> list[str]:
    return [span.sound for span in spans([(symbol, 1.0) for symbol in symbols], source, 1.0)]


@pytest.mark.parametrize("symbol", list(SYMBOLS))
def test_every_symbol_of_kokoro_has_a_shape(symbol: str) -> None:
    for sound in sounds(symbol):
        assert VISEMES[sound].shape == (len(MOUTH_CHANNELS),)
        assert len(insistence(sound, 0.1)) == len(MOUTH_CHANNELS)


def test_kokoros_alphabet_has_its_114_symbols() -> None:
    assert len(SYMBOLS) == 114
    assert (SYMBOLS[" "], SYMBOLS["a"], SYMBOLS["ɻ"], SYMBOLS["ᵻ"]) == (16, 43, 126, 177)


def test_diphthongs_stops_and_affricates_are_taken_apart() -> None:
    assert sounds("pI") == ["p·", "p", "a", "ɪ"]
    assert sounds("ʧ") == ["t·", "ʃ"]
    assert sounds("ʨʰy↘") == ["t·", "ɕ", "ʰ", "y"]


def test_mandarin_apical_vowels_follow_their_consonant() -> None:
    assert sounds("ʂɨ") == ["ʂ", "ʅ"]
    assert sounds("sɨ") == ["s", "ɿ"]
    assert VISEMES["ʅ"][PUCKER] > 0.3 > VISEMES["ɿ"][PUCKER]


def test_stress_tone_length_and_gaps_lengthen_the_sound_before() -> None:
    found = spans([("a", 2.0), ("ː", 1.0), ("↘", 1.0), (" ", 1.0), ("m", 1.0)], "kokoro", 0.025)
    assert [span.sound for span in found] == ["a", "m"]
    assert [span.end for span in found] == pytest.approx([0.125, 0.15])


def test_the_robots_alphabets_say_the_same() -> None:
    flite = [span.sound for span in spans([("b", 0.1), ("ay", 0.2), ("pau", 0.1)], "flite", 1.0)]
    espeak = [span.sound for span in spans([("b", 0.1), ("aɪ", 0.2), ("", 0.1)], "espeak", 1.0)]
    assert flite == espeak == ["b·", "b", "a", "ɪ", ""]


def test_lips_press_on_p_between_vowels_and_round_before_u() -> None:
    said = [Span("a", 0.0, 0.2), Span("p·", 0.2, 0.27), Span("p", 0.27, 0.29), Span("u", 0.29, 0.5)]
    shapes = targets(said, 50)
    assert shapes[23, PRESS] > 0.8
    assert shapes[23, OPEN] < 0.05 < shapes[10, OPEN]
    assert shapes[10, PRESS] < 0.01
    assert shapes[27, PUCKER] > 0.2
    assert shapes[40, PUCKER] > 0.7


def test_alignment_moves_a_closure_to_where_it_is_heard() -> None:
    chance = np.random.default_rng(0)
    aligner = Aligner("flite")
    closures = []
    for _ in range(6):
        late = chance.uniform(-0.03, 0.03)
        samples = chance.normal(size=16_000).astype(np.float32) * np.float32(0.1)
        samples += np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000).astype(np.float32) * np.float32(0.3)
        start = 0.5 + late
        closures.append(start)
        samples[int(start * 16_000) : int((start + 0.06) * 16_000)] *= np.float32(0.001)
        aligner.add(samples, [Span("a", 0.0, 0.5), Span("p·", 0.5, 0.56), Span("a", 0.56, 1.0)])
    for wanted, heard in zip(closures, aligner.train(), strict=True):
        assert [span.sound for span in heard] == ["a", "p·", "a"]
        assert heard[1].start == pytest.approx(wanted, abs=0.015)
        assert heard[1].end == pytest.approx(wanted + 0.06, abs=0.015)


def test_closures_are_counted_as_they_are_seen() -> None:
    press = np.zeros(50, np.float32)
    press[[10, 11, 30]] = 1.0
    said = [Span("m", 0.40, 0.47), Span("b·", 0.80, 0.86)]
    assert closure_events(press, said, 0.5) == (1, 2, 1, 2)
    doubtful = [*said, Span("β", 1.2, 1.26)]
    assert closure_events(press, doubtful, 0.5) == (1, 2, 1, 1)


def test_a_recording_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "kokoro-train-en-000.npz"
    made = Recording(np.linspace(-1, 1, 100, dtype=np.float32), "kokoro", "en", "af_heart", "Ah.", [("a", 4.0)])
    save(path, made)
    back = load(path)
    np.testing.assert_allclose(back.samples, made.samples, atol=1e-4)
    assert (back.phones, back.voice, back.text) == (made.phones, made.voice, made.text)
