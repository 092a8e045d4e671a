"""Whether the avatar interrupts itself: the microphone hears its own voice from the loudspeaker, quietly and late.

    python -m benchmarks.realtime_echo                   # starts the application itself; twenty turns
    python -m benchmarks.realtime_echo --url http://127.0.0.1:8000 --turns 3 --decibels -20 --delay-ms 120

Each answer's sound is decoded as it comes, played by the player without a screen, and what it plays is fed to the
microphone at -20 dB, so and so late. Nobody speaks during an answer: every speech_started there, and every answer that
is not completed, is a false interruption. Writes benchmarks/results/realtime_echo-*.json.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

import numpy as np
import soxr

from benchmarks.answer_media import AnswerSound
from benchmarks.application import running_application
from benchmarks.machine import write_result
from benchmarks.realtime import LANGUAGES, share
from benchmarks.record import COUNT, Measure
from benchmarks.spoken_turn import RATE_HZ, Person, ask, of_language, person
from deployments.contracts import Float32
from serve_app.client import MediaPiece, VirtualPlayer


class Loudspeaker:
    """Gives the sound that is played at a time, as the microphone hears it: `gain` times as loud, `delay` later."""

    def __init__(self, gain: float, delay_seconds: float) -> None:
        self.player: VirtualPlayer | None = None
        self.heard_seconds = 0.0
        self._gain, self._delay = gain, delay_seconds
        self._response_id = ""
        self._began_at: float | None = None
        self._decoder = AnswerSound()
        self._resampler: soxr.ResampleStream | None = None
        self._sound = np.zeros(0, np.float32)

    def take(self, piece: MediaPiece) -> None:
        """The next media of an answer."""
        if piece.response_id != self._response_id:
            self._response_id, self._began_at, self._decoder = piece.response_id, None, AnswerSound()
            self._sound, self._resampler = np.zeros(0, np.float32), None
        heard = self._decoder.feed(piece.data)
        if self._resampler is None:
            self._resampler = soxr.ResampleStream(self._decoder.rate_hz, RATE_HZ, 1, dtype="float32")
        self._sound = np.concatenate([self._sound, self._resampler.resample_chunk(heard)])

    def overheard(self, at: float, count: int) -> Float32 | None:
        """What arrives at the microphone from `at` on, None where nothing is played."""
        if self.player is None or not len(self._sound) or self.player.was_stopped(self._response_id):
            return None
        # the player forgets an answer that is over; its last sound is still on its way then
        self._began_at = self.player.began_at(self._response_id) or self._began_at
        if self._began_at is None:
            return None
        first = round((at - self._delay - self._began_at) * RATE_HZ)
        if first + count <= 0 or first >= len(self._sound):
            return None
        found = np.zeros(count, np.float32)
        piece = self._sound[max(0, first) : first + count]
        found[max(0, -first) : max(0, -first) + len(piece)] = self._gain * piece
        self.heard_seconds += count / RATE_HZ
        return found


async def turn(somebody: Person, language: str, number: int) -> dict[str, Any]:
    """One turn, and what of it was a false interruption."""
    questions = of_language(language)
    question = questions[number % len(questions)]
    listener = somebody.listener
    row: dict[str, Any]
    try:
        row = await ask(somebody, question)
        failure = ""
    except (RuntimeError, TimeoutError) as error:
        row, failure = {}, str(error)
    starts = [event.received_at for event in listener.started]
    first_media = min((piece.received_at for answer in listener.answers for piece in answer.media), default=0.0)
    last_done = max((answer.done.received_at for answer in listener.answers if answer.done), default=0.0)
    false_starts = sum(first_media < at for at in starts) if first_media else 0
    cancelled = sum(
        answer.done is not None and answer.done.reason == "turn_detected" and bool(answer.media)
        for answer in listener.answers
    )
    return {
        "question": question.name,
        "false_starts": false_starts,
        "cancelled_answers": cancelled,
        "failure": failure,
        "speech_started": len(starts),
        "answered_seconds": last_done - first_media,
        "reply": row.get("reply", ""),
        "heard": [event.text for event in listener.heard],
        "media_seconds": row.get("media_seconds", 0.0),
    }


async def measure(url: str, turns: int, gain: float, delay_seconds: float) -> dict[str, Any]:
    rows = []
    echoed = 0.0
    for number, language in enumerate(LANGUAGES):
        loudspeaker = Loudspeaker(gain, delay_seconds)
        async with person(url, language, loudspeaker.overheard, loudspeaker.take) as somebody:
            loudspeaker.player = somebody.talk.player
            for count in range(share(turns, number)):
                row = await turn(somebody, language, count)
                rows.append(row)
                print(f"{row['question']:12s} false starts {row['false_starts']} {row['failure']}", flush=True)
        echoed += loudspeaker.heard_seconds
    wrong = sum(bool(row["false_starts"] or row["cancelled_answers"] or row["failure"]) for row in rows)
    return {"turns": len(rows), "turns_with_false_interruption": wrong, "echo_seconds": echoed, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running application; without it one is started")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--decibels", type=float, default=-20.0)
    parser.add_argument("--delay-ms", type=float, default=120.0)
    options = parser.parse_args()
    gain = 10 ** (options.decibels / 20)
    if options.url:
        figures = asyncio.run(measure(options.url, options.turns, gain, options.delay_ms / 1000))
    else:
        with running_application() as application:
            figures = asyncio.run(measure(application.url, options.turns, gain, options.delay_ms / 1000))
    figures = {"echo_decibels": options.decibels, "echo_delay_ms": options.delay_ms, **figures}
    print(json.dumps({name: value for name, value in figures.items() if name != "rows"}, indent=2))
    wrong = tuple(
        float(row["false_starts"] + row["cancelled_answers"] + bool(row["failure"])) for row in figures["rows"]
    )
    measures = [Measure("false_interruptions", COUNT, wrong)] if wrong else []
    print(write_result("realtime_echo", sys.argv, figures, measures=measures, arguments=vars(options)))


if __name__ == "__main__":
    main()
