"""What is heard: from the ear's events to turns, their words, and when an answer to them may go out."""

import asyncio
import time

from deployments.contracts import Pcm, Transcript
from deployments.errors import AvatarError
from serve_app.realtime.answering import BUSY, Answering
from serve_app.realtime.failures import InvalidEvent, error_body
from serve_app.realtime.hearing.ear import EarEvent, Lengthened, Paused, Resumed, Started, Stopped
from serve_app.realtime.host import Talk
from serve_app.realtime.ids import new_id
from serve_app.realtime.items import Item
from serve_app.realtime.moments import Moments
from serve_app.realtime.plan import plan_of
from serve_app.realtime.recognition import Recognition, Writing
from serve_app.realtime.responder import Asked
from serve_app.realtime.spoken_turn import SpokenTurn

PIECE_SECONDS = 0.1
"""Sound is listened to in pieces of this length, so that a long message does not hold up other sessions."""
_TRANSCRIPTION = "conversation.item.input_audio_transcription"


class Listening:
    """One session's ear. Everything is called from the session's own task, one call at a time."""

    def __init__(self, talk: Talk, answering: Answering) -> None:
        self.last_turn: SpokenTurn | None = None
        self._talk = talk
        self._answering = answering
        self._turn: SpokenTurn | None = None
        self._arrived = time.perf_counter()

    @property
    def speaking(self) -> bool:
        """Whether somebody is in the middle of saying something."""
        return self._turn is not None

    async def hear(self, pcm16: bytes) -> None:
        """The person's sound. Raises BadInput and TooLarge as `Ear.append` does."""
        rate_hz = self._talk.configuration.audio.input.format.rate
        size = 2 * round(PIECE_SECONDS * rate_hz)
        self._arrived = time.perf_counter()
        for start in range(0, len(pcm16), size):
            piece = pcm16[start : start + size]
            self._talk.ear.avatar_plays(self._answering.playing_seconds)
            for event in self._talk.ear.append(piece):
                self._notice(event)
            await asyncio.sleep(0)

    def silence(self, seconds: float) -> None:
        """No sound came for so long, since the last, although somebody was speaking."""
        for event in self._talk.ear.idle(seconds):
            self._notice(event)

    def commit(self) -> None:
        """The client says that what it sent is a turn. Raises BadInput where that is nothing."""
        pcm = self._talk.ear.commit()
        turn = self._turn or self._new_turn()
        turn.withdraw()
        turn.moments = Moments()
        self._take_down(turn, pcm, respond=False)

    def clear(self) -> None:
        """What was sent is forgotten."""
        self._talk.ear.clear()
        self._drop_turn()
        self._talk.outbox.put("input_audio_buffer.cleared")

    def configure(self) -> None:
        """The settings of the input have changed: the ear begins anew."""
        settings = self._talk.configuration.audio.input
        self._drop_turn()
        self._talk.ear.configure(settings.turn_detection, settings.format.rate)

    def add_spoken(self, item: Item, pcm: Pcm, after: str | None) -> None:
        """An item that a client made of sound. Raises as `History.add`."""
        previous = self._talk.remember(item, after)
        turn = SpokenTurn(item.id, Writing(self._talk, item.id), recognition=Recognition(self._talk, pcm))
        self.last_turn = turn
        self._talk.outbox.put("conversation.item.added", previous_item_id=previous, item=item.as_json())
        self._talk.spawn(self._settle(turn, item, respond=False))

    def _notice(self, event: EarEvent) -> None:
        if isinstance(event, Started):
            self._started(event)
        elif self._turn is None:
            return  # of a turn that was dropped
        elif isinstance(event, Lengthened):
            if self._talk.host.settings.partials and self._talk.configuration.audio.input.transcription:
                self._turn.writing.look(self._talk.ear.speech())
        elif isinstance(event, Paused):
            self._paused(self._turn, event)
        elif isinstance(event, Resumed):
            self._turn.withdraw()
        elif isinstance(event, Stopped):
            self._stopped(self._turn, event)

    def _started(self, event: Started) -> None:
        self._drop_turn()
        turn = self._turn = self._new_turn()
        detection = self._talk.configuration.audio.input.turn_detection
        interrupts = detection is not None and detection.interrupt_response
        if interrupts:
            self._answering.hush()  # before the word of it, which must not wait behind them
        self._talk.outbox.put("input_audio_buffer.speech_started", audio_start_ms=event.audio_ms, item_id=turn.item_id)
        if interrupts:
            self._answering.interrupt("turn_detected")

    def _paused(self, turn: SpokenTurn, event: Paused) -> None:
        """A short silence: perhaps the person has finished. What follows is not told until that is certain."""
        turn.writing.stop()
        turn.moments = Moments(end_of_speech=self._arrived - max(0, self._talk.ear.now_ms - event.at_ms) / 1000)
        if self._talk.host.settings.speculate:
            turn.withdraw()
            turn.recognition = Recognition(self._talk, self._talk.ear.speech())
            self._answer(turn)

    def _stopped(self, turn: SpokenTurn, event: Stopped) -> None:
        turn.moments.mark("turn_over")
        detection = self._talk.configuration.audio.input.turn_detection
        respond = detection is not None and detection.create_response
        self._talk.outbox.put("input_audio_buffer.speech_stopped", audio_end_ms=event.audio_ms, item_id=turn.item_id)
        self._take_down(turn, self._talk.ear.commit(), respond)

    def _take_down(self, turn: SpokenTurn, pcm: Pcm, respond: bool) -> None:
        """The turn is over: it becomes an item of the conversation."""
        turn.writing.stop()
        self._turn, self.last_turn = None, turn
        if turn.recognition is None:
            turn.recognition = Recognition(self._talk, pcm)
        if respond and turn.answer is None:
            self._answer(turn)
        item = Item(turn.item_id, "user", "input_audio", None)
        previous = self._talk.remember(item)
        put = self._talk.outbox.put
        put("input_audio_buffer.committed", previous_item_id=previous, item_id=item.id)
        put("conversation.item.added", previous_item_id=previous, item=item.as_json())
        self._talk.spawn(self._settle(turn, item, respond))

    async def _settle(self, turn: SpokenTurn, item: Item, respond: bool) -> None:
        """Its words become known; then its answer may go out."""
        assert turn.recognition is not None
        known = True
        try:
            transcript = await turn.recognition.transcript()
        except AvatarError as error:
            self._not_understood(item, error)
        else:
            turn.moments.mark("transcript")
            self._understood(turn, item, transcript)
            known = bool(item.text)
        turn.settled.set()
        self._talk.changed()
        if not respond:
            return
        if turn.answer is None:
            busy = InvalidEvent("The turn is not answered: a response is being made already.", BUSY)
            self._talk.outbox.put("error", error=error_body(busy, self._talk.id))
        elif known:
            turn.answer.release()  # where nothing was understood it fails by itself, and says why
        else:
            turn.answer.stop("turn_detected")  # a noise: there is nothing to answer

    def _understood(self, turn: SpokenTurn, item: Item, transcript: Transcript) -> None:
        put, before = self._talk.outbox.put, self._talk.history.before(item.id)
        item.text = transcript.text.strip()
        put("conversation.item.done", previous_item_id=before, item=item.as_json())
        if self._talk.configuration.audio.input.transcription is not None:
            usage = {"type": "duration", "seconds": round(transcript.seconds, 3)}
            place = {"item_id": item.id, "content_index": 0}
            turn.writing.finish(transcript)
            put(f"{_TRANSCRIPTION}.completed", **place, transcript=item.text, usage=usage)

    def _not_understood(self, item: Item, error: AvatarError) -> None:
        put, before = self._talk.outbox.put, self._talk.history.before(item.id)
        item.status = "incomplete"
        body = error_body(error, self._talk.id)
        failure = {name: body[name] for name in ("type", "code", "message", "param")}
        put("conversation.item.done", previous_item_id=before, item=item.as_json())
        put(f"{_TRANSCRIPTION}.failed", item_id=item.id, content_index=0, error=failure)

    def _new_turn(self) -> SpokenTurn:
        item_id = new_id("item")
        return SpokenTurn(item_id, Writing(self._talk, item_id))

    def _drop_turn(self) -> None:
        if self._turn is not None:
            self._turn.writing.stop()
            self._turn.withdraw()
            self._turn = None

    def _answer(self, turn: SpokenTurn) -> None:
        """Begins to answer the turn, held back. Not while another response is made."""
        detection = self._talk.configuration.audio.input.turn_detection
        if detection is None or not detection.create_response or self._answering.busy:
            return
        recognition, item_id = turn.recognition, turn.item_id
        assert recognition is not None

        async def asked() -> Asked:
            transcript = await recognition.transcript()
            turn.moments.mark("transcript")
            return Asked(transcript.text, self._talk.history.messages(without=item_id), transcript.language)

        turn.answer = self._answering.begin(plan_of(self._talk.configuration), asked, turn.moments, held=True)
