"""What is answered: responses that are asked for, made one at a time, interrupted, and cut to what was heard."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from deployments.errors import AvatarError
from serve_app.realtime.client_events import ResponseFields
from serve_app.realtime.failures import InvalidEvent
from serve_app.realtime.host import Talk
from serve_app.realtime.items import Item, messages_of
from serve_app.realtime.moments import Moments
from serve_app.realtime.plan import Plan, plan_of
from serve_app.realtime.responder import Asked, Responder
from serve_app.realtime.spoken_turn import SpokenTurn

BUSY = "conversation_already_has_active_response"
_REMEMBERED = 4


class Answering:
    """One session's responses."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._current: Responder | None = None
        self._answers: deque[Responder] = deque(maxlen=_REMEMBERED)

    @property
    def busy(self) -> bool:
        """Whether a response is made, be it held back or told."""
        return self._current is not None and self._current.active

    @property
    def playing_seconds(self) -> float | None:
        """Where in the newest response that was begun the client is; None where the avatar is silent."""
        positions = (answer.playing_seconds for answer in reversed(self._answers))
        return next((position for position in positions if position is not None), None)

    @property
    def playing(self) -> Responder | None:
        """The response that the client is playing, as far as is known."""
        return next((answer for answer in self._answers if answer.outstanding), None)

    def begin(self, plan: Plan, asked: Callable[[], Awaitable[Asked]], moments: Moments, held: bool) -> Responder:
        """Only while none is made."""
        self._current = Responder(self._talk, plan, asked, moments, held, self._current)
        self._answers.append(self._current)
        return self._current

    def respond(self, fields: ResponseFields | None, given: Sequence[Item] | None, turn: SpokenTurn | None) -> None:
        """The client asks for a response, to the conversation or to what is `given` instead. The words of `turn`, the
        last that was spoken, are waited for. Raises InvalidEvent while another response is made."""
        if self._current is not None and self._current.active:
            if self._current.released:
                raise InvalidEvent("A response is being made. Cancel it, or wait for its response.done.", BUSY)
            self._current.stop("client_cancelled")
        plan, moments = plan_of(self._talk.configuration, fields), Moments()

        async def asked() -> Asked:
            if given is not None:
                return _question(given, plan.instructions, None)
            spoken = self._talk.history.last_id if turn is not None else None
            if turn is not None:
                await turn.settled.wait()
                moments.mark("transcript")
            language = await _language_of(turn) if turn is not None and turn.item_id == spoken else None
            return _question(self._talk.history.items, plan.instructions, language)

        self.begin(plan, asked, moments, held=False)

    def cancel(self, response_id: str | None) -> None:
        """Raises InvalidEvent where no such response is being made."""
        current = self._current
        if current is None or not current.active or response_id not in (None, current.telling.id):
            raise InvalidEvent("No such response is being made.", "response_cancel_not_active", "response_id")
        current.stop("client_cancelled")

    def clear(self) -> None:
        """The client plays no more: what is being made is cancelled, what was made is cut to what was heard."""
        playing = self.playing or self._current
        self.interrupt("client_cancelled")
        if playing is not None:
            self._talk.outbox.put("output_audio_buffer.cleared", response_id=playing.telling.id)

    def hush(self) -> None:
        """Media that wait to be sent are not sent any more."""
        for answer in self._answers:
            self._talk.outbox.discard(answer.telling.number)

    def interrupt(self, reason: str) -> None:
        """Whatever the avatar is saying or about to say, it says no more."""
        if self._current is not None and self._current.active:
            self._current.stop(reason)
        for answer in self._answers:
            if answer.outstanding:
                self._cut(answer)
        self._talk.ear.avatar_plays(None)

    def truncate(self, item_id: str, end_ms: int) -> None:
        """Keeps of an answer what was heard: the client plays no more of it. Raises NotFound and InvalidEvent."""
        item = self._talk.history.find(item_id)
        if self._current is not None and self._current.active and self._current.telling.item is item:
            self._current.stop("client_cancelled")
        item.cut(end_ms / 1000)
        for answer in self._answers:
            answer.silenced = answer.silenced or answer.telling.item is item
        self._truncated(item, end_ms)

    def played(self, response_id: str, seconds: float, stalled: bool) -> None:
        """A playback report. One about a response that is long over is of no interest."""
        for answer in self._answers:
            if answer.telling.id == response_id:
                answer.playback.report(seconds, stalled)

    def _cut(self, answer: Responder) -> None:
        """An answer that was made to its end but not played to its end."""
        seconds = min(answer.playback.played_seconds, answer.telling.wording.seconds)
        answer.silenced = True
        item = answer.telling.item
        if answer.plan.in_conversation and item in self._talk.history.items:
            item.cut(seconds)
            self._truncated(item, int(1000 * seconds))

    def _truncated(self, item: Item, end_ms: int) -> None:
        put = self._talk.outbox.put
        put("conversation.item.truncated", item_id=item.id, content_index=0, audio_end_ms=end_ms)
        self._talk.changed()


def _question(items: Sequence[Item], instructions: str | None, language: str | None) -> Asked:
    """The last thing that the person said, after all before it. Where the person did not speak last, the
    instructions are what is to be done."""
    if items and items[-1].role == "user":
        return Asked(items[-1].text or "", messages_of(items[:-1]), language)
    return Asked(instructions or "", messages_of(items))


async def _language_of(turn: SpokenTurn) -> str | None:
    try:
        return (await turn.recognition.transcript()).language if turn.recognition is not None else None
    except AvatarError:
        return None
