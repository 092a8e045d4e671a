"""`avatar talk` and `avatar say`: one turn, or one text, as an MP4."""

import argparse
from pathlib import Path

from deployments.errors import BadInput
from serve_app.cli.progress import Spinner
from serve_app.cli.server import reachable
from serve_app.cli.speaking import add_options, show, spoken_of, wrote


def add_parsers(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands; their namespace gets `run`, a function of the namespace that returns the exit status."""
    talk = subparsers.add_parser("talk", help="a spoken question in, a talking video of the answer out")
    talk.add_argument("audio", type=Path, metavar="AUDIO", help="recording of the question: WAV, MP3, M4A, Ogg, FLAC")
    talk.set_defaults(run=run_talk)
    say = subparsers.add_parser("say", help="a text in, a talking video that says it out")
    say.add_argument("text", metavar="TEXT", help="what is to be said")
    say.set_defaults(run=run_say)
    for parser in (talk, say):
        add_options(parser)


def run_talk(arguments: argparse.Namespace) -> int:
    """Raises AvatarError."""
    if not arguments.audio.is_file():
        raise BadInput(f"There is no file {arguments.audio}.")
    with reachable(arguments.url, not arguments.insecure) as client, Spinner("listening") as spinner:
        spoken = spoken_of(arguments, client)
        shown = show(client.converse(arguments.audio, media="mp4", **spoken), spinner)
        shown.film.save(arguments.output)
        spinner.note(wrote(shown, arguments.output))
    return 0


def run_say(arguments: argparse.Namespace) -> int:
    """Raises AvatarError."""
    with reachable(arguments.url, not arguments.insecure) as client, Spinner("speaking") as spinner:
        spoken = spoken_of(arguments, client)
        shown = show(client.say_events(arguments.text, media="mp4", **spoken), spinner)
        shown.film.save(arguments.output)
        spinner.note(wrote(shown, arguments.output))
    return 0
