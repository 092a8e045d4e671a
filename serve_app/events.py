"""What goes into a turn and what comes out of it: named messages between the conversation and its doors."""

from dataclasses import dataclass, field

from deployments.contracts import FRAMES_PER_SECOND, EncodedFrame, Message, Pcm, ReplyEnd, Transcript, Utterance


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One turn. Exactly one of `utterance` (speech), `text` (what the person typed) and `script` (to be spoken as is).

    `voice_id` and `avatar_id` None mean the language's default voice and the configured avatar. `language` None
    means that of the speech or text. `paced` holds generation a few seconds ahead of playback and fills pauses with
    a living face; without it the turn is made as fast as it goes. `instructions` None means the configured persona,
    `max_tokens` None the configured length. Without `picture` the video stage does no work, `speed` multiplies the
    voice's natural pace.
    """

    turn_id: str
    utterance: Utterance | None = None
    text: str | None = None
    script: str | None = None
    history: tuple[Message, ...] = ()
    language: str | None = None
    voice_id: str | None = None
    avatar_id: str | None = None
    seed: int = 0
    paced: bool = False
    instructions: str | None = None
    max_tokens: int | None = None
    picture: bool = True
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Heard:
    """The person's words. `at_seconds` here and below: wall time since the turn began."""

    transcript: Transcript
    at_seconds: float


@dataclass(frozen=True, slots=True)
class ReplyText:
    """The next piece of the answer's text."""

    text: str
    at_seconds: float


@dataclass(frozen=True, slots=True)
class Speaking:
    """A clause whose sound begins at `start_seconds` of media time; it comes before the media it announces."""

    text: str
    start_seconds: float
    at_seconds: float


@dataclass(frozen=True, slots=True)
class Media:
    """One fragment: picture, and the sound that follows on the last fragment's.

    The sound runs up to 120 ms ahead of the picture, and ends with it. `filled_seconds` of it are silence that the
    speech did not ask for: it had run dry. A turn without a picture has no frames, and no filled silence.
    """

    frames: tuple[EncodedFrame, ...]
    pcm: Pcm
    filled_seconds: float
    at_seconds: float

    @property
    def seconds(self) -> float:
        """How much media time it adds."""
        return len(self.frames) / FRAMES_PER_SECOND if self.frames else self.pcm.seconds


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is complete. `timings` in seconds, by the names in `serve_app.timings`.

    `reply_end` says how the language model ended, where it was asked and told so.
    """

    reply: str
    language: str
    media_seconds: float
    filled_seconds: float
    timings: dict[str, float] = field(default_factory=dict)
    at_seconds: float = 0.0
    reply_end: ReplyEnd | None = None


Event = Heard | ReplyText | Speaking | Media | Ended
