"""Videos ordered as jobs, by how many are worked on at once: as many workers as replicas of voice and of picture."""

import time
from collections.abc import Mapping
from typing import Any

from benchmarks.application import resident_bytes
from benchmarks.realtime_memory import by_kind
from benchmarks.record import BYTES, COUNT, PER_HOUR, SECONDS, SPEED, Measure, measures_of
from benchmarks.replicas import replicas
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.scenarios.sustained import TEXTS
from deployments.errors import EngineFailed, TimedOut
from serve_app.client import AvatarClient

LANGUAGES = ("en", "es", "zh")
SCALED = ("TTS", "Video")
READY_SECONDS, JOB_SECONDS = 120.0, 900.0


def run(bench: Bench) -> Outcome:
    """For each number the application is started anew; the first, unmeasured job of each waits until all replicas are
    there. Ends where a number does not fit on this machine. Raises AvatarError where that is the first."""
    measures: list[Measure] = []
    figures: list[dict[str, Any]] = []
    for count in bench.options["replicas"]:
        try:
            found = _level(bench, count)
        except (TimedOut, EngineFailed) as error:
            if not measures:
                raise
            bench.tell(f"{count} replicas: {error.message}")
            figures.append({"replicas": count, "failure": error.message})
            break
        figures.append({"replicas": count, **found})
        measures += measured(found, count)
    return Outcome(measures, {"levels": figures})


def _level(bench: Bench, count: int) -> dict[str, Any]:
    scaling = {"autoscaling_config": {"min_replicas": count, "max_replicas": count}}
    changes = {"jobs": {"workers": count, "beside_people": 0}}
    with bench.application(changes, dict.fromkeys(SCALED, scaling), f"{count} replicas") as application:
        bench.tell(f"{count} replicas: waiting until they are there")
        _wait_for_replicas(application.process_id, count)
        with AvatarClient(application.url, timeout_seconds=60) as client:
            client.result(client.submit("Good morning to you."), JOB_SECONDS)
            found = ordered(client, int(bench.options["jobs"]), bench, count)
        return found | {"resident_bytes": by_kind(resident_bytes(application.process_id))}


def ordered(client: AvatarClient, count: int, bench: Bench, replicas: int) -> dict[str, Any]:
    """So many jobs at once, the languages in turn; each with a seed of its own, so that none is another's."""
    start = time.perf_counter()
    languages = [LANGUAGES[number % len(LANGUAGES)] for number in range(count)]
    jobs = [client.submit(TEXTS[name], language=name, seed=number) for number, name in enumerate(languages)]
    rows: list[dict[str, Any]] = []
    for outcome in client.results(jobs, JOB_SECONDS * count):
        job = outcome.film.job
        rows.append({"language": job.language, "media_seconds": job.seconds, "worker": job.worker, **job.durations})
        passed = time.perf_counter() - start
        bench.tell(f"{replicas} replicas: {len(rows)} of {count} videos after {passed:.0f} s")
    return {"rows": rows, "seconds": time.perf_counter() - start}


def measured(found: Mapping[str, Any], count: int) -> list[Measure]:
    rows, seconds = found["rows"], found["seconds"]
    media = sum(row["media_seconds"] for row in rows)
    group = {"replicas": count}
    work = [{**row, "work_seconds": row["total"], "factor": row["total"] / row["media_seconds"]} for row in rows]
    stages = {name: SECONDS for row in rows for name in row if name in ("tts", "video", "film")}
    return [
        Measure("media_seconds_per_second", SPEED, (media / seconds,), "higher", group=group),
        Measure("videos_per_hour", PER_HOUR, (3600 * len(rows) / seconds,), "higher", group=group),
        Measure("resident", BYTES, (float(sum(found["resident_bytes"].values())),), "lower", group=group),
        Measure("workers_at_work", COUNT, (float(len({row["worker"] for row in rows})),), "neither", group),
        *measures_of(
            work, {"work_seconds": SECONDS, "factor": "s/s"} | stages, "lower", "language", group={"replicas": count}
        ),
    ]


def _wait_for_replicas(process_id: int, count: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        found = replicas(process_id)
        if all(len(found.get(name, [])) >= count for name in SCALED):
            return
        time.sleep(0.5)
    raise TimedOut(f"{count} replicas of {' and '.join(SCALED)} were not there after {READY_SECONDS:.0f} s: no room?")
