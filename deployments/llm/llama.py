"""llama.cpp in process, through xllamacpp: a GGUF model on the CPU, several conversations at once.

The library's server is used for its slots and prompt cache and called directly. It insists on listening as well:
on a socket in a private folder, which serves to count tokens.
"""

import asyncio
import shutil
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from deployments.contracts import Cancellation, Message
from deployments.errors import AvatarError, EngineFailed, TimedOut, TooLarge
from deployments.llm.history import newest_that_fit
from deployments.llm.settings import LlamaSettings, SamplingSettings
from deployments.llm.slots import SlotBoard
from deployments.llm.source import Piece, Prompt
from deployments.llm.tokenizer import Tokenizer, private_folder
from deployments.openmp import load_openmp, rest_at_barriers

rest_at_barriers()
load_openmp()
import xllamacpp  # noqa: E402  # it does not load without the library above

_TEMPLATE_TOKENS = 8
"""Above what any common chat template spends on one message (ChatML: 5)."""
_TEMPLATE_SLACK_TOKENS = 32
"""For what a template adds once."""


class LlamaSource:
    """A TokenSource on one GGUF file. Raises EngineFailed where the model does not load.

    One thread per slot sits in the library while a reply is made and is back within one token, or one batch of the
    prompt, of a cancel: only then is the slot free. Requests beyond the slots wait for one.
    """

    def __init__(self, model: Path, settings: LlamaSettings, sampling: SamplingSettings) -> None:
        self._settings = settings
        self._sampling = sampling
        self._folder = private_folder()
        self._clean = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        socket_path = str(self._folder / "llama.sock")
        try:
            self._server: Any = xllamacpp.Server(_parameters(model, settings, socket_path))
        except RuntimeError as error:
            self._clean()
            raise EngineFailed(f"llama.cpp could not load {model}: {error}. Verify the weights.") from error
        self._tokenizer = Tokenizer(socket_path)
        self._slots = SlotBoard(settings.slots)
        self._threads = ThreadPoolExecutor(settings.slots, thread_name_prefix="llama")
        self._lock = threading.Lock()
        self._under_way: set[_Reply] = set()

    @property
    def active(self) -> int:
        return len(self._under_way)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """See TokenSource. A model without a sign of life for `stall_seconds` raises TimedOut."""
        reply = _Reply(asyncio.get_running_loop())
        with self._lock:
            self._under_way.add(reply)
        thread = self._threads.submit(self._make, prompt, reply)
        thread.add_done_callback(lambda done: self._finished(reply))
        stuck = False
        try:
            while (piece := await self._next(reply)) is not None:
                yield piece
            if thread.cancelled():
                raise EngineFailed("The language model is shutting down.")
            thread.result()  # it has ended: raises what the thread raised
        except TimedOut:
            stuck = True
            raise
        finally:
            reply.cancellation.cancel()
            if not stuck:  # a thread that may never return keeps its slot, but not its caller
                await _returned(thread)

    def warm(self, prompts: Sequence[Prompt]) -> None:
        """Leave every slot with the first prompt read, and the others in the server's prompt cache.

        What a slot reads goes there when something else comes; what is fetched from there is there no more.
        """
        rest = [(slot, prompts[0]) for slot in range(self._settings.slots)][::-1]
        for slot, prompt in [*((0, prompt) for prompt in prompts), *rest]:
            self._complete(replace(prompt, max_tokens=1), slot, _Reply(None))
            self._slots.remember(slot, [prompt.persona])

    async def check(self) -> None:
        with self._lock:
            stuck = [reply for reply in self._under_way if reply.idle_seconds > self._settings.stall_seconds]
        if stuck:
            raise EngineFailed(f"llama.cpp has made no token for {max(r.idle_seconds for r in stuck):.0f} s.")

    async def close(self) -> None:
        for reply in list(self._under_way):
            reply.cancellation.cancel()
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        self._server = None  # its destructor ends the library's own thread
        self._clean()

    async def _next(self, reply: "_Reply") -> Piece | None:
        while True:
            try:
                # not asyncio.wait_for: up to Python 3.11 it loses a cancel that meets a piece
                async with asyncio.timeout(self._settings.stall_seconds):
                    return await reply.pieces.get()
            except TimeoutError:
                if reply.started and reply.idle_seconds > self._settings.stall_seconds:
                    raise TimedOut(f"llama.cpp made no token in {self._settings.stall_seconds:.0f} s.") from None

    def _finished(self, reply: "_Reply") -> None:
        with self._lock:
            self._under_way.discard(reply)
        reply.put(None)

    def _make(self, prompt: Prompt, reply: "_Reply") -> None:
        """In a thread of the pool: the whole reply."""
        reply.touch()
        if reply.cancellation.cancelled:
            return
        try:
            fitted = self._fitted(prompt)
            said = [message["content"] for message in fitted.all_messages() if message["role"] == "user"]
            slot = self._slots.take([prompt.persona, *said])
            try:
                self._complete(fitted, slot, reply)
            finally:
                self._slots.give_back(slot)
        except AvatarError:
            raise
        except Exception as error:
            raise EngineFailed(f"llama.cpp failed: {error}.") from error

    def _fitted(self, prompt: Prompt) -> Prompt:
        """The prompt with as much history as fits into a slot beside persona, prefix and reply."""

        def cost(message: Message) -> int:
            return self._tokenizer.count(message.content) + _TEMPLATE_TOKENS

        fixed = [
            Message("system", prompt.persona),
            *prompt.examples,
            Message("user", prompt.note),
            Message("assistant", prompt.prefix),
        ]
        room = self._settings.context_tokens - prompt.max_tokens - _TEMPLATE_SLACK_TOKENS - sum(map(cost, fixed))
        if room <= 0:
            raise TooLarge(
                f"The instructions leave no room for a question: shorten them by some {_TEMPLATE_SLACK_TOKENS - room} "
                "tokens, ask for fewer tokens, or raise context_tokens in the settings."
            )
        messages = newest_that_fit(prompt.messages, cost, room, self._settings.history_tokens)
        return replace(prompt, messages=messages)

    def _complete(self, prompt: Prompt, slot: int, reply: "_Reply") -> None:
        body: dict[str, Any] = {
            "messages": prompt.all_messages(),
            "max_tokens": prompt.max_tokens,
            "stream": True,
            "cache_prompt": True,
            "return_progress": True,  # one call back per batch of the prompt, so that reading it can be cancelled
            "id_slot": slot,
            "timings_per_token": prompt.report,
            **self._sampling.asked_for(prompt.sampling),
        }
        self._server.handle_chat_completions(body, reply.take)
        if reply.failure is not None:
            raise reply.failure


