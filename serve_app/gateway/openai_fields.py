"""Fields of OpenAI's that have one possible value here: that value is taken, another is refused, none is ignored."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from serve_app.gateway.errors_table import InvalidField
from serve_app.gateway.fields import Text
from serve_app.gateway.requests import json_object

ModelName = Annotated[Text, Field(min_length=1, max_length=256)]
"""Any: what runs is chosen by the server's settings, and named in the answer."""

ANY = object()
"""In a table of harmless values: every one, since the field only labels a request or tunes a service not had here."""


class NotOffered(InvalidField):
    """A field, or a value of it, that OpenAI offers and this server does not."""

    code = "unsupported"
    status = 400


def without_harmless(body: object, harmless: Mapping[str, tuple[object, ...]], prefix: str = "") -> dict[str, object]:
    """The fields but those in `harmless`, whose values there have no effect here; null never has any.

    Raises NotOffered for another value of such a field.
    """
    kept: dict[str, object] = {}
    for name, value in json_object(body).items():
        if value is None:
            continue
        if name not in harmless:
            kept[name] = value
        elif not _among(value, harmless[name]):
            known = " or ".join(repr(one) for one in harmless[name]) or "nothing"
            raise NotOffered(f"{prefix}{name}: is not offered here; leave it out, or send {known}.", prefix + name)
    return kept


def _among(value: object, harmless: tuple[object, ...]) -> bool:
    """Python takes True for 1, which a client does not mean."""
    return ANY in harmless or any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in harmless)
