"""What somebody said, being written down: once it is over, and on the way."""

import asyncio

from deployments.contracts import Pcm, Transcript, Utterance
from deployments.errors import AvatarError
from serve_app.realtime.hearing.partials import Partials
from serve_app.realtime.host import Talk


class Recognition:
    """One utterance on its way to words. Work begins at once."""

    def __init__(self, talk: Talk, pcm: Pcm) -> None:
        self.seconds = pcm.seconds
        self._talk = talk
        self._done = asyncio.Event()
        self._outcome: Transcript | AvatarError | None = None
        # the sound is the task's alone: who remembers the words does not keep it
        self._task = talk.spawn(self._run(Utterance(pcm, talk.heard_language)))

    async def transcript(self) -> Transcript:
        """May be awaited by many. Raises AvatarError."""
        await self._done.wait()
        if isinstance(self._outcome, Transcript):
            return self._outcome
        raise self._outcome or AvatarError("Recognition was withdrawn.")

    def withdraw(self) -> None:
        self._task.cancel()

    async def _run(self, utterance: Utterance) -> None:
        try:
            self._outcome = await self._talk.host.stages.transcribe(utterance)
        except AvatarError as error:
            self._outcome = error
        finally:
            self._done.set()


class Writing:
    """What is being said, written down while it is being said; as much of it as two passes agree on is told."""

    def __init__(self, talk: Talk, item_id: str) -> None:
        self._talk = talk
        self._item_id = item_id
        self._partials = Partials()
        self._task: asyncio.Task[None] | None = None

    def look(self, pcm: Pcm) -> None:
        """Writes down the utterance so far, unless that is still being done for an earlier part."""
        if self._task is None or self._task.done():
            self._task = self._talk.spawn(self._write(pcm))

    def stop(self) -> None:
        """The final pass is not to wait for this one."""
        if self._task is not None:
            self._task.cancel()

    async def _write(self, pcm: Pcm) -> None:
        try:
            transcript = await self._talk.host.stages.transcribe(Utterance(pcm, self._talk.heard_language))
        except AvatarError:
            return  # the pass over all of it will tell
        self._tell(self._partials.add(transcript))

    def finish(self, transcript: Transcript) -> None:
        """The pass over all of it is done: what it adds to what was told."""
        if self._partials.text:
            self._tell(self._partials.rest(transcript) or "")

    def _tell(self, delta: str) -> None:
        if delta:
            kind = "conversation.item.input_audio_transcription.delta"
            self._talk.outbox.put(kind, item_id=self._item_id, content_index=0, delta=delta)
