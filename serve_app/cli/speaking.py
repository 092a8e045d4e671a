"""What `talk`, `say` and `demo` share: their options, and a turn shown while it is made."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deployments.errors import BadInput
from serve_app.cli.progress import Spinner
from serve_app.client import (
    AvatarClient,
    Done,
    Film,
    Progress,
    ReplyPiece,
    Transcribed,
    TurnEvent,
    VideoPiece,
)
from serve_app.client.asking import Spoken
from serve_app.client.failures import broken_off


@dataclass(frozen=True, slots=True)
class Shown:
    """A finished turn. `first_media_seconds`: by this machine's clock, from sending until its first picture."""

    film: Film
    first_media_seconds: float | None


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, help="MP4 file to write")
    parser.add_argument("--avatar", help="id of an avatar, or a photo to be used as one (needs --consent)")
    parser.add_argument("--voice", help="id of a voice, or a recording of the voice to speak like (needs --consent)")
    parser.add_argument("--consent", action="store_true", help="the person in the photo or recording agrees to its use")
    parser.add_argument("--language", help="language spoken: en, es, zh; by default that of the words")
    parser.add_argument("--seed", type=int, default=0, help="seed of all chance in picture and speech")
    parser.add_argument("--url", help="a running server; without one it is looked for on this machine, or started")
    parser.add_argument(
        "--insecure", action="store_true", help="take whatever certificate the server shows; better: SSL_CERT_FILE=..."
    )


def spoken_of(arguments: argparse.Namespace, client: AvatarClient) -> Spoken:
    """The options as fields of a request. Files are uploaded first. Raises BadInput where their consent is missing."""
    avatar, voice = arguments.avatar, arguments.voice
    if avatar is not None and Path(avatar).is_file():
        avatar = client.add_avatar(avatar, consent=_agreed(arguments, avatar), name=Path(avatar).stem).id
    if voice is not None and Path(voice).is_file():
        voice = client.add_voice(voice, consent=_agreed(arguments, voice), name=Path(voice).stem).id
    return Spoken(language=arguments.language, voice=voice, avatar=avatar, seed=arguments.seed)


def show(events: Iterable[TurnEvent], spinner: Spinner) -> Shown:
    """Prints what is heard and answered as it comes. Raises what the turn raises."""
    data = b""
    seconds = 0.0
    first: float | None = None
    reply = ""
    for event in events:
        if isinstance(event, Transcribed):
            spinner.note(f"Heard:  {event.text}")
            spinner.say("thinking")
        elif isinstance(event, ReplyPiece):
            reply += event.text
        elif isinstance(event, Progress):
            first = spinner.seconds if first is None else first
            seconds += event.seconds
            spinner.say(f"made {seconds:.1f} s of video" if seconds % 2 < event.seconds else spinner.text)
        elif isinstance(event, VideoPiece):
            data += event.data
        elif isinstance(event, Done):
            spinner.note(f"Says:   {event.report.reply.strip()}")
            return Shown(Film(data, event.report), first)
    raise broken_off()


def wrote(shown: Shown, path: Path) -> str:
    report = shown.film.report
    return f"Wrote:  {path}  ({report.media_seconds:.1f} s of video in {report.timings.get('total', 0):.1f} s)"


def _agreed(arguments: argparse.Namespace, file: str) -> bool:
    if not arguments.consent:
        raise BadInput(f"{file} shows or sounds like a person. Add --consent to say that this person agrees.")
    return True
