"""The `avatar` command."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from deployments.errors import AvatarError
from serve_app.cli import bench, demo, doctor, engines, jobs, key, models, serve, talk

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command. Returns its exit status: 0 done, 1 a typed error (told on stderr), 2 misuse, 130 Ctrl-C."""
    arguments = parser().parse_args(words)
    # shells start background jobs with SIGINT ignored, and our child would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(arguments.run(arguments))
    except AvatarError as error:
        print(f"avatar: {error.message}", file=sys.stderr)
        for note in getattr(error, "__notes__", []):
            print(f"        ({note})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # who read our output has gone; what Python would still flush at its end goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A polite kill ends a command as Ctrl-C does: what it has started is shut down."""
    raise KeyboardInterrupt


def parser() -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(
        prog="avatar",
        description="Talk to a photo: speech in, a talking video out.",
        epilog="Start with: avatar demo. Then: avatar serve in one terminal, avatar talk question.wav -o out.mp4 in "
        "another.",
    )
    subparsers = command.add_subparsers(title="commands", metavar="COMMAND", required=True)
    demo.add_parser(subparsers)
    serve.add_parser(subparsers)
    talk.add_parsers(subparsers)
    jobs.add_parser(subparsers)
    models.add_parser(subparsers)
    engines.add_parser(subparsers)
    doctor.add_parser(subparsers)
    bench.add_parser(subparsers)
    key.add_parser(subparsers)
    return command


if __name__ == "__main__":
    sys.exit(main())
