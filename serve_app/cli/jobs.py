"""`avatar jobs`: videos that a running server makes when it has time."""

import argparse
from datetime import datetime
from pathlib import Path

from deployments.errors import BadInput
from serve_app.cli.progress import Spinner
from serve_app.client import AvatarClient, Job
from serve_app.client.jobs import Ordered


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; its namespace gets `run`, a function of the namespace that returns the exit status."""
    parser = subparsers.add_parser("jobs", help="videos that a running server makes beside the people it talks to")
    verbs = parser.add_subparsers(title="what to do", metavar="VERB", required=True)
    submit = verbs.add_parser("submit", help="order a video; prints its id")
    submit.add_argument("text", nargs="?", metavar="TEXT", help="what is to be said")
    submit.add_argument("--audio", type=Path, help="instead of a text, the recording of a question to be answered")
    for name, text in (("avatar", "id of an avatar"), ("voice", "id of a voice"), ("language", "en, es or zh")):
        submit.add_argument(f"--{name}", help=text)
    submit.add_argument("--seed", type=int, default=0, help="seed of all chance in picture and speech")
    submit.add_argument("--key", help="idempotency key: the same key gives the same video, however often it is sent")
    submit.add_argument("-o", "--output", type=Path, help="wait for the video and write it to this MP4 file")
    submit.set_defaults(run=_submit)
    listed = verbs.add_parser("list", help="all videos that the server keeps, the newest first")
    listed.set_defaults(run=_list)
    get = verbs.add_parser("get", help="how a video stands; with -o, wait for it")
    get.add_argument("-o", "--output", type=Path, help="MP4 file to write once it is done")
    get.set_defaults(run=_get)
    delete = verbs.add_parser("delete", help="delete a video; work on it stops")
    delete.set_defaults(run=_delete)
    for verb in (get, delete):
        verb.add_argument("id", metavar="ID")
    for verb in (submit, listed, get, delete):
        verb.add_argument("--url", help="the server; AVATAR_URL, or this machine's, where none is given")
        verb.add_argument("--insecure", action="store_true", help="take whatever certificate the server shows")


def _client(arguments: argparse.Namespace) -> AvatarClient:
    return AvatarClient(arguments.url, verify=not arguments.insecure)


def _submit(arguments: argparse.Namespace) -> int:
    """Raises AvatarError."""
    if (arguments.text is None) == (arguments.audio is None):
        raise BadInput("Give either a text or --audio with a recording.")
    if arguments.audio is not None and not arguments.audio.is_file():
        raise BadInput(f"There is no file {arguments.audio}.")
    fields = Ordered(
        language=arguments.language, voice=arguments.voice, avatar=arguments.avatar, seed=arguments.seed
    )  # fmt: skip
    with _client(arguments) as client:
        job = client.submit(arguments.text, audio=arguments.audio, idempotency_key=arguments.key, **fields)
        if arguments.output is None:
            print(job.id)
        else:
            _fetch(client, job, arguments.output)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    with _client(arguments) as client:
        for job in client.jobs():
            print(_line(job))
    return 0


def _get(arguments: argparse.Namespace) -> int:
    with _client(arguments) as client:
        job = client.job(arguments.id)
        if arguments.output is not None:
            _fetch(client, job, arguments.output)
            return 0
        print(_line(job))
        if job.error is not None:
            print(f"  {job.error.code}: {job.error.message}")
        for name, seconds in job.durations.items():
            print(f"  {name:<8} {seconds:8.1f} s")
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    with _client(arguments) as client:
        client.cancel(arguments.id)
    print(f"Deleted {arguments.id}.")
    return 0


def _fetch(client: AvatarClient, job: Job, output: Path) -> None:
    with Spinner(job.status) as spinner:
        film = client.result(job, progress=lambda job: spinner.say(f"{job.status} {job.progress} %"))
        film.save(output)
        spinner.note(f"Wrote {output}: {film.job.seconds:.1f} s of video, {film.job.durations['total']:.1f} s of work")


def _line(job: Job) -> str:
    created = datetime.fromtimestamp(job.created_at).strftime("%Y-%m-%d %H:%M:%S")
    said = (job.prompt or job.transcript or "(a question)").replace("\n", " ")
    return f"{job.id}  {created}  {job.status:<11} {job.progress:3d} %  {said[:40]}"
