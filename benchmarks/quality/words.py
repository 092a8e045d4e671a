"""What a listener would understand: the film's sound through the recogniser, and how far that is from what was said."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.quality.numbers import spelled_out
from benchmarks.text import edits, simplified
from deployments.asr.engines import build_engine
from deployments.asr.settings import AsrSettings
from deployments.contracts import HEARING_RATE_HZ, Float32, Pcm, Transcriber, Transcript, Utterance
from deployments.tts.mandarin import spoken_chinese
from deployments.tts.written_english import spoken_english
from deployments.tts.written_spanish import spoken_spanish
from deployments.weights.settings import WeightsSettings

_LONGEST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Understood:
    """`word_error_rate`, `letter_error_rate`: insertions, deletions and substitutions over what was said (Levenshtein);
    can exceed 1. In Chinese both count characters. `heard`: the recogniser's text."""

    word_error_rate: float
    letter_error_rate: float
    heard: str


@lru_cache(maxsize=1)
def _recogniser(weights: str) -> Transcriber:
    """Loaded once a process. `weights`: the settings as JSON, which can be a key of the cache."""
    settings = AsrSettings(max_utterance_seconds=_LONGEST_SECONDS, warm_up=False)
    return build_engine(settings, WeightsSettings.model_validate_json(weights))


def listen(sound: Float32, language: str | None, weights: WeightsSettings) -> Transcript:
    """What Whisper base hears in 16 kHz speech, with the times of words. Raises WeightsMissing, BadInput."""
    (heard,) = _recogniser(weights.model_dump_json()).transcribe([Utterance(Pcm(sound, HEARING_RATE_HZ), language)])
    if isinstance(heard, Exception):
        raise heard
    return heard


def understood(said: str, heard: Transcript) -> Understood:
    """Compares in the heard transcript's language."""
    meant, found = plain_words(said, heard.language), plain_words(heard.text, heard.language)
    letters = [list("".join(words)) for words in (meant, found)]
    return Understood(_rate(meant, found), _rate(*letters), heard.text)


def plain_words(text: str, language: str) -> list[str]:
    """Words without case and punctuation, numbers as they are said; characters in Chinese, simplified."""
    text = unicodedata.normalize("NFKC", text)
    if language == "zh":
        if re.search(r"\d", text):
            text = _with_numbers_said(text)
        return [letter for letter in simplified(text).casefold() if letter.isalnum()]
    spoken = {"en": spoken_english, "es": spoken_spanish}.get(language, str)(text)
    return re.findall(r"\w+", re.sub(r"['’]", "", spelled_out(spoken, language).casefold()))


def _with_numbers_said(text: str) -> str:
    said, foreign = spoken_chinese(text)
    return re.sub(r"[\ue000-\uf8ff]", lambda match: foreign[ord(match[0]) - 0xE000], said)


def _rate(meant: Sequence[str], found: Sequence[str]) -> float:
    return edits(meant, found) / max(1, len(meant))
