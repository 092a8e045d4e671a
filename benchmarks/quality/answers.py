"""Answers of the product, measured: `python -m benchmarks.quality.answers [QUESTION ...] [--script TEXT ...]`.

Each shipped spoken question that is named (one of each language by default) is put through all engines of the default
configuration in this process: recognised, answered, spoken and shown, and written as the fragmented MP4 that the doors
send. A script is spoken as it is. Each film is measured against the portrait and the text of the reply. Prints a table
of each and writes benchmarks/results/quality-TIME.json with every sample.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.machine import write_result
from benchmarks.quality.measure import measure
from benchmarks.quality.measures import film_measures, film_row, language_in
from benchmarks.quality.report import ROWS, plain, table, value_at
from benchmarks.serve_cost import local_stages
from deployments.contracts import Utterance
from deployments.video.builtins import built_in_avatars
from serve_app.args import AppArgs
from serve_app.conversation import converse
from serve_app.events import Ended, Heard, Media, TurnRequest
from serve_app.media.decode import decode_audio
from serve_app.media.fragments import FragmentWriter
from serve_app.media.settings import MediaLimits
from serve_app.samples.catalogue import question
from serve_app.stages import Stages
from serve_app.turn_report import TurnReport

DEFAULT_QUESTIONS = ("en-sky", "es-capital", "zh-travel")


def spoken(name: str) -> TurnRequest:
    """A turn that answers a shipped question."""
    return TurnRequest(name, utterance=Utterance(decode_audio(question(name).sound(), MediaLimits())))


async def film_of(stages: Stages, request: TurnRequest) -> bytes:
    """The answer as the doors send it, unpaced, with its report at the end."""
    writer = FragmentWriter((await stages.describe_video()).frame_size)
    pieces: list[bytes] = []
    heard = ""
    async for event in converse(request, stages, AppArgs().conversation):
        if isinstance(event, Media):
            pieces.append(writer.fragment(event.frames, event.pcm))
        if isinstance(event, Heard):
            heard = event.transcript.text
        if isinstance(event, Ended):
            media, filled = event.media_seconds, event.filled_seconds
            report = TurnReport(request.turn_id, heard, event.reply, event.language, media, filled, event.timings)
            pieces += [writer.finish(), report.as_box()]
    return b"".join([writer.init_segment(), *pieces])


def measured(stages: Stages, request: TurnRequest, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Makes one answer, measures it and prints what was found. Returns its figures, and the row that is compared."""
    path = folder / f"{request.turn_id}.mp4"
    path.write_bytes(asyncio.run(film_of(stages, request)))
    quality = measure(path, built_in_avatars()[AppArgs().conversation.avatar])
    row = film_row(quality, request.turn_id, language_in(path, quality))
    print(f"\n{request.turn_id}\n{table(quality)}", flush=True)
    summary = {path: plain(value_at(quality, path)) for _, path, _, _ in ROWS}
    return {"turn": request.turn_id, "bytes": path.stat().st_size, "summary": summary, **plain(quality)}, row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"names, such as {DEFAULT_QUESTIONS[0]}")
    parser.add_argument("--script", nargs="+", default=[], metavar="TEXT", help="to be spoken as it is")
    parser.add_argument("--films", type=Path, help="folder in which the films are kept")
    given = parser.parse_args()
    names = given.questions or (() if given.script else DEFAULT_QUESTIONS)
    requests = [spoken(name) for name in names]
    requests += [TurnRequest(f"script-{number}", script=text) for number, text in enumerate(given.script, start=1)]
    stages = local_stages()
    with TemporaryDirectory(prefix="answers-") as passing:
        folder = given.films or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        found = [measured(stages, each, folder) for each in requests]
    command = ["python", "-m", "benchmarks.quality.answers", *sys.argv[1:]]
    figures = {"answers": [answer for answer, _ in found]}
    measures = film_measures([row for _, row in found])
    arguments = {"questions": list(names), "script": given.script}
    print("written to", write_result("quality", command, figures, measures=measures, arguments=arguments))


if __name__ == "__main__":
    main()
