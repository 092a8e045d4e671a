"""Sentences to be spoken for training and scoring: everyday talk from templates, and Debian's fortunes.

Needs the Debian packages `fortunes`, `fortunes-es` and `fortunes-zh` (the texts are read where apt put them and are
not copied into the repository). Training and scoring texts are told apart by a hash of the text, so a sentence never
changes sides, whatever else is added to the corpus.
"""

import hashlib
import random
import re
from collections.abc import Iterator
from pathlib import Path

FORTUNES = Path("/usr/share/games/fortunes")
HELD_OUT_SHARE = 0.15
_ENGLISH = re.compile(r"[A-Za-z ,.'!?;:\-]{25,110}")
_SPANISH = re.compile(r"[A-Za-zÁÉÍÓÚÑÜáéíóúñü ,.!?¡¿;:]{25,110}")
_CHINESE = re.compile(r"[\u4e00-\u9fff，。！？、；：]{7,34}")
_NOT_PROSE = ("art", "ascii-art", "off", "es", "chinese", "song100", "tang300", "translate-me", "zippy")

_TEMPLATES = {
    "en": (
        ("Sure, ", "Well, ", "Of course, ", "Let me explain: ", "Maybe ", "I believe ", "To be brief, ", ""),
        (
            "a simple map",
            "the big picture",
            "my best friend Bob",
            "your problem",
            "a warm summer evening",
            "the blue whale",
            "every member of the family",
            "a cup of coffee",
            "the number of people",
            "good music",
        ),
        (" may be", " will probably become", " used to be", " has always been", " could never be"),
        (
            " more important than you think.",
            " quite simple to explain.",
            " a wonderful example of patience.",
            " the beginning of something better.",
            " worth a visit in November.",
            " below average, but improving.",
            " about fifty miles from the moon?",
            " what we have hoped for, step by step.",
        ),
    ),
    "es": (
        ("Claro, ", "Bueno, ", "Por supuesto, ", "Me parece que ", "También ", "Mira, ", "En pocas palabras, ", ""),
        (
            "un problema pequeño",
            "mi mejor amigo",
            "la música popular",
            "tu familia",
            "el tiempo libre",
            "un mapa del pueblo",
            "el viejo puente",
            "una buena pregunta",
            "la mayoría de los jóvenes",
        ),
        (" puede ser", " siempre ha sido", " va a ser", " nunca fue", " podría parecer"),
        (
            " más importante de lo que piensas.",
            " muy fácil de explicar.",
            " un ejemplo perfecto.",
            " el comienzo de algo mejor.",
            " lo primero que hay que comprender.",
            " bastante bonito en noviembre.",
        ),
    ),
    "zh": (
        ("当然，", "好的，", "没问题，", "我觉得", "其实", "总的来说，", "你看，", ""),
        (
            "这个问题",
            "我的朋友",
            "北京的冬天",
            "妈妈做的米饭",
            "学习语言",
            "绿色的苹果",
            "出去旅游",
            "保护动物",
            "中国音乐",
        ),
        ("可能", "一般", "从来都", "不一定", "慢慢地"),
        (
            "比你想的更重要。",
            "非常有意思。",
            "变得越来越好。",
            "需要很多帮助。",
            "让人觉得舒服。",
            "跑得比马还快吗？",
            "并不难明白。",
            "是一个美丽的故事。",
        ),
    ),
}


def _everyday(language: str) -> Iterator[str]:
    """Endless replies as an assistant gives them, dense in sounds made with the lips."""
    chance = random.Random(f"everyday {language}")
    while True:
        text = "".join(chance.choice(part) for part in _TEMPLATES[language])
        yield text[0].upper() + text[1:]


def _fortunes(language: str) -> Iterator[str]:
    shape = {"en": _ENGLISH, "es": _SPANISH, "zh": _CHINESE}[language]
    if language == "en":
        files = [f for f in FORTUNES.iterdir() if f.is_file() and not f.suffix and f.name not in _NOT_PROSE]
    elif language == "es":
        files = list((FORTUNES / "es").glob("*.fortunes"))
    else:
        files = [FORTUNES / "chinese", FORTUNES / "tang300"]
    for file in sorted(files):
        for quote in file.read_text(encoding="utf8", errors="ignore").split("\n%\n"):
            clean = re.sub(r"\x1b\[[0-9;]*m", "", re.sub(r"--.*$", "", quote, flags=re.M))
            joined = re.sub(r"\s+", "" if language == "zh" else " ", clean)
            ends = r"(?<=[。！？])" if language == "zh" else r"(?<=[.!?])\s+"
            yield from (text for text in re.split(ends, joined) if shape.fullmatch(text))


def _held_out(text: str) -> bool:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32 < HELD_OUT_SHARE


def sentences(language: str, count: int, held_out: bool, everyday_share: float = 0.4) -> list[str]:
    """`count` different sentences of one side, the same in every run. Raises ValueError when there are too few."""
    found = sorted({text for text in _fortunes(language) if _held_out(text) == held_out})
    random.Random(f"fortunes {language}").shuffle(found)
    templates = _everyday(language)
    everyday: set[str] = set()
    for text in templates:
        if len(everyday) >= round(count * everyday_share):
            break
        if _held_out(text) == held_out:
            everyday.add(text)
    chosen = sorted(everyday) + found[: count - len(everyday)]
    if len(chosen) < count:
        raise ValueError(f"Only {len(chosen)} of {count} sentences in {language}: are the fortunes packages installed?")
    random.Random(f"order {language}").shuffle(chosen)
    return chosen
