"""Batch size against latency: the configured engines of picture and hearing in this process, fed by hand."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.configuration import default_args
from benchmarks.portrait_engine import nowhere, speech
from benchmarks.record import SECONDS, SPEED, Measure, measures_of
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.sound import recording
from deployments.contracts import FRAMES_PER_SECOND, HEARING_RATE_HZ, Animator, Pcm, Step, Transcriber, Utterance
from deployments.errors import BadInput
from deployments.video.builtins import DEFAULT_AVATAR
from deployments.video.grid import GROUP_SAMPLES
from serve_app.args import AppArgs
from serve_app.client.failures import broken_off
from serve_app.samples.catalogue import questions

Batches = Callable[[int], Callable[[], float]]
"""Size → what runs one batch of it and returns how many seconds of media or speech that was."""


def run(bench: Bench) -> Outcome:
    """Steps of one group of frames, each of another stream; utterances, each another question. Raises BadInput."""
    args = AppArgs.model_validate(default_args({}, bench.config))
    stages = [name for name in str(bench.options["stages"]).split(",") if name]
    unknown = sorted(set(stages) - {"video", "asr"})
    if unknown:
        raise BadInput(f"--stages are video and asr, not {unknown[0]}.")
    measures: list[Measure] = []
    figures: dict[str, Any] = {}
    for stage in stages:
        bench.tell(f"loading the engine of {stage}")
        batches = _pictures(args) if stage == "video" else _hearing(args)
        figures[stage], found = measured(batches, stage, bench)
        measures += found
    return Outcome(measures, figures)


def measured(batches: Batches, stage: str, bench: Bench) -> tuple[list[dict[str, Any]], list[Measure]]:
    """Each size, after one batch that warms it up. Latency is that of the whole batch: who is in it waits for all.
    Processor time is that of this process, which other work on the machine lengthens less."""
    figures, measures = [], []
    for size in bench.options["sizes"]:
        one = batches(size)
        one()
        rows = []
        for _ in range(int(bench.options["steps"])):
            start, busy = time.perf_counter(), time.process_time()
            media = one()
            seconds, busy = time.perf_counter() - start, time.process_time() - busy
            row = {"batch_seconds": seconds, "processor_seconds": busy, "media_seconds_per_second": media / seconds}
            rows.append(row)
        group: dict[str, str | int] = {"stage": stage, "batch": size}
        measures += measures_of(rows, {"batch_seconds": SECONDS, "processor_seconds": SECONDS}, "lower", group=group)
        measures += measures_of(rows, {"media_seconds_per_second": SPEED}, "higher", group=group)
        figures.append({"batch": size, "rows": rows})
        middle = sorted(row["batch_seconds"] for row in rows)[len(rows) // 2]
        bench.tell(f"{stage}: {size} together take {1000 * middle:.1f} ms")
    return figures, measures


def _pictures(args: AppArgs) -> Batches:
    from deployments.video.engines import build_engine

    return of_animator(build_engine(args.video, nowhere, args.weights))


def of_animator(animator: Animator, avatar_id: str = DEFAULT_AVATAR) -> Batches:
    """Streams of the sample questions, each from another place in them and with a seed of its own."""
    from benchmarks.conversation import QUESTIONS

    sound = speech(sorted(QUESTIONS.glob("*.wav")), 60.0)

    def batches(size: int) -> Callable[[], float]:
        states: list[bytes | None] = [None] * size
        at = [number * len(sound) // size for number in range(size)]

        def one() -> float:
            steps = []
            for number, start in enumerate(at):
                piece = np.take(sound, np.arange(start, start + GROUP_SAMPLES), mode="wrap")
                steps.append(Step(avatar_id, piece, states[number], seed=number))
                at[number] = start + GROUP_SAMPLES
            frames = 0
            for number, answer in enumerate(animator.step(steps)):
                if isinstance(answer, Exception):
                    raise answer
                states[number] = answer.state
                frames += len(answer.frames)
            return frames / FRAMES_PER_SECOND

        # the first steps of a stream owe no frames yet: the engine wants to hear further than it shows
        while not one():
            continue
        return one

    return batches


def _hearing(args: AppArgs) -> Batches:
    from deployments.asr.engines import build_engine

    return of_transcriber(build_engine(args.asr, args.weights))


def of_transcriber(transcriber: Transcriber) -> Batches:
    spoken = [Utterance(Pcm(recording(one, HEARING_RATE_HZ), HEARING_RATE_HZ), one.language) for one in questions()]

    def batches(size: int) -> Callable[[], float]:
        utterances = [spoken[number % len(spoken)] for number in range(size)]
        return lambda: _heard(transcriber, utterances)

    return batches


def _heard(transcriber: Transcriber, utterances: Sequence[Utterance]) -> float:
    found = transcriber.transcribe(utterances)
    if len(found) != len(utterances):
        raise broken_off()
    for one in found:
        if isinstance(one, Exception):
            raise one
    return sum(utterance.pcm.seconds for utterance in utterances)
