"""Which turns of a long conversation still fit."""

from collections.abc import Callable, Sequence

from deployments.contracts import Message
from deployments.errors import TooLarge

_STRIDES = 8
"""What is left out grows by an eighth of the room for history at a time."""


def newest_that_fit(
    messages: Sequence[Message], cost: Callable[[Message], int], room_tokens: int, history_tokens: int
) -> tuple[Message, ...]:
    """The last message, and before it the newest within `history_tokens`, beginning with one of the user's.

    `room_tokens` is what all messages together may take. What is left out grows in strides counted from the
    conversation's start: turn after turn the prompt begins alike, and a cache of it stays good. Raises TooLarge
    where the last message alone does not fit.
    """
    costs = [cost(message) for message in messages]
    if costs[-1] > room_tokens:
        raise TooLarge(
            f"The last message is {costs[-1]} tokens long and at most {max(0, room_tokens)} fit: shorten it, or "
            "raise context_tokens in the settings."
        )
    excess = sum(costs[:-1]) - min(history_tokens, room_tokens - costs[-1])
    if excess <= 0:
        return tuple(messages)
    stride = max(1, history_tokens // _STRIDES)
    to_drop = -(-excess // stride) * stride
    first = dropped = 0
    while first < len(messages) - 1 and dropped < to_drop:
        dropped += costs[first]
        first += 1
    kept = messages[first:]
    opening = next((index for index, message in enumerate(kept) if message.role == "user"), 0)
    return tuple(kept[opening:])
