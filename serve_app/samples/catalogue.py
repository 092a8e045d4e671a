"""The shipped spoken questions, by name."""

from functools import lru_cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, TypeAdapter

from deployments.errors import NotFound

_QUESTIONS = files("serve_app.samples.questions")


class Question(BaseModel):
    """One spoken question. `text` is what is said in it, `licence` an SPDX identifier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    language: str
    text: str
    seconds: float
    voice: str
    licence: str
    made_with: str

    @property
    def name(self) -> str:
        return self.file.removesuffix(".wav")

    def sound(self) -> bytes:
        """The WAV file: 16 kHz, mono, 16 bits."""
        return (_QUESTIONS / self.file).read_bytes()


@lru_cache(maxsize=1)
def questions() -> tuple[Question, ...]:
    """All shipped questions, the default first."""
    return TypeAdapter(tuple[Question, ...]).validate_json((_QUESTIONS / "questions.json").read_bytes())


def question(name: str) -> Question:
    """The question of that name, such as en-sky. Raises NotFound, naming those that exist."""
    for found in questions():
        if found.name == name:
            return found
    raise NotFound(f"There is no sample question {name!r}; these are: {', '.join(q.name for q in questions())}.")
