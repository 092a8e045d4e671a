"""What travels between the stages, and what an engine is.

Everything here is a frozen dataclass over numpy arrays and bytes, or a protocol. No other third-party import.
Units stand in the names. Speech is mono float32 in [-1, 1]: 16 kHz to ASR and Video, the voice's own rate to the ear.
"""

import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]
"""uint8 [height, width, 3], BGR (OpenCV's order), upright."""

HEARING_RATE_HZ = 16_000
"""Sample rate of all speech that goes to ASR and to Video."""

FRAMES_PER_SECOND = 25
SAMPLES_PER_FRAME = HEARING_RATE_HZ // FRAMES_PER_SECOND
"""640 samples of 16 kHz speech drive one video frame."""


@dataclass(frozen=True, slots=True)
class Pcm:
    """Mono speech. `samples`: float32 [n] in [-1, 1]."""

    samples: Float32
    rate_hz: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate_hz


class Cancellation:
    """Withdraws work that another thread is doing.

    The worker either looks at `cancelled` between units or registers a callback that interrupts the unit
    under way (an ONNX Runtime run can be terminated). Callbacks run once, in the thread that cancels; one
    registered after the fact runs at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if not self._cancelled:
                self._callbacks.append(callback)
                return
        callback()


# --- hearing -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing said, to be transcribed. `pcm` is 16 kHz. `language`: ISO 639-1, or None to detect it."""

    pcm: Pcm
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its times from the start of the utterance as it was sent, silence included."""

    text: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard. `text` is empty when there was no speech. `seconds` is the utterance's length."""

    text: str
    language: str
    words: tuple[Word, ...]
    seconds: float


class Transcriber(Protocol):
    """Speech to text. Thread-safe for one call at a time."""

    def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript | Exception]:
        """One result per utterance, in order. A bad utterance yields its own error and spares the others."""
        ...


# --- thinking ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. `role`: system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one reply's tokens are chosen, where that differs from the configured way; None leaves it.

    `stop`: texts before which the model ends, in its own writing, which may hold markup that is not spoken.
    """

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """A conversation to be continued. The persona is the engine's configuration and not part of `messages`.

    `instructions` take the persona's place for this reply; None means the configured persona. With `report` the last
    piece is a ReplyEnd.
    `language` (ISO 639-1) is the language to answer in; None means that of the last user message.
    `prefix` is text of this very reply that was already emitted before a replica died: the answer goes on from it.
    `max_tokens` None means the configured length.
    """

    messages: tuple[Message, ...]
    language: str | None = None
    prefix: str = ""
    max_tokens: int | None = None
    instructions: str | None = None
    sampling: Sampling | None = None
    report: bool = False


class ReplyEnd(str):
    """The last piece of a reply that was asked for with `report`: an empty text, so that who joins pieces need not
    mind it, and how the reply ended.

    `cut`: a limit ended it and not the model. `prompt_tokens` and `completion_tokens`: what the model read, cached
    parts included, and wrote, unspeakable parts included; None where that is not known.
    """

    cut: bool
    prompt_tokens: int | None
    completion_tokens: int | None

    def __new__(
        cls, cut: bool = False, prompt_tokens: int | None = None, completion_tokens: int | None = None
    ) -> "ReplyEnd":
        made = super().__new__(cls, "")
        made.cut, made.prompt_tokens, made.completion_tokens = cut, prompt_tokens, completion_tokens
        return made

    def __reduce__(self) -> tuple[type["ReplyEnd"], tuple[bool, int | None, int | None]]:
        return ReplyEnd, (self.cut, self.prompt_tokens, self.completion_tokens)


class ChatModel(Protocol):
    """A language model that speaks. Several replies may run at once."""

    def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        """Speakable text in pieces, as it is made. Closing the iterator stops the work within one token."""
        ...


# --- speaking ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """One clause to be spoken.

    `voice_id`: a built-in voice's name, an enrolled voice's id, or None for the language's default voice.
    `speed` multiplies the natural pace. `seed` makes a sampling voice repeatable.
    """

    text: str
    language: str
    voice_id: str | None = None
    speed: float = 1.0
    seed: int = 0


class Synthesizer(Protocol):
    """Text to speech."""

    def enrol(self, sample: Pcm) -> bytes:
        """A voice from a sample of somebody's speech, as a blob for the store. Raises BadInput."""
        ...

    def speak(self, request: SpeechRequest, cancellation: Cancellation) -> Iterator[Pcm]:
        """Speech in pieces, all of one rate. Stops soon after a cancel, inside a graph run if need be.

        Raises NotFound for an unknown voice, Unsupported for a language it does not speak.
        """
        ...

    def voices(self) -> list[dict[str, object]]:
        """The voices that come with it: each an `id`, `name`, `language`, `gender`, `kind` and `default`."""
        ...


# --- showing -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One H.264 access unit, Annex B byte stream. `index` counts frames from the start of the stream.

    A frame with `key` set is an IDR that carries its SPS and PPS: decoding can start there.
    """

    data: bytes
    index: int
    key: bool


@dataclass(frozen=True, slots=True)
class Step:
    """The unit of batching, retry and scheduling of the video stage: some more audio for one stream.

    `pcm_16k`: float32 [n], n ≥ 0. `state` is None at the start of a stream, then whatever the last step
    returned. `final` says that no audio follows: all frames still owed come out, ⌈samples/640⌉ in all.
    `quality` 0 is the best; higher rungs are cheaper, as the engine defines them. `seed` is read with the
    first step and kept in the state.
    """

    avatar_id: str
    pcm_16k: Float32
    state: bytes | None = None
    final: bool = False
    quality: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Stepped:
    """Frames that became due, and the state to continue from. `timings`: seconds by part (analyse, render, encode)."""

    frames: tuple[EncodedFrame, ...]
    state: bytes
    timings: Mapping[str, float] = field(default_factory=dict)


class Animator(Protocol):
    """A photo and speech to moving pictures.

    Frames depend on (avatar, configuration, seed, all audio so far, quality) and on nothing else: any split of
    the same audio gives the same frames. Groups of frames lie on a fixed grid of absolute frame indices.
    """

    lookahead_samples: int
    """16 kHz samples beyond a frame's own end that the engine needs before it can make the frame."""
    frame_size: tuple[int, int]
    """(width, height) in pixels, both even."""
    fingerprint: str
    """Hex digits that change with whatever else shows in the frames: settings, models, code, built-in portraits."""

    def enrol(self, portrait: Image) -> bytes:
        """All that the engine derives from a photo, as a blob for the store. Raises BadInput with the reason."""
        ...

    def step(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
        """One result per step, in order. A bad step yields its own error and spares the others."""
        ...
