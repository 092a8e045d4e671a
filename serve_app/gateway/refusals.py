"""How a socket is refused: accepted, told why in an error event, closed with a code that says it again."""

import json
import uuid

from starlette.types import Receive, Scope, Send

from serve_app.gateway.errors_table import Answer

PROTOCOL = "realtime"
CLOSE_CODES = {401: 4401, 403: 4403, 429: 4429, 503: 1013}
"""By HTTP status. RFC 6455 leaves 4000 to 4999 to applications; 1013 is "try again later"."""
INTERNAL_ERROR = 1011
_LONGEST_REASON_BYTES = 123
"""RFC 6455, section 5.5: a control frame carries 125 bytes, two of them the code."""


def close_reason(message: str) -> str:
    """As much of a message as a close frame can carry."""
    return message.encode()[:_LONGEST_REASON_BYTES].decode(errors="ignore")


async def refuse_socket(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Ends a socket that no door has accepted yet."""
    await receive()  # its "websocket.connect"
    protocol = PROTOCOL if PROTOCOL in scope.get("subprotocols", ()) else None
    await send({"type": "websocket.accept", "subprotocol": protocol})
    await send({"type": "websocket.send", "text": json.dumps(error_event(answer), ensure_ascii=False)})
    code = CLOSE_CODES.get(answer.status, INTERNAL_ERROR)
    await send({"type": "websocket.close", "code": code, "reason": close_reason(answer.message)})


def error_event(answer: Answer) -> dict[str, object]:
    """An error as OpenAI's Realtime protocol tells it: no event of the client's has caused it."""
    error = {**answer.body()["error"], "event_id": None}
    return {"type": "error", "event_id": f"event_{uuid.uuid4().hex}", "error": error}
