"""Whisper with its real weights: what it hears in the shipped questions and in a person's reading."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr

from deployments.asr.engines import build_engine
from deployments.asr.settings import AsrSettings, VoiceActivitySettings
from deployments.contracts import HEARING_RATE_HZ, Pcm, SpeechRequest, Transcriber, Transcript, Utterance
from deployments.errors import EngineFailed, TooLarge, WeightsMissing
from deployments.tts.engines import build_engine as build_voice
from deployments.tts.settings import TtsSettings
from deployments.weights.settings import WeightsSettings
from serve_app.media.decode import decode_audio
from serve_app.media.settings import MediaLimits
from serve_app.samples.catalogue import question, questions
from tests.contract.synthesizer_suite import said
from tests.contract.transcriber_suite import TranscriberSuite

pytestmark = [pytest.mark.contract, pytest.mark.weights]
DATA = Path(__file__).parents[1] / "data"


def asked(name: str, language: str | None = None) -> Utterance:
    return Utterance(decode_audio(question(name).sound(), MediaLimits()), language)


def read_aloud(name: str) -> Utterance:
    return Utterance(decode_audio((DATA / f"librivox-austen-{name}.wav").read_bytes(), MediaLimits()))


def joined(*parts: Utterance | float) -> Utterance:
    """Speech one after the other; a number is that many seconds of silence."""
    silence = [
        np.zeros(round(p * HEARING_RATE_HZ), np.float32) if isinstance(p, float) else p.pcm.samples for p in parts
    ]
    return Utterance(Pcm(np.concatenate(silence), HEARING_RATE_HZ))


def plain(text: str) -> str:
    return re.sub(r"[^\w]+", " ", text).strip().lower()


def heard(engine: Transcriber, utterance: Utterance) -> Transcript:
    (result,) = engine.transcribe([utterance])
    assert isinstance(result, Transcript), result
    return result


def built(settings: AsrSettings) -> Transcriber:
    try:
        return build_engine(settings, WeightsSettings())
    except WeightsMissing as missing:
        pytest.skip(missing.message)


@pytest.fixture(scope="module")
def whisper() -> Transcriber:
    return built(AsrSettings())


class TestWhisper(TranscriberSuite):
    @pytest.fixture
    def engine(self, whisper: Transcriber) -> Transcriber:
        return whisper

    @pytest.fixture
    def speech(self) -> Sequence[Utterance]:
        return [asked("en-sky"), asked("zh-travel"), asked("es-capital")]

    @pytest.mark.parametrize("name", [q.name for q in questions()])
    @pytest.mark.parametrize("given", [False, True])
    def test_questions_are_understood_to_the_word(self, engine: Transcriber, name: str, given: bool) -> None:
        wanted = question(name)
        found = heard(engine, asked(name, wanted.language if given else None))
        assert found.language == wanted.language
        assert plain(found.text) == plain(wanted.text)

    def test_a_person_is_understood(self, engine: Transcriber) -> None:
        assert plain(heard(engine, read_aloud("0930")).text) == "he might even have been made amiable himself"
        assert plain(heard(engine, read_aloud("0880")).text) == "he was not an ill disposed young man"

    def test_chinese_is_written_in_simplified_characters(self, engine: Transcriber) -> None:
        assert "哪里旅游" in heard(engine, asked("zh-travel")).text

    def test_words_are_those_of_the_text(self, engine: Transcriber) -> None:
        found = heard(engine, read_aloud("0880"))
        assert " ".join(word.text for word in found.words) == found.text
        found = heard(engine, asked("zh-capital"))
        assert "".join(word.text for word in found.words) == found.text

    def test_word_times_count_from_the_start_of_the_sound(self, engine: Transcriber) -> None:
        alone = heard(engine, asked("en-sky"))
        later = heard(engine, joined(3.0, asked("en-sky"), 2.0))
        assert later.text == alone.text
        for before, after in zip(alone.words, later.words, strict=True):
            assert after.start_seconds == pytest.approx(before.start_seconds + 3.0, abs=0.15)

    def test_long_speech_is_heard_in_parts(self, engine: Transcriber) -> None:
        once = [read_aloud("0880"), 0.6, asked("en-language"), 0.6, read_aloud("0930"), 0.6]
        found = heard(engine, joined(*once, *once, *once))
        assert found.seconds > 30
        assert plain(found.text).count("how can i learn a new language quickly") == 3
        assert plain(found.text).count("he might even have been made amiable himself") == 3
        assert found.words[-1].end_seconds > found.seconds - 2

    def test_sentences_after_pauses_are_not_skipped(self, engine: Transcriber) -> None:
        names = ["zh-travel", "zh-capital", "zh-travel", "zh-capital"]
        found = heard(engine, joined(*[part for name in names for part in (asked(name), 0.6)]))
        assert plain(found.text).replace(" ", "") == "".join(plain(question(name).text) for name in names)

    def test_noise_is_silence(self, engine: Transcriber) -> None:
        generator = np.random.default_rng(0)
        time = np.arange(3 * HEARING_RATE_HZ) / HEARING_RATE_HZ
        for noise in (0.1 * generator.normal(size=len(time)), 0.3 * np.sin(2 * np.pi * 100 * time)):
            assert heard(engine, Utterance(Pcm(noise.astype(np.float32), HEARING_RATE_HZ))).text == ""

    def test_too_long_is_refused_alone(self, engine: Transcriber) -> None:
        long = Utterance(Pcm(np.zeros(61 * HEARING_RATE_HZ, np.float32), HEARING_RATE_HZ))
        first, second = engine.transcribe([long, asked("en-sky")])
        assert isinstance(first, TooLarge)
        assert isinstance(second, Transcript)

    def test_a_failure_inside_the_library_is_typed(self, engine: Transcriber, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("out of memory")

        monkeypatch.setattr(engine, "_encode", broken)
        (result,) = engine.transcribe([asked("en-sky")])
        assert isinstance(result, EngineFailed)
        assert "out of memory" in result.message


def test_settings_take_effect() -> None:
    settings = AsrSettings(
        languages=("en", "zh"),
        prompts={},
        word_times=False,
        max_utterance_seconds=10,
        voice_activity=VoiceActivitySettings(enabled=False),
        max_compression_ratio=1.5,
        warm_up=False,
    )
    engine = built(settings)
    spanish = heard(engine, asked("es-capital"))
    assert spanish.language in ("en", "zh")
    assert spanish.words == ()
    (refused,) = engine.transcribe([joined(11.0)])
    assert isinstance(refused, TooLarge)
    assert heard(engine, joined(3.0)).text == ""


def test_the_guards_turn_a_doubted_text_into_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = AsrSettings(min_mean_log_probability=0.0, max_no_speech_probability=0.0, warm_up=False)
    assert heard(built(settings), asked("en-sky")).text == ""
    engine = built(AsrSettings(warm_up=False))
    model = engine._model  # type: ignore[attr-defined]
    decode, tries = model.decode, []

    def looping(rows: object, language: str, seconds: float, against_repetition: bool = False) -> list[object]:
        tries.append(against_repetition)
        return [
            one if against_repetition else replace(one, text="thank you " * 30)
            for one in decode(rows, language, seconds)
        ]

    monkeypatch.setattr(model, "decode", looping)
    assert plain(heard(engine, asked("en-sky")).text) == "why is the sky blue"
    assert tries == [False, True]


@pytest.mark.parametrize("word_times", [True, False])
@pytest.mark.parametrize("name", [q.name for q in questions()])
def test_a_sentence_the_model_writes_twice_is_heard_once(
    monkeypatch: pytest.MonkeyPatch, name: str, word_times: bool
) -> None:
    engine = built(AsrSettings(warm_up=False, word_times=word_times))
    once = heard(engine, asked(name))
    model = engine._model  # type: ignore[attr-defined]
    decode = model.decode

    def twice(*arguments: object) -> list[object]:
        return [replace(one, text=f"{one.text} {one.text}", tokens=one.tokens * 2) for one in decode(*arguments)]

    monkeypatch.setattr(model, "decode", twice)
    found = heard(engine, asked(name))
    assert plain(found.text) == plain(once.text)
    for before, after in zip(once.words, found.words, strict=True):
        assert after.start_seconds == pytest.approx(before.start_seconds, abs=0.1)


@pytest.mark.parametrize("name", [q.name for q in questions()])
@pytest.mark.parametrize("pause", [0.05, 0.2, 0.6])
def test_of_what_is_asked_twice_nothing_is_taken_out(
    whisper: Transcriber, monkeypatch: pytest.MonkeyPatch, name: str, pause: float
) -> None:
    """The base model itself may write a hurried repetition once; what it does write twice stays."""
    model, taken_out = whisper._model, []  # type: ignore[attr-defined]
    monkeypatch.setattr(model, "without", lambda decoded, *_: taken_out.append(decoded))
    core = asked(name, question(name).language)
    loud = np.flatnonzero(np.abs(core.pcm.samples) > 0.02)
    core = replace(core, pcm=Pcm(core.pcm.samples[loud[0] : loud[-1]], HEARING_RATE_HZ))
    text = plain(heard(whisper, joined(0.3, core, pause, core, 0.5)).text)
    assert plain(question(name).text)[-4:] in text and not taken_out


@pytest.mark.weights("whisper-base", "kokoro-v1.0-int8")
def test_a_reply_on_which_the_model_loops_is_heard_once(whisper: Transcriber) -> None:
    """Of these, an eighth came back with the second sentence twice."""
    tts = build_voice(TtsSettings(warm_up=False), WeightsSettings(offline=True), lambda _: b"")
    clauses = (
        "The capital of France is Paris.",
        "Paris is famous for its rich history,",
        "including the Louvre Museum and the Notre Dame Cathedral.",
    )
    for speed in (0.94, 0.97, 1.0, 1.03):
        speech = [said(tts, SpeechRequest(clause, "en", None, speed)) for clause in clauses]
        samples = soxr.resample(np.concatenate(speech), 24_000, HEARING_RATE_HZ).astype(np.float32)
        for start in (0.05, 0.13, 0.31, 0.47):
            found = heard(whisper, joined(start, Utterance(Pcm(samples, HEARING_RATE_HZ)), 0.6))
            assert plain(found.text).count("museum") == 1, found


def test_missing_weights_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="avatar models pull whisper-base"):
        build_engine(AsrSettings(), WeightsSettings(cache_dir=tmp_path))
