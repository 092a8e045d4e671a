"""Whole numbers in words, English and Spanish: recognisers write 20 where twenty was said, and the other way round."""

import re
from collections.abc import Callable


def _words(text: str) -> list[str]:
    return text.split()


_ENGLISH = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ENGLISH_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
_SPANISH = _words(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
    "veintiocho veintinueve"
)
_SPANISH_TENS = _words("treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_SPANISH_HUNDREDS = _words(
    "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
)
_LARGEST = 1_000_000


def spelled_out(text: str, language: str) -> str:
    """`text` with its whole numbers under a million in words; other languages and longer numbers stay as they are."""
    spell: Callable[[int], str] | None = {"en": english, "es": spanish}.get(language)
    if spell is None:
        return text
    return re.sub(r"\d+", lambda match: spell(int(match[0])) if int(match[0]) < _LARGEST else match[0], text)


def english(number: int) -> str:
    """Of 0 to 999,999, without "and"."""
    if number < 20:
        return _ENGLISH[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _joined(_ENGLISH_TENS[tens - 2], rest, english)
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    count, rest = divmod(number, size)
    return _joined(f"{english(count)} {name}", rest, english)


def spanish(number: int) -> str:
    """Of 0 to 999,999, masculine."""
    if number < 30:
        return _SPANISH[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _SPANISH_TENS[tens - 3] + (f" y {spanish(rest)}" if rest else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return "cien" if number == 100 else _joined(_SPANISH_HUNDREDS[hundreds - 1], rest, spanish)
    thousands, rest = divmod(number, 1000)
    return _joined("mil" if thousands == 1 else f"{spanish(thousands)} mil", rest, spanish)


def _joined(head: str, rest: int, spell: Callable[[int], str]) -> str:
    return f"{head} {spell(rest)}" if rest else head
