"""In which form a turn is sent: what the client asks for, by query parameter or by Accept."""

from collections.abc import Iterable
from enum import StrEnum

from serve_app.gateway.errors_table import InvalidField, NotAcceptable


class Form(StrEnum):
    """`?format=` names them. MP4 is one whole file; FMP4 streams while it is made; EVENTS are server-sent events."""

    MP4 = "mp4"
    FMP4 = "fmp4"
    EVENTS = "events"


class EventMedia(StrEnum):
    """`?media=`: what the events carry. Fragments as they are made, one whole MP4 at the end, or none at all."""

    FMP4 = "fmp4"
    MP4 = "mp4"
    NONE = "none"


WHOLE_KINDS = ("video/mp4", "video/*", "*/*", "application/json")
"""JSON too: `curl --json` sets Accept by itself, and who sends JSON to this door still wants the video."""

FORM_PARAMETERS = frozenset({"format", "media"})
"""The query parameters that are read here."""


def form_of(query: str | None, accept: str | None) -> Form:
    """The form to send. `?format=` wins over Accept; without either it is a whole MP4, what saving to a file wants.

    Accept: `text/event-stream` is EVENTS, `video/mp4; fragmented=true` or `video/iso.segment` is FMP4, and
    what WHOLE_KINDS names is MP4. The highest q wins, the first among equals.
    Raises InvalidField for an unknown format, NotAcceptable where Accept allows none of the three.
    """
    if query is not None:
        if query not in list(Form):
            raise InvalidField(f"format: {query[:40]!r} is not one of {', '.join(Form)}.", "format")
        return Form(query)
    if not accept or not accept.strip():
        return Form.MP4
    offers = [(form, quality) for form, quality in map(_offer, accept.split(",")) if form is not None and quality > 0]
    if not offers:
        raise NotAcceptable(
            "This door sends video/mp4, video/mp4; fragmented=true and text/event-stream; Accept allows none of them."
        )
    return max(offers, key=lambda offer: offer[1])[0]


def event_media_of(query: str | None) -> EventMedia:
    """Raises InvalidField for an unknown kind of media."""
    if query is None:
        return EventMedia.FMP4
    if query not in list(EventMedia):
        raise InvalidField(f"media: {query[:40]!r} is not one of {', '.join(EventMedia)}.", "media")
    return EventMedia(query)


def wants_events(accept: str | None) -> bool:
    """Whether Accept names server-sent events at all."""
    return accept is not None and "text/event-stream" in accept.lower()


def _offer(entry: str) -> tuple[Form | None, float]:
    kind, *parameters = (part.strip().lower() for part in entry.split(";"))
    return _form(kind, parameters), _quality(parameters)


def _form(kind: str, parameters: Iterable[str]) -> Form | None:
    if kind == "text/event-stream":
        return Form.EVENTS
    if kind == "video/iso.segment" or (kind == "video/mp4" and "fragmented=true" in parameters):
        return Form.FMP4
    return Form.MP4 if kind in WHOLE_KINDS else None


def _quality(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
