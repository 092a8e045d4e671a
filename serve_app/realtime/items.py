"""The items of a conversation: what each side said, as the protocol shows it and as the model reads it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from deployments.contracts import Message
from deployments.errors import NotFound
from serve_app.realtime.failures import InvalidEvent
from serve_app.realtime.wording import Wording

ROOT = "root"


@dataclass
class Item:
    """A message. `kind`: input_text, input_audio, output_text, output_audio. `text` None: not written down yet."""

    id: str
    role: str
    kind: str
    text: str | None
    status: str = "completed"
    wording: Wording | None = None
    """With its times, for a spoken answer."""

    def as_json(self) -> dict[str, object]:
        spoken = self.kind.endswith("audio")
        content = {"type": self.kind, "transcript" if spoken else "text": self.text}
        parts = [] if self.role == "assistant" and self.status == "in_progress" else [content]
        fields = {"id": self.id, "object": "realtime.item", "type": "message"}
        return {**fields, "status": self.status, "role": self.role, "content": parts}

    def cut(self, seconds: float) -> str:
        """Keeps of a spoken answer what was heard. Raises InvalidEvent where it has no sound, or not so much."""
        if self.wording is None:
            raise InvalidEvent("Only an answer that was spoken can be truncated.", "invalid_field", "item_id")
        if seconds > self.wording.seconds + 0.1:
            milliseconds = round(1000 * self.wording.seconds)
            raise InvalidEvent(f"The item's sound is only {milliseconds} ms long.", "invalid_field", "audio_end_ms")
        whole = self.wording.complete and seconds >= self.wording.seconds
        self.text = self.wording.text if whole else self.wording.heard(seconds)
        return self.text

    def as_state(self) -> dict[str, object]:
        return asdict(self)

    @staticmethod
    def from_state(state: dict[str, object]) -> "Item":
        """What `as_state` gave, after JSON."""
        fields = dict(state)
        wording = fields.pop("wording", None)
        item = Item(**fields)  # type: ignore[arg-type]
        if isinstance(wording, dict):
            clauses = [(str(text), float(start)) for text, start in wording["clauses"]]
            item.wording = Wording(clauses, float(wording["seconds"]), bool(wording["complete"]))
        return item


class History:
    """All items, in order."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self.items = list(items)

    @property
    def last_id(self) -> str | None:
        return self.items[-1].id if self.items else None

    def find(self, item_id: str) -> Item:
        """Raises NotFound."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise NotFound(f"There is no item {item_id!r} in this conversation.")

    def add(self, item: Item, after: str | None = None) -> str | None:
        """At the end, after the item named, or at the beginning (`root`). Returns the id of the item before it.

        Raises NotFound for an unknown `after`, InvalidEvent for an id that is taken.
        """
        if any(item.id == other.id for other in self.items):
            raise InvalidEvent(f"There is an item {item.id!r} already.", "invalid_field", "item.id")
        place = len(self.items)
        if after == ROOT:
            place = 0
        elif after is not None:
            place = self.items.index(self.find(after)) + 1
        self.items.insert(place, item)
        return self.items[place - 1].id if place else None

    def before(self, item_id: str) -> str | None:
        """The id of the item before it; None for the first, and for one that is gone."""
        ids = [item.id for item in self.items]
        place = ids.index(item_id) if item_id in ids else 0
        return ids[place - 1] if place else None

    def remove(self, item_id: str) -> None:
        """Raises NotFound."""
        self.items.remove(self.find(item_id))

    def messages(self, without: str | None = None) -> tuple[Message, ...]:
        """What the model reads: items that have words, but for the one named."""
        return messages_of(item for item in self.items if item.id != without)


def messages_of(items: Iterable[Item]) -> tuple[Message, ...]:
    """Those that have words."""
    return tuple(Message(item.role, item.text) for item in items if item.text is not None and item.text.strip())
