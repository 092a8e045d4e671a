"""Names of sessions, items, responses and events, in the shape that OpenAI's have."""

import secrets


def new_id(noun: str) -> str:
    """`noun` is sess, item, resp, event."""
    return f"{noun}_{secrets.token_hex(12)}"