class _Reply:
    """One reply under way: what the library calls back with, and whether it should go on."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.pieces: asyncio.Queue[Piece | None] = asyncio.Queue()  # bounded by max_tokens
        self.cancellation = Cancellation()
        self.failure: AvatarError | None = None
        self.started = False
        self._loop = loop
        self._seen = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        return time.monotonic() - self._seen if self.started else 0.0

    def touch(self) -> None:
        self.started = True
        self._seen = time.monotonic()

    def take(self, chunk: dict[str, Any]) -> bool:
        """Called by the library for every token and every batch of the prompt. True stops it.

        The library swallows what is raised here, so failures are kept.
        """
        self.touch()
        if "error" in chunk or "choices" not in chunk:
            reason = chunk.get("error", chunk)
            self.failure = EngineFailed(f"llama.cpp refused: {reason.get('message', reason)}.")
            return True
        for choice in chunk["choices"]:
            text = choice.get("delta", {}).get("content") or ""
            cut = choice.get("finish_reason") == "length"
            if text or cut or "timings" in chunk:
                self.put(Piece(text, cut, *_counted(chunk)))
        return self.cancellation.cancelled

    def put(self, piece: Piece | None) -> None:
        if self._loop is None or self._loop.is_closed():
            self.cancellation.cancel()
            return
        self._loop.call_soon_threadsafe(self.pieces.put_nowait, piece)


def _counted(chunk: dict[str, Any]) -> tuple[int | None, int | None]:
    """Tokens read, those in the cache included, and written so far."""
    timings = chunk.get("timings")
    if not timings:
        return None, None
    return int(timings["cache_n"]) + int(timings["prompt_n"]), int(timings["predicted_n"])


async def _returned(thread: "Future[None]") -> None:
    """Wait for a thread to return, whatever it raised. A second cancel stops the wait and not the thread."""
    if not thread.cancel():
        await asyncio.wait([asyncio.wrap_future(thread)])


def _parameters(model: Path, settings: LlamaSettings, socket_path: str) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_parallel = settings.slots
    parameters.n_ctx = settings.context_tokens * settings.slots  # shared out evenly among the slots
    parameters.n_batch = parameters.n_ubatch = settings.batch_tokens
    parameters.n_cache_reuse = settings.reuse_tokens
    parameters.cache_ram_mib = settings.prompt_cache_mib
    parameters.cpuparams.n_threads = settings.threads
    parameters.cpuparams_batch.n_threads = settings.batch_threads
    parameters.cpuparams.poll = parameters.cpuparams_batch.poll = settings.poll
    parameters.hostnames = [socket_path]
    parameters.n_threads_http = 1
    parameters.ui = parameters.endpoint_slots = False
    parameters.warmup = False
    parameters.verbosity = -1
    return parameters
