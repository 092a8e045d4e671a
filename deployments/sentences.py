"""Where a sentence or a clause ends, judged on one written word, in English, Spanish and Chinese.

A full stop ends nothing in "Mr.", "e.g.", "3.5", "J." or the "1." of a list. Reply limits and phrasing both need
that knowledge; it lives here because neither owns it.
"""

CLOSERS = "\"'”’»)]}）】』」》"
"""Characters that may stand between a stop and the space after it."""

HAN_STOPS = "。！？"
HAN_PAUSES = "，；：、"
STOPS = ".!?…" + HAN_STOPS
PAUSES = ",;:—–" + HAN_PAUSES

# Written with a stop that ends no sentence; here without that stop, in lower case. Words that are also ordinary
# ("art.", "no.", "mar.") stay out: taking an end for an abbreviation delays speech by a whole sentence.
_WRITTEN = (
    "mr mrs ms dr prof rev sgt capt lt st mt ft jr sr vs approx dept inc ltd corp e.g i.e cf u.s u.k "
    "jan feb apr aug sept oct nov sra sras sres srta dra ud uds vd vds avda pág págs núm tel p.ej ee.uu ee uu "
    "a.c d.c aprox dpto dña"
)
_ABBREVIATIONS = frozenset(_WRITTEN.split())


def ends_sentence(word: str, opens: bool = False) -> bool:
    """Whether `word`, written without spaces and followed by one, ends its sentence.

    `opens` says that it is the first word of the sentence: a number there is a list's number, not an end.
    """
    core = word.rstrip(CLOSERS)
    if not core or core[-1] not in STOPS:
        return False
    if core[-1] != "." or core.endswith(".."):
        return True
    stem = core[:-1].lstrip("\"'“‘«([{¿¡（")
    initial = len(stem) == 1 and stem.isalpha() and stem != "I"
    if initial or stem.lower() in _ABBREVIATIONS:
        return False
    return not (opens and stem.isdigit())


def pauses(word: str) -> bool:
    """Whether `word` ends a clause inside its sentence: a comma, semicolon, colon or dash."""
    core = word.rstrip(CLOSERS)
    return bool(core) and core[-1] in PAUSES


def is_han(character: str) -> bool:
    """Whether the character is a Chinese ideograph (CJK Unified Ideographs, extension A, compatibility)."""
    return "一" <= character <= "鿿" or "㐀" <= character <= "䶿" or "豈" <= character <= "﫿"
