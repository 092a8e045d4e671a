"""Somebody who comes to talk, hangs up, interrupts, loses the line and comes back, as chance will have it."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from benchmarks.looking_back import kept_items
from benchmarks.own_words import Vocabulary
from deployments.errors import AtCapacity, AvatarError, EngineFailed, NotFound, TimedOut
from serve_app.client import (
    AnswerDone,
    AsyncAvatarClient,
    Caption,
    HeardAll,
    HeardPiece,
    ItemDone,
    MediaPiece,
    RealtimeConversation,
    RealtimeEvent,
    Refusal,
    SessionClosed,
    Ticket,
)
from serve_app.client.failures import Refused, Unreachable
from serve_app.client.realtime_asking import Talking

FATES = {"listen": 55, "interrupt": 15, "hang_up": 12, "come_back": 12, "goodbye": 6}
"""What becomes of a turn, by weight."""
PASSING = (AtCapacity, EngineFailed, NotFound, Refused, SessionClosed, TimedOut, Unreachable, OSError)
"""What a visitor may meet while replicas die, and tries again after."""


@dataclass(slots=True)
class Tally:
    """What happened to all visitors. `stuck`, `foreign` and `forgotten` must stay empty."""

    fates: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    stuck: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)


class Visitor:
    """One conversation at a time. `more_turns` says whether another turn is wanted, over all visitors."""

    def __init__(
        self,
        urls: Sequence[str],
        chance: random.Random,
        words: Vocabulary,
        tally: Tally,
        more_turns: Callable[[], bool],
        patience_seconds: float,
        echoes: bool,
    ) -> None:
        """Each connection goes to one of `urls`. `echoes`: the reply repeats the question, so that a completed one must
        hold the visitor's own word."""
        self._urls, self._chance, self._words, self._tally = urls, chance, words, tally
        self._more_turns, self._patience, self._echoes = more_turns, patience_seconds, echoes
        self._word = ""
        self._ticket: Ticket | None = None
        self._answered: list[str] = []
        self._spoken = False

    async def run(self) -> None:
        """Until no more turns are wanted. Every connection is closed then."""
        while self._more_turns():
            if self._ticket is None:
                self._word, self._answered = self._words.new(), []
                self._spoken = self._words.sound is not None and self._chance.random() < 0.3
            try:
                await self._stay()
            except TimeoutError:
                self._tally.stuck.append(f"{self._word}: nothing came for {self._patience:g} s")
                self._ticket = None
            except PASSING as error:
                await self._met(error)

    async def _met(self, error: Exception) -> None:
        code = error.code if isinstance(error, AvatarError) else type(error).__name__
        close = f" {error.close_code}" if isinstance(error, SessionClosed) else ""
        self._tally.troubles[f"{code}{close}"] += 1
        if not isinstance(error, SessionClosed) or not error.resumable:
            # what was answered last may not have been saved yet when a gateway died
            if isinstance(error, NotFound) and self._ticket is not None and len(self._answered) > 1:
                self._tally.forgotten.append(f"{self._word}: the session could not be resumed: {error}")
            if not isinstance(error, (Unreachable, TimedOut, AtCapacity, OSError)):
                self._ticket = None
        await asyncio.sleep(self._chance.uniform(0.2, 0.6))

    async def _stay(self) -> None:
        """One connection: a turn, and further ones while chance lets the visitor listen."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(AsyncAvatarClient(self._chance.choice(self._urls)))
            returning = self._ticket is not None
            talking = Talking() if returning else self._talking()
            talk = await stack.enter_async_context(client.realtime(ticket=self._ticket, **talking))
            self._ticket = talk.ticket
            if returning:
                async with asyncio.timeout(self._patience):
                    await self._look_back(talk)
            fate = "listen"
            while fate in ("listen", "interrupt"):
                (fate,) = self._chance.choices(list(FATES), list(FATES.values()))
                self._tally.fates[fate] += 1
                async with asyncio.timeout(self._patience):
                    await self._turn(talk, fate)
                if fate in ("listen", "interrupt") and not self._more_turns():
                    return
            if fate == "come_back":
                talk.abort()
                await asyncio.sleep(self._chance.uniform(0, 0.5))
                return
            if fate == "hang_up":
                talk.abort()
            self._ticket = None

    def _talking(self) -> Talking:
        talking = Talking(video=self._chance.random() < 0.7, language="en", rate_hz=16_000)
        if self._spoken:
            talking["turn_detection"] = None
        return talking

    async def _look_back(self, talk: RealtimeConversation) -> None:
        """What the server kept: all that was answered, but perhaps the last, which was being saved when the line
        broke. It is there before anything else happens."""
        if not talk.resumed:
            self._tally.forgotten.append(f"{self._word}: a new session instead of the old one")
        self._tally.resumed += 1
        kept = [item.text for item in await kept_items(talk, self._check)]
        for text in self._answered[:-1]:
            if text not in kept:
                self._tally.forgotten.append(f"{self._word}: {text!r} is not among {kept}")

    async def _turn(self, talk: RealtimeConversation, fate: str) -> None:
        text, request = await self._ask(talk)
        if fate in ("hang_up", "come_back"):
            await self._until(talk, asyncio.get_running_loop().time() + self._chance.uniform(0, 1.5))
            return
        said = ""
        while True:
            event = await anext(talk)
            self._check(event)
            if isinstance(event, Caption):
                said += event.text
            if isinstance(event, MediaPiece) and fate == "interrupt":
                await talk.interrupt()
                fate = "listen"
            if isinstance(event, Refusal) and event.caused_by == request:
                return
            if isinstance(event, AnswerDone):
                break
        self._tally.endings[f"{event.status} {event.reason}".strip()] += 1
        if event.status == "completed":
            self._answered.append(text)
            if self._echoes and self._word not in said.lower():
                self._tally.foreign.append(f"{self._word}: was answered {said!r}")

    async def _ask(self, talk: RealtimeConversation) -> tuple[str, str]:
        """By voice or keyboard. Returns what was said, and the id of what asks for the answer."""
        if self._spoken:
            assert self._words.sound is not None
            await talk.send_audio(self._words.sound(self._words.number(self._word)))
            return f"my word is {self._word}", await talk.commit()
        text = f"My word is {self._word}, for the {len(self._answered)}th time."
        return text, await talk.say(text)

    async def _until(self, talk: RealtimeConversation, end: float) -> None:
        try:
            async with asyncio.timeout_at(end):
                while True:
                    self._check(await anext(talk))
        except TimeoutError:
            return

    def _check(self, event: RealtimeEvent) -> None:
        if isinstance(event, Caption | HeardAll | HeardPiece | ItemDone):
            for word in self._words.foreign(event.text, self._word):
                self._tally.foreign.append(f"{self._word}: saw {word} in {event.text!r}")
        if isinstance(event, Refusal):
            self._tally.troubles[f"refusal {event.code}"] += 1
