"""How many people one card holds: streams of speech through the profile's own video engine, as many as keep up.

`avatar bench capacity` runs it. Every stream gets 200 ms of speech a round, all of a replica's in one batch, round
after round without a pause. So many people are held as long as the slowest second of media, of any replica, took no
more than a second less the margin, which is left to voice, ears and chance. Replicas are processes that share the card.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Empty
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks import record
from deployments.contracts import SAMPLES_PER_FRAME, Animator, Float32, Step, Stepped
from deployments.errors import AvatarError, EngineFailed, NotFound
from deployments.video.builtins import DEFAULT_AVATAR
from deployments.video.encoding import GROUP_FRAMES
from serve_app.args import AppArgs

ROUND_SECONDS = GROUP_FRAMES * SAMPLES_PER_FRAME / 16_000
ROUNDS_A_SECOND = round(1 / ROUND_SECONDS)
SAMPLES = Path(__file__).resolve().parents[2] / "serve_app" / "samples"
WARM_UP_ROUNDS = 10
PATIENCE_SECONDS = 600.0
Measure = Callable[[int, int], "Trial"]


@dataclass(frozen=True, slots=True)
class Trial:
    """So many people on so many replicas; seconds that the slowest second of media took, and the middle one."""

    people: int
    replicas: int
    slowest_second: float
    middle_second: float


@dataclass(frozen=True, slots=True)
class Found:
    """`people` 0: not even one. `replicas`: the fewest with which that was so."""

    people: int
    replicas: int
    trials: tuple[Trial, ...]


def search(measure: Measure, most_people: int, replicas: Sequence[int], margin: float) -> Found:
    """More people, until no number of replicas holds them; never more replicas than people."""
    trials: list[Trial] = []
    people, chosen = 0, min(replicas)
    for wanted in range(1, most_people + 1):
        tried = [measure(wanted, count) for count in sorted(replicas) if count <= wanted]
        trials += tried
        held = [trial for trial in tried if trial.slowest_second <= 1 - margin]
        if not held:
            break
        people, chosen = wanted, held[0].replicas
    return Found(people, chosen, tuple(trials))


def speech(seconds: float) -> Float32:
    """The sample questions one after the other at 16 kHz, over and over."""
    import soundfile
    import soxr

    pieces = []
    for path in sorted(SAMPLES.rglob("*.wav")):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        pieces.append(soxr.resample(samples.mean(axis=1), rate, 16_000).astype(np.float32))
    whole: Float32 = np.resize(np.concatenate(pieces), int(seconds * 16_000))
    return whole


def rounds(animator: Animator, people: int, seconds: float, most: int, ready: Callable[[], None]) -> list[float]:
    """Seconds of each round: 200 ms of each person's speech, in batches of at most `most` steps. After some rounds that
    do not count, and after `ready` has returned. Raises what the engine answers instead of frames."""
    sound = speech(seconds + WARM_UP_ROUNDS * ROUND_SECONDS)
    size = GROUP_FRAMES * SAMPLES_PER_FRAME
    states: list[bytes | None] = [None] * people
    took: list[float] = []
    for number, start in enumerate(range(0, len(sound) - size + 1, size)):
        if number == WARM_UP_ROUNDS:
            ready()
            took.clear()
        steps = [
            Step(DEFAULT_AVATAR, np.roll(sound, 997 * person)[start : start + size], state, seed=person)
            for person, state in enumerate(states)
        ]
        began = perf_counter()
        answers = [one for first in range(0, people, most) for one in animator.step(steps[first : first + most])]
        took.append(perf_counter() - began)
        for person, answer in enumerate(answers):
            if not isinstance(answer, Stepped):
                raise answer
            states[person] = answer.state
    return took


def seconds_of_media(took: Sequence[float]) -> list[float]:
    """What each second of media took: sums of five rounds in a row, since not every round has a window to think about.

    Raises EngineFailed for less than a second.
    """
    if len(took) < ROUNDS_A_SECOND:
        raise EngineFailed("Less than a second of media was made. Measure for longer: --seconds.")
    summed: list[float] = np.convolve(took, np.ones(ROUNDS_A_SECOND), "valid").tolist()
    return summed


def measured_in_processes(args: AppArgs, seconds: float) -> Measure:
    """Each replica a process with an engine of its own, all at once on the same card."""

    def measure(people: int, replicas: int) -> Trial:
        context = multiprocessing.get_context("spawn")
        answers: Queue[list[float] | str] = context.Queue()
        start = context.Barrier(replicas)
        shares = [people // replicas + (number < people % replicas) for number in range(replicas)]
        processes = [
            context.Process(target=_replica, args=(args.model_dump_json(), share, seconds, start, answers), daemon=True)
            for share in shares
        ]
        for process in processes:
            process.start()
        found: list[float] = []
        try:
            for _ in processes:
                try:
                    answer = answers.get(timeout=PATIENCE_SECONDS + seconds * people * 10)
                except Empty as error:
                    raise EngineFailed("A replica gave no answer: it was killed, or it hangs.") from error
                if isinstance(answer, str):
                    raise EngineFailed(answer)
                found += seconds_of_media(answer)
        finally:
            for process in processes:
                process.terminate()
        return Trial(people, replicas, max(found), float(np.median(found)))

    return measure


def _replica(args: str, people: int, seconds: float, start: Barrier, answers: "Queue[list[float] | str]") -> None:
    try:
        settings = AppArgs.model_validate_json(args)
        from deployments.video.engines import build_engine

        engine = build_engine(settings.video, _nobody, settings.weights)
        most = settings.video.max_batch_steps
        answers.put(rounds(engine, people, seconds, most, lambda: _wait(start)))
    except AvatarError as error:
        answers.put(error.message)
    except Exception as error:
        answers.put(f"{type(error).__name__}: {error}")
    finally:
        start.abort()


def _wait(start: Barrier) -> None:
    start.wait(PATIENCE_SECONDS)


def _nobody(avatar_id: str) -> bytes:
    raise NotFound(f"There is no avatar {avatar_id!r}.")


def as_measures(found: Found) -> list[record.Measure]:
    """How many, and for each trial the seconds that a second of media took."""
    measures = [record.Measure("people", record.COUNT, (float(found.people),), "higher", exact=True)]
    for trial in found.trials:
        group: dict[str, str | int] = {"people": trial.people, "replicas": trial.replicas}
        measures.append(record.Measure("slowest_second", record.SECONDS, (trial.slowest_second,), "lower", group))
        measures.append(record.Measure("middle_second", record.SECONDS, (trial.middle_second,), "lower", group))
    return measures


def as_figures(found: Found, margin: float, seconds: float) -> dict[str, Any]:
    """For benchmarks/results/."""
    trials = [
        {
            "people": trial.people,
            "replicas": trial.replicas,
            "slowest_second": round(trial.slowest_second, 4),
            "middle_second": round(trial.middle_second, 4),
            "frames_per_second_for_each": round(GROUP_FRAMES * ROUNDS_A_SECOND / trial.middle_second, 1),
        }
        for trial in found.trials
    ]
    return {
        "people": found.people,
        "replicas": found.replicas,
        "margin": margin,
        "seconds": seconds,
        "trials": trials,
    }
