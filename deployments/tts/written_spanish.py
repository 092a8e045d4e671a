"""Spanish as written to Spanish as said, where espeak-ng would misread it: it handles plain numbers itself."""

import re

from deployments.tts.rules import Rule, Words, apply, money, plural

_ABBREVIATIONS = {
    "Sr.": "señor", "Sra.": "señora", "Sres.": "señores", "Srta.": "señorita", "Dr.": "doctor", "Dra.": "doctora",
    "Prof.": "profesor", "Ud.": "usted", "Uds.": "ustedes", "etc.": "etcétera", "p. ej.": "por ejemplo",
    "p.ej.": "por ejemplo", "EE. UU.": "Estados Unidos", "EE.UU.": "Estados Unidos", "EEUU": "Estados Unidos",
    "Avda.": "avenida", "av.": "avenida", "aprox.": "aproximadamente", "pág.": "página", "núm.": "número",
    "tel.": "teléfono", "a. C.": "antes de Cristo", "d. C.": "después de Cristo", "a. m.": "de la mañana",
    "p. m.": "de la tarde", "a.m.": "de la mañana", "p.m.": "de la tarde", "vs.": "contra",
}  # fmt: skip
_UNITS = {
    "km/h": Words("kilómetro por hora", "kilómetros por hora"), "km": Words("kilómetro", "kilómetros"),
    "cm": Words("centímetro", "centímetros"), "mm": Words("milímetro", "milímetros"), "m": Words("metro", "metros"),
    "kg": Words("kilo", "kilos"), "mg": Words("miligramo", "miligramos"), "g": Words("gramo", "gramos"),
    "l": Words("litro", "litros"), "L": Words("litro", "litros"), "ml": Words("mililitro", "mililitros"),
    "°C": Words("grado Celsius", "grados Celsius"), "°": Words("grado", "grados"),
    "GB": Words("gigabyte", "gigabytes"), "MB": Words("megabyte", "megabytes"), "min": Words("minuto", "minutos"),
    "s": Words("segundo", "segundos"), "h": Words("hora", "horas"), "Hz": Words("hercio", "hercios"),
}  # fmt: skip
_CURRENCIES = {
    "$": (Words("dólar", "dólares"), Words("centavo", "centavos")),
    "€": (Words("euro", "euros"), Words("céntimo", "céntimos")),
    "£": (Words("libra", "libras"), Words("penique", "peniques")),
    "¥": (Words("yen", "yenes"), Words("sen", "sen")),
}
_FRACTIONS = {"1/2": "un medio", "1/3": "un tercio", "2/3": "dos tercios", "1/4": "un cuarto", "3/4": "tres cuartos"}
_SCALES = r"(?:\s(mil|millón|millones|billones)\b)?"
_NUMBER = r"\d+(?:[.,]\d+)?"


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    hours = "la una" if hour == 1 else str(hour)
    if match[0][0] == "1" and hour == 1 and match.string[: match.start()].rstrip().endswith(" la"):
        hours = "una"
    if minute == 0:
        return hours
    return f"{hours} y {'media' if minute == 30 else 'cuarto' if minute == 15 else minute}"


_RULES = (
    Rule(r"https?://(?:www\.)?", lambda match: ""),
    Rule(r"(?<=\w)@(?=\w)", lambda match: " arroba "),
    Rule(r"(?<=[a-z])\.(?=(?:com|org|net|es|mx|ar)\b)", lambda match: " punto "),
    Rule(r"(\d)[.](?=\d{3}(?!\d))", lambda match: match[1]),
    Rule(rf"({_NUMBER})\s?(?P<sign>[$€£¥])", lambda match: f"{match['sign']}{match[1]}"),
    Rule(rf"([$€£¥])\s?({_NUMBER})(?:(k|K|M|bn)\b)?{_SCALES}", lambda match: money(match, _CURRENCIES, "con", " de")),
    Rule(r"\b([01]?\d|2[0-3]):([0-5]\d)(?:\sh\b)?(?![:\d])", _time),
    Rule(r"(?<![\d/])([123]/[234])(?![\d/])", lambda match: _FRACTIONS.get(match[1], match[0])),
    Rule(rf"({_NUMBER})\s?(°C|°|km/h|[A-Za-z]{{1,3}})(?![A-Za-zñáéíóú\d])", lambda match: plural(match, _UNITS)),
    Rule(rf"({_NUMBER})\s?%", lambda match: f"{match[1]} por ciento"),
    Rule(r"(?<=\d)\s?[–-]\s?(?=\d)", lambda match: " a "),
    Rule(r"(?<![\w.])[-−](?=\d)", lambda match: "menos "),
    Rule(r"\bn\.?[ºo°]\s?(?=\d)|#(?=\d)", lambda match: "número "),
    Rule(r"(?<=\d)\s?[x×]\s?(?=\d)", lambda match: " por "),
    Rule(r"\s?&\s?", lambda match: " y "),
    Rule(r"\s\+\s?(?=\w)", lambda match: " más "),
    Rule(r"\s=\s", lambda match: " igual a "),
)


def spoken_spanish(text: str) -> str:
    """`text` with abbreviations, money, times, units and signs in words. Other numbers stay digits."""
    return apply(text, _ABBREVIATIONS, _RULES)
