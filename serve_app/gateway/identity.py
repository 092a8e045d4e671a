"""Who asks: the API key's holder, and what that key allows."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Identity:
    """`name` is the key's name, "" where there are no keys and for the house's own key. None means no limit of its
    own."""

    name: str = ""
    concurrent_turns: int | None = None
    turns_per_minute: int | None = None
    max_uploads: int | None = None


def identity_of(scope: MutableMapping[str, Any]) -> Identity:
    """The identity that the access middleware put into the ASGI scope."""
    found = scope.get("identity")
    return found if isinstance(found, Identity) else Identity()
