"""Three alphabets of phone symbols (Kokoro's, espeak-ng's, flite's) to one alphabet of sounds.

A sound is a stretch with one shape of the lips: diphthongs are two sounds, stops a closure and a release. The closure
of a stop is written with "·": "p·" and "b·" press the lips, the release "p" parts them. Silence is "".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

SILENCE = ""
CLOSURE = "·"
_STOPS = "pbtdkɡcɟʈɖqɢ"
_ARPABET = {
    "pau": "", "ssil": "", "ax": "ə", "ih": "ɪ", "iy": "i", "eh": "ɛ", "ae": "æ", "ah": "ʌ", "er": "ɚ", "axr":
    "ɚ", "uw": "u", "uh": "ʊ", "ao": "ɔ", "aa": "ɑ", "ay": "aɪ", "ey": "eɪ", "ow": "oʊ", "aw": "aʊ", "oy": "ɔɪ",
    "hh": "h", "dh": "ð", "th": "θ", "sh": "ʃ", "zh": "ʒ", "ch": "tʃ", "jh": "dʒ", "ng": "ŋ", "y": "j", "r": "ɹ",
    "g": "ɡ",
}  # fmt: skip
# Letters that stand for several sounds: Kokoro's own, and what espeak-ng writes for Mandarin (pinyin voice).
_SPELLED = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "S": "ʃ", "T": "ɾ", "ᵊ": "ə", "ᵻ": "ɪ", "g":
    "ɡ", "ʔ": "", "ʣ": "dz", "ʤ": "dʒ", "ʥ": "dʑ", "ʦ": "ts", "ʧ": "tʃ", "ʨ": "tɕ", "ꭧ": "tʂ", "s.": "ʂ", "i.":
    "ʅ", "o-": "ɤ", "onɡ": "ʊŋ", "ər": "ɚ", "iou": "jou", "uei": "wei", "uai": "wai", "iɛ": "jɛ", "iɑ": "jɑ",
    "uo": "wo", "ua": "wa", "uə": "wə", "yɛ": "ɥɛ", "yæ": "ɥɛ", "yə": "yn", "ʍ": "w", "ɫ": "l", "ʉ": "u",
}  # fmt: skip
_SILENT = re.compile(r"[ˈˌːʲᵝ̪̩̃:|0-9↓→↗↘]|\([a-z-]+\)")
_PAUSES = ';:,.!?—…"()“”$'


@dataclass(frozen=True, slots=True)
class Span:
    """A sound and when it is heard, in seconds. `needed` is False for what a speaker may leave out."""

    sound: str
    start: float
    end: float
    needed: bool = True


def _letters(symbol: str, source: str) -> str:
    text = _ARPABET.get(symbol, symbol) if source == "flite" else _SILENT.sub("", symbol.replace("i̪", "ɿ"))
    for spelled in sorted(_SPELLED, key=len, reverse=True):
        text = text.replace(spelled, _SPELLED[spelled])
    return text


def _sounds(letters: str) -> list[tuple[str, bool]]:
    """(sound, needed) of one symbol. A stop before a fricative of the same symbol is an affricate: no release."""
    found: list[tuple[str, bool]] = []
    for place, letter in enumerate(letters):
        if letter not in _STOPS:
            found.append(("ʰ" if letter == "h" and place else letter, True))
            continue
        found.append((letter + CLOSURE, letter in "pb"))
        if not (place + 1 < len(letters) and letters[place + 1] in "sʃʂɕzʒʑ"):
            found.append((letter, True))
    return found


def spans(phones: Sequence[tuple[str, float]], source: str, seconds_per_unit: float) -> list[Span]:
    """Sounds with the times their program gives them; a symbol of several sounds is divided evenly.

    Marks of stress, tone and length, and the spaces between words, lengthen the sound before them. `phones`: (symbol,
    length) as in Recording.
    """
    result: list[Span] = []
    now = 0.0
    before = ""
    for symbol, length in phones:
        end = now + length * seconds_per_unit
        if symbol in _PAUSES or (source != "kokoro" and not _letters(symbol, source)):
            result.append(Span(SILENCE, now, end, needed=False))
            now, before = end, symbol
            continue
        letters = "" if symbol == " " else _letters(symbol, source)
        if symbol == "ɨ":
            letters = "ʅ" if before in "ʂꭧɻʐ" else "ɿ"
        sounds = _sounds(letters)
        if not sounds and result:
            last = result[-1]
            result[-1] = Span(last.sound, last.start, end, last.needed)
        for number, (sound, needed) in enumerate(sounds):
            step = (end - now) / len(sounds)
            result.append(Span(sound, now + number * step, now + (number + 1) * step, needed))
        if symbol != "ʰ":
            before = symbol or "$"
        now = end
    return result
