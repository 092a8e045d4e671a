"""`avatar demo`: a photo answers a spoken question, from nothing to an MP4."""

import argparse
from pathlib import Path

from deployments.weights.manifest import load_manifest
from deployments.weights.settings import WeightsSettings
from serve_app.cli.consent import asking
from serve_app.cli.models import fetch
from serve_app.cli.progress import Spinner
from serve_app.cli.server import reachable
from serve_app.cli.speaking import Shown, show
from serve_app.cli.still import save_still
from serve_app.client import AvatarClient
from serve_app.samples.catalogue import Question, question, questions
from serve_app.timings import TIMING_NAMES


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; its namespace gets `run`, a function of the namespace that returns the exit status."""
    parser = subparsers.add_parser(
        "demo",
        help="fetch what is missing, start, ask a spoken question, write the video",
        description="Fetches the weights that are missing, starts the application, asks a bundled spoken question and "
        "writes the answer as out/answer.mp4 with a still, out/answer.png.",
    )
    names = ", ".join(entry.name for entry in questions())
    parser.add_argument("--question", default=questions()[0].name, help=f"one of {names} (%(default)s)")
    parser.add_argument("--avatar", help="id of the avatar that answers")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder to write to (%(default)s)")
    parser.set_defaults(run=run_demo)


def run_demo(arguments: argparse.Namespace) -> int:
    """Exit status 0 once the files are written. Raises AvatarError."""
    asked = question(arguments.question)
    fetch(load_manifest().defaults(), WeightsSettings(), asking(()))
    with reachable(None) as client:
        shown = ask(client, asked, arguments.avatar)
    film = shown.film.save(arguments.out / "answer.mp4")
    still = save_still(shown.film.data, arguments.out / "answer.png")
    print("\n".join(["", *latency_table(shown), "", f"Video:  {film}", f"Still:  {still}"]))
    return 0


def ask(client: AvatarClient, asked: Question, avatar: str | None) -> Shown:
    print(f"Asks:   {asked.text}")
    with Spinner("listening") as spinner:
        return show(client.converse(asked.sound(), media="mp4", avatar=avatar), spinner)


def latency_table(shown: Shown) -> list[str]:
    """Where the turn's time went, a line for each timing."""
    report = shown.film.report
    lines = [f"{'seconds':>8}  what"]
    lines += [f"{seconds:8.2f}  {TIMING_NAMES.get(name, name)} ({name})" for name, seconds in report.timings.items()]
    if shown.first_media_seconds is not None:
        lines.append(f"{shown.first_media_seconds:8.2f}  from sending until the first picture, seen from here")
    lines.append(f"{report.media_seconds:8.2f}  of video")
    return lines
