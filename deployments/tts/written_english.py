"""English as written to English as said, where espeak-ng would misread it: it handles plain numbers itself."""

import re

from deployments.tts.rules import Rule, Words, apply, money, plural

_ABBREVIATIONS = {
    "Mr.": "mister", "Mrs.": "missis", "Ms.": "miz", "Dr.": "doctor", "Prof.": "professor", "St.": "saint",
    "Jr.": "junior", "Sr.": "senior", "vs.": "versus", "vs": "versus", "etc.": "et cetera", "e.g.": "for example",
    "i.e.": "that is", "approx.": "approximately", "dept.": "department", "Inc.": "incorporated", "Ltd.": "limited",
    "Corp.": "corporation", "Mt.": "mount", "Ft.": "fort", "Ave.": "avenue", "Jan.": "January", "Feb.": "February",
    "Aug.": "August", "Sept.": "September", "Oct.": "October", "Nov.": "November", "Dec.": "December",
    "a.m.": "A M", "p.m.": "P M", "U.S.": "U S", "U.K.": "U K",
}  # fmt: skip
_UNITS = {
    "km/h": Words("kilometer per hour", "kilometers per hour"), "mph": Words("mile per hour", "miles per hour"),
    "km": Words("kilometer", "kilometers"), "cm": Words("centimeter", "centimeters"),
    "mm": Words("millimeter", "millimeters"), "m": Words("meter", "meters"), "kg": Words("kilogram", "kilograms"),
    "mg": Words("milligram", "milligrams"), "g": Words("gram", "grams"), "lbs": Words("pound", "pounds"),
    "lb": Words("pound", "pounds"), "oz": Words("ounce", "ounces"), "ml": Words("milliliter", "milliliters"),
    "L": Words("liter", "liters"), "ft": Words("foot", "feet"), "°C": Words("degree Celsius", "degrees Celsius"),
    "°F": Words("degree Fahrenheit", "degrees Fahrenheit"), "°": Words("degree", "degrees"),
    "GB": Words("gigabyte", "gigabytes"), "MB": Words("megabyte", "megabytes"), "kW": Words("kilowatt", "kilowatts"),
    "Hz": Words("hertz", "hertz"), "kHz": Words("kilohertz", "kilohertz"), "GHz": Words("gigahertz", "gigahertz"),
    "ms": Words("millisecond", "milliseconds"), "min": Words("minute", "minutes"), "s": Words("second", "seconds"),
    "h": Words("hour", "hours"),
}  # fmt: skip
_CURRENCIES = {
    "$": (Words("dollar", "dollars"), Words("cent", "cents")),
    "€": (Words("euro", "euros"), Words("cent", "cents")),
    "£": (Words("pound", "pounds"), Words("penny", "pence")),
    "¥": (Words("yen", "yen"), Words("sen", "sen")),
}
_FRACTIONS = {"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters"}
_SCALES = r"(?:\s(thousand|million|billion|trillion)\b)?"
_NUMBER = r"\d+(?:\.\d+)?"


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), match[2]
    half = f" {match[3][0].upper()} M" if match[3] else ""
    if minute == "00":
        return f"{hour}{half}" if half else f"{hour} o'clock"
    return f"{hour} {'oh ' + minute[1] if minute[0] == '0' else minute}{half}"


def _year(match: re.Match[str]) -> str:
    century, rest, decade = match[1], match[2], match[3]
    if century == "20" and rest[0] == "0":
        return match[0]
    said = "hundred" if rest == "00" else f"oh {rest[1]}" if rest[0] == "0" else rest
    if decade and rest != "00":
        said = {"1": "tens", "2": "twenties", "3": "thirties", "4": "forties", "5": "fifties", "6": "sixties",
                "7": "seventies", "8": "eighties", "9": "nineties"}.get(rest[0], rest)  # fmt: skip
    elif decade:
        said = "hundreds"
    return f"{century} {said}"


_RULES = (
    Rule(r"https?://(?:www\.)?", lambda match: ""),
    Rule(r"(?<=\w)@(?=\w)", lambda match: " at "),
    Rule(r"(?<=[a-z])\.(?=(?:com|org|net|io|edu|gov)\b)", lambda match: " dot "),
    Rule(r"(\d),(?=\d{3}(?!\d))", lambda match: match[1]),
    Rule(rf"([$€£¥])\s?({_NUMBER})(?:(k|K|M|bn)\b)?{_SCALES}", lambda match: money(match, _CURRENCIES, "and")),
    Rule(r"\b([01]?\d|2[0-3]):([0-5]\d)(?:\s?([aApP])\.?[mM]\.?)?(?![:\d])", _time),
    Rule(r"\b(\d{1,2})\s?([ap])\.?m\b\.?", lambda match: f"{match[1]} {match[2].upper()} M"),
    Rule(r"(?<![\d/])([123]/[234])(?![\d/])", lambda match: _FRACTIONS.get(match[1], match[0])),
    Rule(r"(?<![\d.,])(1[1-9]|20)(\d\d)(?![\d°%])(s\b)?(?![.,]\d)(?! ?(?:km|kg|g|m|cm)\b)", _year),
    Rule(rf"({_NUMBER})\s?(°C|°F|°|km/h|mph|[A-Za-z]{{1,3}})(?![A-Za-z\d])", lambda match: plural(match, _UNITS)),
    Rule(rf"({_NUMBER})\s?%", lambda match: f"{match[1]} percent"),
    Rule(r"(?<=\d)\s?[–-]\s?(?=\d)", lambda match: " to "),
    Rule(r"(?<![\w.])[-−](?=\d)", lambda match: "minus "),
    Rule(r"#(?=\d)", lambda match: "number "),
    Rule(r"(?<=\d)\s?[x×]\s?(?=\d)", lambda match: " times "),
    Rule(r"\s?&\s?", lambda match: " and "),
    Rule(r"\s\+\s?(?=\w)", lambda match: " plus "),
    Rule(r"\s=\s", lambda match: " equals "),
)


def spoken_english(text: str) -> str:
    """`text` with abbreviations, money, times, units, years and signs in words. Other numbers stay digits."""
    return apply(text, _ABBREVIATIONS, _RULES)
