"""The scripted stages, with what OpenAI's clients can see: times of words, ends of replies, default voices."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from deployments.contracts import ReplyEnd, ReplyRequest, Transcript, Utterance, Word
from tests.fakes.stages import FakeStages


@dataclass
class OpenAiStages(FakeStages):
    """Each word heard takes half a second. A reply that is reported ends with `end`."""

    end: ReplyEnd | None = field(default_factory=lambda: ReplyEnd(False, 11, 7))

    async def transcribe(self, utterance: Utterance) -> Transcript:
        found = await super().transcribe(utterance)
        words = tuple(Word(word, 0.5 * at, 0.5 * at + 0.4) for at, word in enumerate(found.text.split()))
        return Transcript(found.text, found.language, words, found.seconds)

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        async for piece in super().reply(request):
            yield piece
        if request.report and self.end is not None:
            yield self.end

    async def voices(self) -> list[dict[str, object]]:
        return [voice | {"default": True} for voice in await super().voices()]
