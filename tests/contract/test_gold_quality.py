"""A gold phrase whose film is spoiled fails the gold set, against the baseline of the good one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soxr
from scipy.signal import butter, sosfilt

import benchmarks.gold.passage as passage
import benchmarks.gold.rounds as rounds
from benchmarks.application import Application
from benchmarks.gold.films import Films, digest_of
from benchmarks.gold.passage import TO_VIDEO
from benchmarks.gold.phrases import chosen
from benchmarks.gold.references import FOLDER, VOICES
from benchmarks.record import read_record
from benchmarks.scenarios.contracts import Bench
from deployments.contracts import (
    HEARING_RATE_HZ,
    SAMPLES_PER_FRAME,
    Cancellation,
    EncodedFrame,
    Float32,
    Image,
    Pcm,
    SpeechRequest,
    Step,
)
from deployments.errors import NotFound
from deployments.tts.engines import build_engine
from deployments.tts.settings import TtsSettings
from deployments.video.builtins import DEFAULT_AVATAR
from deployments.video.portrait.animator import PortraitAnimator
from deployments.video.settings import PortraitSettings
from deployments.weights.settings import WeightsSettings
from serve_app.cli.main import main
from serve_app.client import Film, Voice
from serve_app.media.whole import whole_mp4
from serve_app.turn_report import TurnReport
from tests.contract.test_quality_picture import encoded

pytestmark = [
    pytest.mark.contract,
    pytest.mark.weights("kokoro-v1.0-int8", "whisper-base", "speaker-judge", "speaker-encoder"),
]

(PHRASE,) = chosen("short_en")
RATE_HZ = 24_000
BASELINE: list[bytes] = []
"""The result of the good film, once it was measured."""


def nowhere(name: str) -> bytes:
    raise NotFound(name)


@cache
def made() -> tuple[Float32, tuple[Image, ...], tuple[EncodedFrame, ...]]:
    """The phrase as the product says and shows it: sound at 24 kHz, pictures, and the pictures encoded."""
    engine = build_engine(TtsSettings(warm_up=False), WeightsSettings(), nowhere)
    pieces = engine.speak(SpeechRequest(PHRASE.text, "en", VOICES["en"]), Cancellation())
    sound = np.concatenate([piece.samples for piece in pieces])
    heard = np.asarray(soxr.resample(sound, RATE_HZ, HEARING_RATE_HZ), np.float32)
    heard = np.pad(heard, (0, -len(heard) % SAMPLES_PER_FRAME))
    shown: list[Image] = []
    settings = PortraitSettings(warm_avatars=(DEFAULT_AVATAR,))
    animator = PortraitAnimator(settings, nowhere, watch=lambda _, picture: shown.append(picture.copy()))
    (stepped,) = animator.step([Step(DEFAULT_AVATAR, np.clip(heard, -1, 1), final=True)])
    assert not isinstance(stepped, Exception)
    return sound, tuple(shown), stepped.frames


def film(sound: Float32, frames: Sequence[EncodedFrame], turn: str = "turn") -> Film:
    shape = made()[1][0].shape
    length = len(frames) * RATE_HZ // 25
    sound = np.pad(sound, (0, max(0, length - len(sound))))[:length]
    report = TurnReport(turn, PHRASE.text, PHRASE.text, "en", len(frames) / 25, 0.0, {"tts": 0.4, "video": 0.6})
    data = whole_mp4(frames, [Pcm(sound, RATE_HZ)], (shape[1], shape[0])) + report.as_box()
    return Film(data, report)


@cache
def good() -> Film:
    sound, _, frames = made()
    return film(sound, frames)


def frozen() -> Film:
    sound, shown, _ = made()
    return film(sound, encoded([shown[0]] * len(shown)))


def shifted() -> Film:
    """The sound 100 ms late, within what the limits allow: only the baseline tells."""
    sound, _, frames = made()
    return film(np.pad(sound, (round(0.1 * RATE_HZ), 0)), frames)


def muffled() -> Film:
    sound, _, frames = made()
    through = sosfilt(butter(4, 900, fs=RATE_HZ, output="sos"), sound)
    return film(np.asarray(through, np.float32), frames)


class Server:
    """Answers what is asked with the film it has; as a client of itself."""

    shown: Film

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str, **_: Any) -> Film:
        return Server.shown

    def talk(self, audio: bytes, **_: Any) -> Film:
        return Server.shown

    def voices(self) -> list[Voice]:
        return [Voice(name, "built-in") for name in VOICES.values()]


@pytest.fixture
def gold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """The command, against a server that shows what it is told to, and takes no time for it."""
    monkeypatch.setattr(rounds, "AvatarClient", Server)
    monkeypatch.setattr(rounds, "whisper", lambda: lambda *_: PHRASE.transcript)
    monkeypatch.setattr(passage, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    monkeypatch.setattr(Bench, "application", lambda *_: _There())

    def run(shown: Film, *words: str) -> int:
        Server.shown = shown
        kept = ["--baseline", str(tmp_path / "baseline.json"), "--out", str(tmp_path / f"out{len(words)}")]
        return main(["bench", "gold", "--only", PHRASE.id, "--rounds", "2", "--url", "http://nobody", *kept, *words])

    if not BASELINE:
        assert run(good(), "--write-baseline") == 0
        BASELINE.append((tmp_path / "baseline.json").read_bytes())
    (tmp_path / "baseline.json").write_bytes(BASELINE[0])
    yield run


class _There:
    def __enter__(self) -> Application:
        return Application("http://nobody", 0, 0.0)

    def __exit__(self, *_: object) -> None:
        pass


def test_the_same_film_again_is_no_regression(
    gold: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = read_record(tmp_path / "baseline.json")
    names = {measure.name for measure in record.measures if measure.group.get("path") == TO_VIDEO}
    assert names > {"lip_sync", "lip_sync_off", "head_turning_beyond", "flicker_face", "gaps"}
    assert names > {"identity_geometry", "words_wrong", "voice_by_judge", "voice_by_encoder", "loudness", "clipped"}
    assert record.figures["films_that_differ"] == [] and len(record.figures["films"]) == 2
    assert record.figures["voices"] == sorted(VOICES.values())
    capsys.readouterr()
    assert gold(good()) == 0
    assert "WORSE" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoiled", "worse", "failed"),
    [
        (frozen, ("lip_sync", "frozen_pictures", "head_turning_beyond"), "frozen_pictures"),
        (shifted, ("lip_sync_off",), ""),
        (muffled, ("voice_by_judge", "voice_by_encoder"), ""),
    ],
)
def test_a_spoiled_film_fails_the_run(
    gold: Callable[..., int],
    spoiled: Callable[[], Film],
    worse: tuple[str, ...],
    failed: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert gold(spoiled()) == 1
    out = capsys.readouterr().out
    for name in worse:
        assert f"WORSE  {name} [path={TO_VIDEO}, language=en]" in out
    failures = [line for line in out.splitlines() if line.startswith(f"FAILED {PHRASE.id}, {TO_VIDEO}: ")]
    assert not failed or failed in failures[0]


def test_without_quality_no_film_is_looked_at(gold: Callable[..., int], tmp_path: Path) -> None:
    assert gold(frozen(), "--quality", "0") == 0
    (path,) = (tmp_path / "out2").glob("*.json")
    assert read_record(path).figures["films"] == []


def test_equal_films_are_measured_once() -> None:
    films = Films(2, {"en": FOLDER / f"{VOICES['en']}.wav"})
    again = replace(good(), data=film(made()[0], made()[2], "another turn").data)
    assert digest_of(again.data) == digest_of(good().data) and again.data != good().data
    for number, one in enumerate((good(), again, frozen())):
        films.keep(number, PHRASE, TO_VIDEO, one)
    films.keep(0, PHRASE, "nothing came of it", None)
    told: list[str] = []
    rows = films.measured(told.append)
    assert [row["round"] for row in rows] == [0, 1] and len(told) == 1
    assert films.unlike() == [f"{PHRASE.id}, {TO_VIDEO}"], "the third round's film was another one"
    assert rows[0]["wrong"] == [] and rows[0]["lip_sync"] > 0.5 and rows[0]["voice_by_judge"] > 0.8
