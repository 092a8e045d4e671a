"""Rewriting of written text: patterns in order, each with the words it stands for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


class Rule:
    """Every match of `pattern` becomes what `said` returns for it."""

    def __init__(self, pattern: str, said: Callable[[re.Match[str]], str]) -> None:
        self._pattern = re.compile(pattern)
        self._said = said

    def apply(self, text: str) -> str:
        return self._pattern.sub(self._said, text)


@dataclass(frozen=True, slots=True)
class Words:
    """A unit for exactly one, and for any other number."""

    one: str
    many: str

    def counted(self, number: str) -> str:
        return f"{number} {self.one if number == '1' else self.many}"


def apply(text: str, abbreviations: Mapping[str, str], rules: Sequence[Rule]) -> str:
    """Abbreviations first, as they are written, then the rules in order."""
    # The longest first: "p.ej." before "p.". Not inside a word; one that ends in a stop may end its clause.
    names = sorted(abbreviations, key=len, reverse=True)
    pattern = "|".join(re.escape(name) + ("" if name.endswith(".") else r"\b") for name in names)
    text = re.sub(rf"(?<![\w.])(?:{pattern})", lambda match: abbreviations[match[0]], text)
    for rule in rules:
        text = rule.apply(text)
    return re.sub(r"\s+", " ", text).strip()


def plural(match: re.Match[str], units: Mapping[str, Words]) -> str:
    """A number (group 1) with its unit (group 2) in words; what is no unit stays as it is."""
    unit = units.get(match[2])
    return unit.counted(match[1]) if unit else match[0]


_SUFFIXES = {"k": "000", "K": "000", "M": "000000", "bn": "000000000"}


def money(
    match: re.Match[str], currencies: Mapping[str, tuple[Words, Words]], joint: str, before_unit: str = ""
) -> str:
    """Sign (1), amount (2), suffix (3) and scale word (4): "$3.50" to "3 dollars and 50 cents", "$2 million" too.

    `joint` stands between whole and hundredth, `before_unit` between a word for millions and the currency.
    """
    whole, _, part = match[2].replace(",", ".").partition(".")
    unit, hundredth = currencies[match[1]]
    if match[4]:
        amount = f"{whole}.{part}" if part else whole
        millions = match[4] != "mil" and match[4] != "thousand"
        return f"{amount} {match[4]}{before_unit if millions else ''} {unit.many}"
    if match[3]:
        zeros = _SUFFIXES[match[3]]
        return f"{whole}{part.ljust(len(zeros), '0')[: len(zeros)]} {unit.many}"
    cents = int(part.ljust(2, "0")[:2]) if part else 0
    if not cents:
        return unit.counted(whole)
    if whole == "0":
        return hundredth.counted(str(cents))
    return f"{unit.counted(whole)} {joint} {hundredth.counted(str(cents))}"
