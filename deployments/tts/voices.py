"""The voices that come with the product. A voice is a table of styles, one row for each length of text."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from deployments.contracts import Float32
from deployments.errors import EngineFailed, NotFound

FOLDER = Path(__file__).parent / "voices"
_LANGUAGES = {"a": "en", "b": "en", "e": "es", "z": "zh"}
_GENDERS = {"f": "female", "m": "male"}
_ROWS, _WIDTH = 510, 256

COLOUR = 128
"""So many numbers of a style, the first, colour the sound; the others shape rhythm and melody."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A built-in voice. `accent` is the English it speaks."""

    id: str
    name: str
    language: str
    accent: str
    gender: str

    def entry(self) -> dict[str, object]:
        """As the doors list it."""
        entry = {"id": self.id, "name": self.name, "language": self.language, "gender": self.gender, "kind": "builtin"}
        return {**entry, "accent": self.accent} if self.language == "en" else dict(entry)


@cache
def builtin_voices() -> dict[str, Voice]:
    """By id, in alphabetical order. Kokoro's names say it all: af_heart is American and female."""
    voices = {}
    for path in sorted(FOLDER.glob("*.bin")):
        origin, gender, name = path.stem[0], path.stem[1], path.stem[3:]
        accent = "en-gb" if origin == "b" else "en-us"
        voices[path.stem] = Voice(path.stem, name.title(), _LANGUAGES[origin], accent, _GENDERS[gender])
    return voices


@cache
def styles(voice_id: str) -> Float32:
    """float32 [510, 256]; row n suits a text of n phonemes. Raises NotFound, EngineFailed for a damaged file."""
    if voice_id not in builtin_voices():
        raise NotFound(f"There is no voice {voice_id!r}. Choose one of: {', '.join(builtin_voices())}.")
    table = np.fromfile(FOLDER / f"{voice_id}.bin", "<f4")
    if table.size != _ROWS * _WIDTH or not np.isfinite(table).all():
        raise EngineFailed(f"The voice file {voice_id}.bin is damaged. Install the product again.")
    return np.ascontiguousarray(table.reshape(_ROWS, _WIDTH), np.float32)


def style_for(voice_id: str, phonemes: int) -> Float32:
    """The style for a text of so many phonemes, float32 [256]."""
    return np.asarray(styles(voice_id)[min(phonemes, _ROWS - 1)], np.float32)
