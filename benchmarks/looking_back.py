"""What the server kept of a conversation that somebody comes back to."""

from collections.abc import Callable

from serve_app.client import ItemDone, RealtimeConversation, RealtimeEvent, Refusal


async def kept_items(
    talk: RealtimeConversation, look: Callable[[RealtimeEvent], None] = lambda event: None
) -> list[ItemDone]:
    """What the person has said, as the resumed session has it. To be asked first of all: the kept items come before
    anything else happens. `look` is shown every event. Raises SessionClosed."""
    marker = await talk.send("input_audio_buffer.clear")
    kept: list[ItemDone] = []
    while True:
        event = await anext(talk)
        look(event)
        if isinstance(event, ItemDone) and event.role == "user":
            kept.append(event)
        cleared = getattr(event, "kind", "") == "input_audio_buffer.cleared"
        if cleared or (isinstance(event, Refusal) and event.caused_by == marker):
            return kept
