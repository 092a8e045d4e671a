"""A typed client of the doors. `from serve_app.client import AvatarClient` is all one needs."""

from serve_app.client.answers import Avatar, Film, Health, Transcription, Voice
from serve_app.client.async_client import AsyncAvatarClient
from serve_app.client.client import AvatarClient
from serve_app.client.events import ClauseBegun, Done, Progress, ReplyPiece, Transcribed, TurnEvent, VideoPiece
from serve_app.turn_report import TurnReport

__all__ = [
    "AsyncAvatarClient",
    "Avatar",
    "AvatarClient",
    "ClauseBegun",
    "Done",
    "Film",
    "Health",
    "Progress",
    "ReplyPiece",
    "Transcribed",
    "Transcription",
    "TurnEvent",
    "TurnReport",
    "VideoPiece",
    "Voice",
]
