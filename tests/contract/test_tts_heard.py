"""What Kokoro says is what Whisper hears, in three languages; and nothing of it is cut off."""

import os
import re
import unicodedata
from functools import cache

import numpy as np
import pytest
import soxr

from benchmarks.text import edits, simplified
from deployments.contracts import SpeechRequest
from deployments.errors import WeightsMissing
from deployments.tts.kokoro import KokoroSynthesizer
from deployments.tts.settings import TtsSettings
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings
from tests.contract.synthesizer_suite import person, said
from tests.contract.test_tts_kokoro import BLOBS, build

pytestmark = [pytest.mark.contract, pytest.mark.weights]

SAID = {
    "en": (
        "Sure, I can help",
        "The ship left in the morning mist.",
        "Paris is the capital of France.",
        "The meeting is at 10:30, and it costs $20.",
    ),
    "es": (
        "Claro que sí",
        "París es la capital de Francia.",
        "Creo que es una buena pregunta.",
        "Son las 10:30 de hoy.",
    ),
    "zh": ("当然可以。", "我觉得这是一个很好的问题。", "今天天气很好，我们去公园散步吧。", "谢谢你的问题，我很高兴。"),
}
MEANT = {
    "The meeting is at 10:30, and it costs $20.": "the meeting is at ten thirty and it costs twenty dollars",
    "Son las 10:30 de hoy.": "son las diez y media de hoy",
}
WRITTEN = {"1030": "ten thirty", "$20": "twenty dollars", "20": "twenty", "10": "diez"}
BOUNDS = {"en": 0.12, "es": 0.15, "zh": 0.12}


@pytest.fixture(scope="module")
def kokoro() -> KokoroSynthesizer:
    return build(TtsSettings(warm_up=False))


@cache
def whisper():  # type: ignore[no-untyped-def]
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from faster_whisper import WhisperModel

    try:
        folder = require("whisper-base", WeightsSettings(offline=True))
    except WeightsMissing as missing:
        pytest.skip(missing.message)
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)


def words(text: str, language: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text.lower()).replace(":", "")
    plain = re.sub(r"[^\w$ ]", "", simplified(plain) if language == "zh" else plain)
    spelled = " ".join(WRITTEN.get(word, word) for word in plain.split())
    return list(spelled.replace(" ", "")) if language == "zh" else spelled.split()


def hear(samples: np.ndarray, language: str) -> str:
    heard = soxr.resample(samples, 24_000, 16_000)
    quiet = np.concatenate([np.zeros(3_200, np.float32), heard, np.zeros(4_800, np.float32)]).astype(np.float32)
    prompt = "以下是普通话的句子。" if language == "zh" else None
    segments, _ = whisper().transcribe(quiet, language=language, beam_size=1, initial_prompt=prompt)
    return "".join(segment.text for segment in segments)


@pytest.mark.parametrize("language", ["en", "es", "zh"])
def test_whisper_hears_what_was_said(kokoro: KokoroSynthesizer, language: str) -> None:
    wrong, total, report = 0, 0, []
    for text in SAID[language]:
        heard = hear(said(kokoro, SpeechRequest(text, language, "")), language)
        meant = words(MEANT.get(text, text), language)
        wrong, total = wrong + edits(meant, words(heard, language)), total + len(meant)
        report.append((text, heard))
    assert wrong <= BOUNDS[language] * total, report


def test_a_matched_voice_is_as_clear(kokoro: KokoroSynthesizer) -> None:
    BLOBS["clear"] = kokoro.enrol(person(6, hertz=180))
    text = "Paris is the capital of France, and Madrid is the capital of Spain."
    heard = hear(said(kokoro, SpeechRequest(text, "en", "clear")), "en")
    assert edits(words(text, "en"), words(heard, "en")) <= 2, heard


def test_english_words_within_chinese_are_spoken(kokoro: KokoroSynthesizer) -> None:
    heard = hear(said(kokoro, SpeechRequest("我昨天买了一个 iPhone，很喜欢。", "zh", "")), "zh")
    # In Chinese spelling where Whisper prefers it.
    assert re.search(r"phone|爱[风疯凤封]", heard.lower()), heard
