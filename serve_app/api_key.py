"""An API key as a configuration names it."""

import hashlib
from collections import Counter
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

LEAST_CHARACTERS = 16
"""A key is guessed against the doors, and one that is given by its hash also against the hash: it has to be long."""


class ApiKey(BaseModel):
    """A key of one program or person, with limits of its own; None is no limit but the house's."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="whose key it is. Uploads, sessions and jobs belong to this name: a new key of the same name keeps "
        "them",
    )
    key: SecretStr | None = Field(
        None, min_length=LEAST_CHARACTERS, description="the secret itself: letters, digits, '-', '_'"
    )
    sha256: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{64}$",
        description="instead of the secret its SHA-256 in hex, which may stand in a file",
    )
    concurrent_turns: int | None = Field(None, ge=1, description="turns at a time: whatever takes a place")
    turns_per_minute: int | None = Field(None, ge=1, description="turns that may be begun within a minute")
    max_uploads: int | None = Field(None, ge=0, description="uploaded avatars, and as many voices, kept at a time")

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.key is None) == (self.sha256 is None):
            raise ValueError(f"the key {self.name!r} needs either key or sha256")
        return self

    def digest(self) -> bytes:
        """SHA-256 of the secret."""
        return bytes.fromhex(self.sha256) if self.sha256 else hashed(self.key)


def check_distinct(house: SecretStr | None, keys: tuple[ApiKey, ...]) -> None:
    """Raises ValueError for two keys of one name or one secret."""
    names = Counter(key.name for key in keys)
    secrets = Counter([key.digest() for key in keys] + ([hashed(house)] if house is not None else []))
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"two keys have the name {twice[0]!r}")
    if any(count > 1 for count in secrets.values()):
        raise ValueError("two keys have the same secret")


def hashed(secret: SecretStr | None) -> bytes:
    """SHA-256 of a secret."""
    return hashlib.sha256((secret.get_secret_value() if secret else "").encode()).digest()
