"""Chinese as written to the phonemes that Kokoro learned: misaki's readings, with foreign words spelled apart."""

import functools
import logging
import re
import warnings
from collections.abc import Callable
from typing import Any

from deployments.errors import EngineFailed

logger = logging.getLogger("ray.serve")

_CURRENCIES = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑"}
_MEASURES = "个位只条本张次天年家件台岁种杯瓶块米公里千百万亿元点小时分钟秒"
# Latin letters are words unless they are a unit behind a number, which misaki reads in Chinese.
_LATIN = re.compile(
    r"(?<![A-Za-z\d])(?!(?<=\d)(?:km/h|km|kg|cm|mm|ml|mg|m|g)(?![A-Za-z]))[A-Za-zÀ-ɏ]+(?:['’.&+-]?[A-Za-zÀ-ɏ]+)*"
)
_PUNCTUATION = str.maketrans("，、。．！？：；（）《》「」【】～", ",,..!?:;()“”“”“”—")
# Private characters stand for foreign words while Chinese is normalized around them.
_PLACE = 0xE000


@functools.cache
def _misaki() -> tuple[Any, Any, Any]:
    """The normalizer, the reader of one word and the word splitter. Raises EngineFailed with the remedy."""
    try:
        with warnings.catch_warnings():
            # jieba asks setuptools for its resources, which warns that this is out of date.
            warnings.simplefilter("ignore")
            import jieba
        from misaki.zh import ZHG2P
        from misaki.zh_normalization.text_normalization import TextNormalizer
    except ImportError as error:
        raise EngineFailed(f"Chinese speech needs misaki: pip install 'misaki[zh]'. ({error})") from error
    jieba.setLogLevel(logging.ERROR)
    return TextNormalizer(), ZHG2P.word2ipa, jieba.lcut


def spoken_chinese(text: str) -> tuple[str, list[str]]:
    """Numbers, dates, money and units in characters; foreign words out of the text, as private characters."""
    foreign: list[str] = []

    def take_out(match: re.Match[str]) -> str:
        foreign.append(match[0])
        return chr(_PLACE + len(foreign) - 1)

    normalizer = _misaki()[0]
    text = re.sub(r"(\d),(?=\d{3}(?!\d))", r"\1", text)
    text = re.sub(r"([¥￥$€£])\s?(\d+(?:\.\d+)?)([万亿千百]*)", lambda m: f"{m[2]}{m[3]}{_CURRENCIES[m[1]]}", text)
    text = re.sub(rf"(?<![\d.])2(?=[{_MEASURES}])(?!年|点|元|分|秒|百万)", "两", text)
    text = _LATIN.sub(take_out, text)
    return "".join(normalizer.normalize(text)), foreign


def spell_chinese(text: str, spell_foreign: Callable[[str], str]) -> str:
    """Kokoro's phonemes for `text`; `spell_foreign` gives those of a run of Latin letters."""
    if not text.strip():
        return ""
    _, read, split = _misaki()
    written, foreign = spoken_chinese(text)
    written = written.translate(_PUNCTUATION)
    parts: list[str] = []
    for run in re.findall(r"[一-鿿㐀-䶿]+|[\ue000-\uf8ff]|[^一-鿿㐀-䶿\ue000-\uf8ff]+", written):
        if "\ue000" <= run <= "\uf8ff":
            place = ord(run) - _PLACE
            parts.append(f" {spell_foreign(foreign[place])} " if place < len(foreign) else " ")
        elif run[0] >= "㐀" and run[0] <= "鿿":
            parts.append(" ".join(read(word) for word in split(run, cut_all=False)))
        else:
            parts.append(re.sub(r"([,.!?:;])", r"\1 ", run))
    # U+032F marks a non-syllabic vowel, which the model does not know.
    return re.sub(r"\s+", " ", "".join(parts)).replace("\u032f", "").strip()
