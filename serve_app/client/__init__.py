"""A typed client of the doors. `from serve_app.client import AvatarClient` is all one needs."""

from serve_app.client.answers import Avatar, Film, Health, Transcription, Voice
from serve_app.client.async_client import AsyncAvatarClient
from serve_app.client.client import AvatarClient
from serve_app.client.events import ClauseBegun, Done, Progress, ReplyPiece, Transcribed, TurnEvent, VideoPiece
from serve_app.client.jobs import Job, JobFilm, Outcome
from serve_app.client.realtime import RealtimeConversation
from serve_app.client.realtime_asking import Talking, Ticket
from serve_app.client.realtime_closing import SessionClosed
from serve_app.client.realtime_events import (
    AnswerBegun,
    AnswerDone,
    Caption,
    HeardAll,
    HeardPiece,
    ItemDone,
    MediaPiece,
    Queued,
    RealtimeEvent,
    Refusal,
    SpeechStarted,
    SpeechStopped,
)
from serve_app.client.realtime_player import Position, Stall, VirtualPlayer
from serve_app.turn_report import TurnReport

__all__ = [
    "AnswerBegun",
    "AnswerDone",
    "AsyncAvatarClient",
    "Avatar",
    "AvatarClient",
    "Caption",
    "ClauseBegun",
    "Done",
    "Film",
    "Health",
    "HeardAll",
    "HeardPiece",
    "ItemDone",
    "Job",
    "JobFilm",
    "MediaPiece",
    "Outcome",
    "Position",
    "Progress",
    "Queued",
    "RealtimeConversation",
    "RealtimeEvent",
    "Refusal",
    "ReplyPiece",
    "SessionClosed",
    "SpeechStarted",
    "SpeechStopped",
    "Stall",
    "Talking",
    "Ticket",
    "Transcribed",
    "Transcription",
    "TurnEvent",
    "TurnReport",
    "VideoPiece",
    "VirtualPlayer",
    "Voice",
]
