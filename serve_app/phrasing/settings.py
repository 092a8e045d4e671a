"""How long clauses may be."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class PhrasingSettings(BaseModel):
    """Lengths of clauses: in words where words are spaced, in characters in Chinese."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_min_words: int = Field(2, ge=1, description="A comma or stop ends the first clause from this many words on.")
    first_max_words: int = Field(
        4, ge=1, description="Without punctuation, the first clause ends at a natural boundary within this many words."
    )
    min_words: int = Field(3, ge=1, description="Shorter sentences are spoken together with the next, after the first.")
    max_words: int = Field(16, ge=1, description="Longest later clause, where a natural boundary allows.")
    first_min_characters: int = Field(3, ge=1, description="first_min_words for Chinese.")
    first_max_characters: int = Field(9, ge=1, description="first_max_words for Chinese.")
    min_characters: int = Field(5, ge=1, description="min_words for Chinese.")
    max_characters: int = Field(32, ge=1, description="max_words for Chinese.")
    growth: float = Field(
        1.6,
        ge=1.0,
        description="Each clause may be this many times as long as the one before. While one is heard the next is "
        "made, so a voice that speaks faster than real time by this factor never lets the listener wait.",
    )
    stretch: float = Field(
        1.25, ge=1.0, description="How far past its length a later clause waits for punctuation before it is cut."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in (
            (self.first_min_words, self.first_max_words),
            (self.first_max_words, self.max_words),
            (self.min_words, self.max_words),
            (self.first_min_characters, self.first_max_characters),
            (self.first_max_characters, self.max_characters),
            (self.min_characters, self.max_characters),
        ):
            if low > high:
                raise ValueError(f"phrasing: a shortest length ({low}) is over its longest ({high})")
        return self
