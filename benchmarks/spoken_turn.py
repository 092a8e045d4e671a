"""One spoken turn over the realtime socket, and one interruption, with all that is measured of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.answer_media import first_speaking_piece
from benchmarks.listener import Answer, Listener
from benchmarks.microphone import Microphone, Overheard
from benchmarks.sound import recording, voiced_seconds
from deployments.contracts import Float32
from serve_app.client import AsyncAvatarClient, MediaPiece, RealtimeConversation, Stall
from serve_app.client.realtime_asking import Talking, Ticket
from serve_app.samples.catalogue import Question, questions

RATE_HZ = 16_000
PAUSE_SECONDS = 0.5
"""Between the end of an answer and the next question."""


@dataclass(slots=True)
class Person:
    """Somebody in a conversation: what they say, and what they get."""

    talk: RealtimeConversation
    listener: Listener
    microphone: Microphone


@asynccontextmanager
async def person(
    url: str,
    language: str | None,
    overheard: Overheard | None = None,
    on_media: Callable[[MediaPiece], None] | None = None,
    ticket: Ticket | None = None,
    greet: Callable[[RealtimeConversation], Awaitable[None]] | None = None,
) -> AsyncIterator[Person]:
    """A conversation with video for the length of the block; `language` None lets the server find out. With a
    `ticket` an earlier one goes on as it was. `greet` comes first, before anybody listens or speaks."""
    talking = Talking() if ticket else Talking(video=True, rate_hz=RATE_HZ, language=language)
    async with AsyncAvatarClient(url) as client, client.realtime(ticket=ticket, **talking) as talk:
        if greet is not None:
            await greet(talk)
        found = Person(talk, Listener(talk, on_media), Microphone(talk, overheard=overheard))
        tasks = [asyncio.create_task(found.listener.run()), asyncio.create_task(found.microphone.run())]
        try:
            yield found
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def of_language(language: str) -> list[Question]:
    """The sample questions of a language."""
    return [question for question in questions() if question.language == language]


async def ask(person: Person, question: Question, limit_seconds: float = 90.0) -> dict[str, Any]:
    """Asks as a person does, listens to the whole answer, and returns its row. Raises TimeoutError."""
    talk, listener = person.talk, person.listener
    listener.forget()
    stalls_before = len(talk.player.stalls)
    samples = recording(question, RATE_HZ)
    spoken_at = person.microphone.say(samples)
    end_at = spoken_at + voiced_end(samples)
    await listener.wait(lambda: answered(listener, end_at), limit_seconds, f"the answer to {question.name}")
    await talk.played_out()
    await asyncio.sleep(PAUSE_SECONDS)
    return row_of(person, question, end_at, talk.player.stalls[stalls_before:])


def row_of(person: Person, question: Question, end_at: float, stalls: list[Stall]) -> dict[str, Any]:
    """Times in seconds from the last voiced sample of the question, as it was spoken."""
    listener = person.listener
    answer = next(answer for answer in reversed(listener.answers) if answer.done is not None)
    done = answer.done
    assert done is not None
    if done.status != "completed":
        raise RuntimeError(f"{question.name}: the answer is {done.status}: {done.reason} {done.message}")
    number = first_speaking_piece([piece.data for piece in answer.media])
    if number is None:
        raise RuntimeError(f"{question.name}: nothing is heard in the answer")
    first = answer.media[number].received_at - end_at
    silence = max((event.received_at for event in listener.stopped), default=end_at) - end_at
    return {
        "question": question.name,
        "first_speech_seconds": first,
        "first_media_seconds": answer.media[0].received_at - end_at,
        "end_of_speech_silence_seconds": silence,
        "after_silence_seconds": first - silence,
        "stalls": [[stall.at_ms, round(stall.seconds, 3)] for stall in stalls],
        "filled_seconds": done.filled_seconds,
        "media_seconds": done.media_seconds,
        "heard": " ".join(event.text for event in listener.heard),
        "reply": "".join(answer.captions),
        "answers_withdrawn": sum(other.done is not None and other is not answer for other in listener.answers),
        "queued": len(listener.queued),
        "refusals": [refusal.message for refusal in listener.refusals],
        "media_after_the_end": len(answer.late_media),
        "timings": dict(done.timings),
        "arrivals": [
            [round(piece.received_at - end_at, 4), piece.start_ms, piece.duration_ms, len(piece.data)]
            for piece in answer.media
        ],
    }


async def interrupt(person: Person, question: Question, after_seconds: float = 1.0) -> dict[str, Any]:
    """Speaks when so much of the answer that is under way has been played, which is thereby the old one; returns
    once the answer to this has begun. Times in seconds. Raises TimeoutError."""
    talk, listener = person.talk, person.listener
    await listener.wait(lambda: bool(listener.answers and listener.answers[-1].media), 60, "an answer")
    old = listener.answers[-1]
    begun = talk.player.began_at(old.response_id) or old.media[0].received_at
    await asyncio.sleep(begun + after_seconds - time.perf_counter())
    being_made = old.done is None
    count = len(listener.started)
    samples = recording(question, RATE_HZ)
    spoken_at = person.microphone.say(samples)
    first_voiced_at = spoken_at + _voiced_start(samples)
    await listener.wait(lambda: len(listener.started) > count, 20, "speech_started")
    started_at = listener.started[count].received_at
    await listener.wait(lambda: old.done is not None, 20, "the end of the old answer")
    end_at = spoken_at + voiced_end(samples)
    await listener.wait(lambda: _speaks(listener.answers[-1], old, end_at), 60, "the new answer")
    assert old.done is not None
    last_media_at = max(piece.received_at for piece in [*old.media, *old.late_media])
    return {
        "question": question.name,
        "being_made": being_made,
        "status": old.done.status,
        "reason": old.done.reason,
        "speech_to_started_seconds": started_at - first_voiced_at,
        "started_to_last_media_seconds": max(0.0, last_media_at - started_at),
        "speech_to_last_media_seconds": max(0.0, last_media_at - first_voiced_at),
        "started_to_done_seconds": old.done.received_at - started_at,
        "media_after_the_end": len(old.late_media),
    }


def _speaks(answer: Answer, old: Answer, end_at: float) -> bool:
    return answer is not old and bool(answer.media) and answer.media[-1].received_at > end_at


def answered(listener: Listener, end_at: float) -> bool:
    """Whether an answer that went on after the question's end is complete. What began in a pause of the question and
    was withdrawn does not count, nor does a cancelled one while another may come."""
    if not listener.answers or listener.answers[-1].done is None:
        return False
    done = listener.answers[-1].done
    return done.received_at > end_at and done.status != "cancelled"


def _voiced_start(samples: Float32) -> float:
    span = voiced_seconds(samples, RATE_HZ)
    assert span is not None, "the sample questions are not silent"
    return span[0]


def voiced_end(samples: Float32) -> float:
    span = voiced_seconds(samples, RATE_HZ)
    assert span is not None, "the sample questions are not silent"
    return span[1]
