"""Server-sent events as OpenAI sends them: data alone, its kind inside it; an error ends the stream."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from serve_app.gateway.errors_table import answer_to

DONE = b"data: [DONE]\n\n"


def data_event(content: Mapping[str, object]) -> bytes:
    """One event. JSON has no raw line breaks, so that one data line holds it all."""
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


async def with_errors(events: AsyncGenerator[bytes, None], request_id: str) -> AsyncGenerator[bytes, None]:
    """The events; what goes wrong after the first is told as an event `error`, before it, it is raised."""
    begun = False
    try:
        async with aclosing(events):
            async for event in events:
                begun = True
                yield event
    except Exception as error:
        if not begun:
            raise
        yield data_event(answer_to(error, request_id).body())
