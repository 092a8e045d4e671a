"""Do the lips meet where they must: the mouth's opening at m, b and p.

When they are said follows from the words the recogniser heard and their times. Within a word each sound gets its share
of the time, and the closure is the weakest place of 500 to 4000 Hz near it: lips that are shut let little of that out.
Against the closures of three recordings whose times were read off the sound (tests/data/mouth/said.json) that is within
20 ms.
"""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.quality.film import Film
from benchmarks.quality.lip_sync import ALL_HZ, envelope
from deployments.contracts import Float32, Transcript, Word
from deployments.errors import AvatarError
from deployments.tts.espeak import open_espeak
from deployments.tts.phonemes import Phonemizer
from deployments.tts.settings import EspeakSettings

logger = logging.getLogger(__name__)

Float64 = npt.NDArray[np.float64]
BILABIALS = frozenset("mbp")
_VOWELS = frozenset("aeiouyæɑɒɐɔəɘɛɜɞɪʊʌøœɯɤɚɨʉᵊᵻAIOQWY")
_MARKS = re.compile(r"[ˈˌːʰʲ̃→↓↗↘\s;:,.!?—…\"()“”-]")
_CLOSED_BAND_HZ = (500.0, 4000.0)
_ROW_SECONDS = 0.01
_VOICED_SHARE = 0.15
"""Root amplitude over the film's 95th percentile: 33 dB below."""
_SEARCH_SECONDS = 0.12
"""How far a sound may lie from where its share of the word puts it."""
_NEAR_SECONDS = 0.08
"""A closure counts as shown when the lips meet this near to it: two frames."""
_MARGIN = 0.1
"""Of the usual opening: what the tracker makes of shut lips must not decide about depth."""
_LEAST_OPENING = 0.02
"""Below this median opening a mouth does not speak, and ratios say nothing."""


@dataclass(frozen=True, slots=True)
class Closures:
    """`times`: seconds of the m, b and p that were heard; `openings`: for each, the least opening within 80 ms of it.
    `opening`: their median over the mouth's median opening in speech: near 0 where the lips meet, 1 and more where they
    stay open. `elsewhere`: the same ratio at all moments of speech that are no closure. `depth`: 1 - (opening + 0.1) /
    (elsewhere + 0.1): about 0.9 where the mouth shuts at closures and only there, 0 for a still mouth, open or
    shut."""

    times: tuple[float, ...]
    openings: tuple[float, ...]
    opening: float
    elsewhere: float
    depth: float


def closures(opening: Float64, film: Film, heard: Transcript) -> Closures | None:
    """None where no m, b or p was heard. `opening`: as `faces.mouth_opening` gives it. Raises WeightsMissing without
    espeak-ng for English and Spanish."""
    found = bilabial_times(film.heard(), heard)
    if not found:
        return None
    times = film.frame_times + 0.5 * float(np.median(film.video.lengths))
    least = [_least(opening, times, at) for at in found]
    inside = np.zeros(len(times), bool)
    for word in heard.words:
        inside |= (times >= word.start_seconds) & (times <= word.end_seconds)
    away = np.abs(times[:, None] - np.array(found)).min(axis=1) > 2 * _NEAR_SECONDS
    usual = max(float(np.median(opening[inside])) if inside.any() else 0.0, _LEAST_OPENING)
    others = [_least(opening, times, at) for at in times[inside & away]] or [float(np.median(opening))]
    shut, elsewhere = float(np.median(least)) / usual, float(np.median(others)) / usual
    depth = 1 - (shut + _MARGIN) / (elsewhere + _MARGIN)
    return Closures(tuple(found), tuple(least), shut, elsewhere, depth)


def bilabial_times(sound: Float32, heard: Transcript) -> list[float]:
    """Seconds of the closures of m, b and p in 16 kHz speech."""
    speech = np.log(envelope(sound, _CLOSED_BAND_HZ) + 1e-4)
    spell = _speller(heard.language)
    loudness = envelope(sound, ALL_HZ)
    voiced = loudness > _VOICED_SHARE * np.percentile(loudness, 95)
    found: list[float] = []
    for word in heard.words:
        start, end = _voiced_part(word, voiced)
        for place in _places(spell(word.text)):
            about = start + place * (end - start)
            found.append(_weakest(speech, about, (start, end), found[-1] if found else -1.0))
    return found


def _voiced_part(word: Word, voiced: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """A word's times without the silence that the recogniser gives to the first and last of a phrase."""
    first = round(word.start_seconds / _ROW_SECONDS)
    rows = np.flatnonzero(voiced[first : round(word.end_seconds / _ROW_SECONDS) + 1])
    if not len(rows):
        return word.start_seconds, word.end_seconds
    return (first + int(rows[0])) * _ROW_SECONDS, (first + int(rows[-1])) * _ROW_SECONDS


def _speller(language: str) -> Callable[[str], str]:
    phonemizer = Phonemizer(open_espeak(EspeakSettings()))
    known: dict[str, str] = {}

    def spell(word: str) -> str:
        if word not in known:
            try:
                known[word] = phonemizer.spell(word, language)
            except AvatarError as error:
                logger.warning("%r cannot be spelled: %s", word, error)
                known[word] = ""
        return known[word]

    return spell


def _places(phonemes: str) -> list[float]:
    """Where in a word, 0 to 1, the middle of each m, b and p lies. A vowel takes one and a half times the time of a
    consonant."""
    sounds = [sound for sound in phonemes if not _MARKS.match(sound)]
    lengths = np.array([1.5 if sound in _VOWELS else 1.0 for sound in sounds])
    middles = (np.cumsum(lengths) - lengths / 2) / max(1.0, float(lengths.sum()))
    return [float(middle) for sound, middle in zip(sounds, middles, strict=True) if sound in BILABIALS]


def _weakest(speech: Float64, about: float, word: tuple[float, float], after: float) -> float:
    """The weakest moment near `about`, in the word or just before it, and after the closure before."""
    low = max(about - _SEARCH_SECONDS, word[0] - _NEAR_SECONDS, after + 0.05, 0.0)
    high = min(about + _SEARCH_SECONDS, word[1] + _NEAR_SECONDS, (len(speech) - 1) * _ROW_SECONDS)
    rows = np.arange(round(low / _ROW_SECONDS), round(high / _ROW_SECONDS) + 1)
    if len(rows) < 3:
        return about
    level = speech[rows]
    distance = (rows * _ROW_SECONDS - about) / _SEARCH_SECONDS
    cost = (level - level.min()) / max(float(np.ptp(level)), 1e-6) + 0.5 * distance**2
    return float(rows[int(np.argmin(cost))] * _ROW_SECONDS)


def _least(opening: Float64, times: Sequence[float] | Float64, at: float) -> float:
    near = np.abs(np.asarray(times) - at) <= _NEAR_SECONDS
    return float(opening[near].min()) if near.any() else float(np.interp(at, times, opening))
