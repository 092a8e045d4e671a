"""What Ray Serve adds: the same turns over Serve handles and over the same engines called in one process.

    python -m benchmarks.serve_cost

Replies are made repeatable (temperature 0), turns unpaced, both ways in turn on the same machine. In one process the
engines share one interpreter lock; over Serve they do not, so the difference can be negative.
Writes benchmarks/results/serve_cost-*.json.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.application import running_application
from benchmarks.configuration import DEFAULT, changed_configuration, default_args
from benchmarks.conversation import QUESTIONS
from benchmarks.machine import write_result
from benchmarks.record import SECONDS, SHARE, Measure, measures_of
from deployments.contracts import Utterance
from serve_app.args import AppArgs
from serve_app.conversation import converse
from serve_app.events import Ended, Media, TurnRequest
from serve_app.local_stages import LocalStages
from serve_app.media.decode import decode_audio
from serve_app.media.fragments import FragmentWriter
from serve_app.media.settings import MediaLimits
from serve_app.turn_report import report_in

REPEATABLE: dict[str, Any] = {"llm": {"sampling": {"temperature": 0, "seed": 7}}}
ROUNDS = 3


def local_stages(config: Path = DEFAULT) -> LocalStages:
    """The engines of the default configuration, or of another one, in this process."""
    from deployments.asr.engines import build_engine as build_transcriber
    from deployments.llm.engines import build_engine as build_chat_model
    from deployments.tts.engines import build_engine as build_synthesizer
    from deployments.video.engines import build_engine as build_animator

    args = AppArgs.model_validate(default_args(REPEATABLE, config))
    return LocalStages(
        build_transcriber(args.asr, args.weights),
        build_chat_model(args.llm, args.weights),
        build_synthesizer(args.tts, args.weights, _no_uploads),
        build_animator(args.video, _no_uploads, args.weights),
    )


def _no_uploads(name: str) -> bytes:
    raise KeyError(name)


def in_one_process(questions: list[Path], rounds: int) -> list[dict[str, Any]]:
    stages = local_stages()
    return [asyncio.run(local_turn(stages, path)) for path in [questions[0], *questions * rounds]][1:]


async def local_turn(stages: LocalStages, path: Path) -> dict[str, Any]:
    """One turn through engines in this process, with the container that the doors would send."""
    start = time.perf_counter()
    pcm = decode_audio(path.read_bytes(), MediaLimits())
    writer: FragmentWriter | None = None
    size = (await stages.describe_video()).frame_size
    async for event in converse(TurnRequest("bench", utterance=Utterance(pcm)), stages, AppArgs().conversation):
        if isinstance(event, Media):
            writer = writer or FragmentWriter(size)
            writer.fragment(event.frames, event.pcm)
        if isinstance(event, Ended):
            return {
                "question": path.name,
                "seconds": time.perf_counter() - start,
                "media_seconds": event.media_seconds,
                "timings": event.timings,
            }
    raise AssertionError("a turn ends with Ended or an error")


def over_serve(questions: list[Path], rounds: int) -> list[dict[str, Any]]:
    with changed_configuration(REPEATABLE) as config, running_application(config) as application:
        return served_turns(application.url, questions, rounds)


def served_turns(url: str, questions: list[Path], rounds: int) -> list[dict[str, Any]]:
    """Each question so many times as a whole file from the server, after one turn that warms it up."""
    with httpx.Client(base_url=url, timeout=120) as client:
        return [_request(client, path) for path in [questions[0], *questions * rounds]][1:]


def _request(client: httpx.Client, path: Path) -> dict[str, Any]:
    start = time.perf_counter()
    headers = {"Content-Type": "audio/wav"}
    answer = client.post("/conversation", params={"format": "mp4"}, content=path.read_bytes(), headers=headers)
    seconds = time.perf_counter() - start
    answer.raise_for_status()
    report = report_in(answer.content)
    assert report is not None
    return {
        "question": path.name,
        "seconds": seconds,
        "media_seconds": report.media_seconds,
        "timings": report.timings,
    }


def typical_seconds(turns: list[dict[str, Any]], question: str) -> float:
    """The median length of a question's turns. Answers are the same each time, so questions are compared one by one."""
    return median(float(turn["seconds"]) for turn in turns if turn["question"] == question)


def measured(over: list[dict[str, Any]], here: list[dict[str, Any]]) -> list[Measure]:
    """The turns' lengths either way, and what Serve adds to each question's."""
    names = sorted({row["question"] for row in over} & {row["question"] for row in here})
    added = tuple(typical_seconds(over, name) / typical_seconds(here, name) - 1 for name in names)
    return [
        *measures_of(over, {"seconds": SECONDS}, "lower", "question", {"way": "over Serve"}),
        *measures_of(here, {"seconds": SECONDS}, "lower", "question", {"way": "in one process"}),
        Measure("serve_adds", SHARE, added, "lower"),
    ]


def main() -> None:
    questions = sorted(QUESTIONS.glob("*.wav"))[::2]
    ways: dict[str, Callable[[list[Path], int], list[dict[str, Any]]]] = {
        "over_serve": over_serve,
        "in_one_process": in_one_process,
    }
    figures: dict[str, Any] = {name: measure(questions, ROUNDS) for name, measure in ways.items()}
    medians = {name: {path.name: typical_seconds(figures[name], path.name) for path in questions} for name in ways}
    figures["median_seconds"] = medians
    figures["serve_adds_fraction"] = median(
        medians["over_serve"][path.name] / medians["in_one_process"][path.name] - 1 for path in questions
    )
    print(json.dumps({key: figures[key] for key in ("median_seconds", "serve_adds_fraction")}, indent=2))
    measures = measured(figures["over_serve"], figures["in_one_process"])
    print(write_result("serve_cost", sys.argv, figures, measures=measures))


if __name__ == "__main__":
    main()
