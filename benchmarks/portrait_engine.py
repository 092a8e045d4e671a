"""CPU time of the portrait engine per frame, by part, on one core: `python -m benchmarks.portrait_engine`.

Speech goes in as it does in a turn, 200 ms a step with the state packed and unpacked in between. Measured is the
process's CPU time, which other load on the machine lengthens less than it does wall time; the target is 10 ms a frame.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from benchmarks.machine import write_result
from benchmarks.record import BYTES, measures_of
from deployments.contracts import FRAMES_PER_SECOND, HEARING_RATE_HZ, Float32, Step, Stepped
from deployments.errors import NotFound
from deployments.video.builtins import built_in_avatars
from deployments.video.grid import GROUP_SAMPLES
from deployments.video.portrait.animator import PortraitAnimator
from deployments.video.settings import PortraitSettings

SAMPLES = Path(__file__).resolve().parent.parent / "serve_app" / "samples"
TARGET_MILLISECONDS = 10.0


def speech(paths: list[Path], seconds: float) -> Float32:
    """The recordings one after the other at 16 kHz, over and over up to `seconds`."""
    pieces = []
    for path in paths:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        pieces.append(soxr.resample(samples.mean(axis=1), rate, HEARING_RATE_HZ).astype(np.float32))
    whole = np.concatenate(pieces)
    return np.resize(whole, int(seconds * HEARING_RATE_HZ))


def nowhere(avatar_id: str) -> bytes:
    raise NotFound(f"There is no avatar {avatar_id!r}.")


def stream(animator: PortraitAnimator, avatar_id: str, audio: Float32, quality: int) -> list[Stepped]:
    """The whole stream, a group's worth of audio a step."""
    state, answers = None, []
    starts = range(0, len(audio), GROUP_SAMPLES)
    for start in starts:
        final = start == starts[-1]
        piece = audio[start : start + GROUP_SAMPLES]
        (answer,) = animator.step([Step(avatar_id, piece, state, final=final, quality=quality, seed=1)])
        if isinstance(answer, Exception):
            raise answer
        state = answer.state
        answers.append(answer)
    return answers


def measure(animator: PortraitAnimator, avatar_id: str, audio: Float32, quality: int) -> dict[str, Any]:
    """Milliseconds of CPU a frame for the whole and by part, and what the encoder made."""
    stream(animator, avatar_id, audio[: 2 * HEARING_RATE_HZ], quality)
    wall, cpu = time.perf_counter(), time.process_time()
    answers = stream(animator, avatar_id, audio, quality)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    frames = sum(len(answer.frames) for answer in answers)
    parts = {part: sum(answer.timings[part] for answer in answers) for part in answers[0].timings}
    steps = [1000 * sum(answer.timings.values()) / len(answer.frames) for answer in answers if answer.frames]
    return {
        "avatar": avatar_id,
        "quality": quality,
        "frames": frames,
        "cpu_milliseconds_per_frame": round(1000 * cpu / frames, 3),
        "by_part": {part: round(1000 * seconds / frames, 3) for part, seconds in parts.items()},
        "steps_median": round(statistics.median(steps), 3),
        "steps_95th_percentile": round(float(np.percentile(steps, 95)), 3),
        "wall_milliseconds_per_frame": round(1000 * wall / frames, 3),
        "kilobits_per_second": round(
            sum(len(f.data) for a in answers for f in a.frames) * 8 * FRAMES_PER_SECOND / frames / 1000
        ),
        "largest_state_bytes": max(len(answer.state) for answer in answers),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, nargs="+", help="recordings; by default the bundled spoken questions")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--avatars", nargs="+", default=list(built_in_avatars()))
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    paths = arguments.speech or sorted(SAMPLES.rglob("*.wav"))
    if not paths:
        parser.error(f"there are no recordings in {SAMPLES}; name some with --speech")
    audio = speech(paths, arguments.seconds)
    settings = PortraitSettings(warm_avatars=tuple(arguments.avatars))
    animator = PortraitAnimator(settings, nowhere, clock=time.process_time)
    runs = []
    for avatar_id in arguments.avatars:
        for quality in (0, 1):
            runs.append(measure(animator, avatar_id, audio, quality))
            print(runs[-1])
    figures = {
        "frame_size": animator.frame_size,
        "speech_seconds": arguments.seconds,
        "recordings": [path.name for path in paths],
        "target_cpu_milliseconds_per_frame": TARGET_MILLISECONDS,
        "runs": runs,
    }
    measures = [
        measure
        for run in runs
        for measure in measures_of(
            [run],
            {"cpu_milliseconds_per_frame": "ms", "wall_milliseconds_per_frame": "ms", "largest_state_bytes": BYTES},
            group={"avatar": run["avatar"], "quality": run["quality"]},
        )
    ]
    print(write_result("portrait_engine", sys.argv, figures, measures=measures))


if __name__ == "__main__":
    main()
