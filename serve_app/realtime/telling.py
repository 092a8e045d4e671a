"""One response as the client is told of it: events in the protocol's order, each once, none after its last."""

from deployments.contracts import ReplyEnd
from serve_app.realtime.host import Talk
from serve_app.realtime.ids import new_id
from serve_app.realtime.items import Item
from serve_app.realtime.media import base64_of, binary_message
from serve_app.realtime.plan import Plan
from serve_app.realtime.wording import Wording

Json = dict[str, object]


class Telling:
    """Nothing is sent before `created`, nothing after `over`."""

    def __init__(self, talk: Talk, plan: Plan) -> None:
        talk.responses += 1
        self.id = new_id("resp")
        self.number = talk.responses
        self.plan = plan
        self.is_over = False
        self.wording = Wording()
        kind = "output_audio" if plan.spoken else "output_text"
        self.item = Item(new_id("item"), "assistant", kind, "", "in_progress", self.wording if plan.spoken else None)
        self._talk = talk
        self._created = False
        self._opened = False
        self._status = "in_progress"
        self._details: Json | None = None
        self._usage: Json | None = None
        self._avatar: Json = {"number": self.number}

    def created(self) -> None:
        if self._created:
            return
        self._created = True
        self._avatar["start_seconds"] = round(self._talk.next_frame / 25, 3)
        if self.plan.picture:
            self._avatar["media_type"] = self._talk.host.media_type
        self._put("response.created", response=self._as_json())

    def clause(self, text: str, start_seconds: float) -> None:
        """A clause that is about to be heard."""
        self._open()
        delta = self.wording.add(text, start_seconds)
        self.item.text = self.wording.text
        self._put_part("response.output_audio_transcript.delta", delta=delta, start_ms=round(1000 * start_seconds))

    def words(self, piece: str) -> None:
        """A piece of a written answer."""
        self._open()
        self.item.text = (self.item.text or "") + piece
        self._put_part("response.output_text.delta", delta=piece)

    async def media(self, data: bytes, seconds: float, media_type: str) -> None:
        """The next `seconds` of it. Waits until there is room to send them."""
        self._open()
        start_ms, duration_ms = round(1000 * self.wording.seconds), round(1000 * seconds)
        self.wording.seconds += seconds
        if self.is_over or not data:
            return
        if self.plan.picture and self.plan.avatar.binary:
            await self._talk.outbox.put_media(self.number, binary_message(self.number, start_ms, duration_ms, data))
            return
        times = {"start_ms": start_ms, "duration_ms": duration_ms}
        if self.plan.picture:
            fields: Json = {**self._place(), "delta": base64_of(data), "media_type": media_type, **times}
            await self._talk.outbox.put_media_event(self.number, "response.output_video.delta", fields)
        else:
            fields = {**self._place(), "delta": base64_of(data), **times}
            await self._talk.outbox.put_media_event(self.number, "response.output_audio.delta", fields)

    def over(
        self,
        status: str,
        reason: str | None = None,
        error: Json | None = None,
        end: ReplyEnd | None = None,
        report: Json | None = None,
    ) -> None:
        """The last events. `status`: completed, cancelled, incomplete, failed."""
        if self.is_over:
            return
        self.created()
        self.is_over = True
        self.item.status = "completed" if status == "completed" else "incomplete"
        self._status, self._usage = status, _usage(end)
        if status != "completed":
            told = {"reason": reason} if reason else {}
            failure = {name: (error or {}).get(name) for name in ("type", "code", "message")}
            self._details = {"type": status, **told, **({"error": failure} if error else {})}
        self._avatar.update(report or {})
        if self._opened:
            self._close()
        self._talk.outbox.put("response.done", response=self._as_json())

    def _open(self) -> None:
        """The item and its part, with the first thing that goes into them."""
        if self._opened or self.is_over:
            return
        self._opened = True
        self._put("response.output_item.added", response_id=self.id, output_index=0, item=self.item.as_json())
        if self.plan.in_conversation:
            previous = self._talk.remember(self.item)
            self._put("conversation.item.added", previous_item_id=previous, item=self.item.as_json())
        self._put_part("response.content_part.added", part=self._part(""))

    def _close(self) -> None:
        put, text = self._talk.outbox.put, self.item.text or ""
        place, item = self._place(), self.item.as_json()
        if self.plan.spoken:
            put("response.output_audio.done", **place)
            if self.plan.picture:
                put("response.output_video.done", **place)
            put("response.output_audio_transcript.done", **place, transcript=text)
        else:
            put("response.output_text.done", **place, text=text)
        put("response.content_part.done", **place, part=self._part(text))
        put("response.output_item.done", response_id=self.id, output_index=0, item=item)
        if self.plan.in_conversation:
            put("conversation.item.done", previous_item_id=self._talk.history.before(self.item.id), item=item)

    def _part(self, text: str) -> Json:
        return {"type": "audio", "transcript": text} if self.plan.spoken else {"type": "text", "text": text}

    def _place(self) -> Json:
        return {"response_id": self.id, "item_id": self.item.id, "output_index": 0, "content_index": 0}

    def _put_part(self, kind: str, **fields: object) -> None:
        self._put(kind, **self._place(), **fields)

    def _put(self, kind: str, **fields: object) -> None:
        if not self.is_over:
            self._talk.outbox.put(kind, **fields)

    def _as_json(self) -> Json:
        configuration = self._talk.configuration
        output = {"format": configuration.audio.output.format.model_dump(), "voice": self.plan.voice}
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": self._status,
            "status_details": self._details,
            "output": [self.item.as_json()] if self._opened and self.is_over else [],
            "conversation_id": self._talk.conversation_id if self.plan.in_conversation else None,
            "output_modalities": [self.plan.modality],
            "max_output_tokens": self.plan.max_tokens or "inf",
            "audio": {"output": output},
            "usage": self._usage,
            "metadata": self.plan.metadata,
            "avatar": self._avatar,
        }


def _usage(end: ReplyEnd | None) -> Json | None:
    """Tokens as the language model counted them; None where it did not."""
    if end is None or end.prompt_tokens is None or end.completion_tokens is None:
        return None
    total = end.prompt_tokens + end.completion_tokens
    return {"total_tokens": total, "input_tokens": end.prompt_tokens, "output_tokens": end.completion_tokens}
