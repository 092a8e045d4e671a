"""A streamed answer as a player would show it: which frames come in time."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.arrivals import FRAMES_PER_SECOND
from benchmarks.record import FRAMES, NO_GROUP, SECONDS, Measure, measures_of

FRAME_COUNTS = ("useful_frames", "late_frames", "filled_frames", "dropped_frames")
POINTS = ("first_token", "first_clause", "first_speech", "first_media")


def frame_counts(arrivals: Sequence[Sequence[float]], media_seconds: float, filled_seconds: float) -> dict[str, int]:
    """Frames by what became of them. `arrivals` are (seconds, frames, bytes) of each fragment, in order.

    Playback begins with the first fragment and waits where the next one is not there: a late frame is one for which
    it has to wait. Dropped are those that the answer's length owes and that never came; filled are those of silence
    for which nothing was said, in time or not; the others are useful.
    """
    late = came = 0
    due = math.inf
    for number, (at, frames, _) in enumerate(arrivals):
        if number and at > due:
            late += int(frames)
        due = (at if number == 0 else max(due, at)) + frames / FRAMES_PER_SECOND
        came += int(frames)
    owed = round(media_seconds * FRAMES_PER_SECOND)
    filled = min(came - late, round(filled_seconds * FRAMES_PER_SECOND))
    return {
        "useful_frames": came - late - filled,
        "late_frames": late,
        "filled_frames": filled,
        "dropped_frames": max(0, owed - came),
    }


def stages_of(turn: Mapping[str, Any]) -> dict[str, float]:
    """A turn's timings. Without a first token nothing was asked of the language model: what is called its time is that
    of handing on a given text, which waits for the voice."""
    timings: Mapping[str, float] = turn["timings"]
    return {name: seconds for name, seconds in timings.items() if name != "llm" or "first_token" in timings}


def streamed_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `conversation.ask` or `long_reply.streamed`, with stages and frames beside the rest."""
    turn = row["turn"]
    counts = frame_counts(row["arrivals"], turn["media_seconds"], turn["filled_seconds"])
    stages = {f"stage_{name}": seconds for name, seconds in stages_of(turn).items() if name != "total"}
    return {**row, **counts, **stages, "media_seconds": turn["media_seconds"]}


def streamed_measures(
    rows: Sequence[Mapping[str, Any]], block: str = "", group: Mapping[str, str | int] = NO_GROUP
) -> list[Measure]:
    """Latencies, points in time by stage and frames of rows from `streamed_row`."""
    stages = {name: SECONDS for row in rows for name in row if name.startswith("stage_")}
    latencies = dict.fromkeys(("first_fragment_seconds", "stall_free_start_seconds", "worst_lateness_seconds"), SECONDS)
    found = measures_of(rows, latencies | stages, "lower", block, group)
    found += measures_of(rows, {"late_frames": FRAMES, "filled_frames": FRAMES, "dropped_frames": FRAMES}, group=group)
    return found + measures_of(rows, {"useful_frames": FRAMES, "media_seconds": SECONDS}, "neither", block, group)


def whole_row(seconds: float, turn: Mapping[str, Any], enrolment_seconds: float | None = None) -> dict[str, Any]:
    """A turn as one file: work for a second of media, and seconds of media a second; encoding and the container are
    in it. With the time of an enrolment, the real-time factor of the first turn of a new face, too."""
    media = float(turn["media_seconds"])
    stages = {f"whole_{name}": value for name, value in stages_of(turn).items() if name not in POINTS}
    row = {
        "seconds": seconds,
        "media_seconds": media,
        "real_time_factor": seconds / media,
        "media_seconds_per_second": media / seconds,
        "videos_per_hour": 3600 / seconds,
        **stages,
    }
    if enrolment_seconds is not None:
        row["real_time_factor_with_enrolment"] = (seconds + enrolment_seconds) / media
    return row


def whole_measures(
    rows: Sequence[Mapping[str, Any]], block: str = "", group: Mapping[str, str | int] = NO_GROUP
) -> list[Measure]:
    """Of rows from `whole_row`. Videos an hour are for this length of video only, which is a measure beside it."""
    stages = {name: SECONDS for row in rows for name in row if name.startswith("whole_")}
    factors = {"real_time_factor": "s/s", "real_time_factor_with_enrolment": "s/s"}
    found = measures_of(rows, factors | stages, "lower", block, group)
    found += measures_of(rows, {"media_seconds_per_second": "s/s", "videos_per_hour": "1/h"}, "higher", block, group)
    return found + measures_of(rows, {"media_seconds": SECONDS}, "neither", block, {"form": "whole", **group})
