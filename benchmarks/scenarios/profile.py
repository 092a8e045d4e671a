"""Where the processors' time goes: CPU seconds of each part for a second of finished media, and of doing nothing."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from benchmarks.long_reply import whole
from benchmarks.processor_time import processor_seconds, worked_between
from benchmarks.record import Measure
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.scenarios.sustained import TEXTS
from benchmarks.scenarios.turn import LANGUAGES, questions_in_turn
from benchmarks.serve_cost import REPEATABLE
from serve_app.client import AvatarClient

STAGES = ("ASR", "LLM", "TTS", "Video", "Gateway")
SERVING = "serving"
"""All that makes nothing of the answer itself: the Coordinator, Serve's controller and proxy, Ray's daemons."""
_SETTLE_SECONDS = 10
_IDLE_PARTS = 3
Make = Callable[[], Mapping[str, Any]]


def run(bench: Bench) -> Outcome:
    """Whole videos one at a time, of spoken questions (all stages) and of a given text (voice and picture only), and a
    while in which nobody asks for anything."""
    rows: dict[str, list[dict[str, Any]]] = {"question": [], "text": [], "nothing": []}
    with bench.application(REPEATABLE) as application, AvatarClient(application.url, timeout_seconds=300) as client:
        with httpx.Client(base_url=application.url, timeout=300) as http:
            makers = _makers(client, http, int(bench.options["questions"]), int(bench.options["texts"]))
            bench.tell("warming up")
            for _, _, make in [*makers[:3], *makers[-1:]]:
                make()
            for number, (kind, name, make) in enumerate(makers, 1):
                rows[kind].append(worked(application.process_id, make) | {"of": name})
                bench.tell(f"{number} of {len(makers)}: {rows[kind][-1]['total']:.2f} CPU seconds for one of media")
        bench.tell("doing nothing")
        rows["nothing"] = _idle(application.process_id, float(bench.options["idle"]))
    return Outcome([measure for kind, found in rows.items() for measure in measures(kind, found)], rows)


def _makers(client: AvatarClient, http: httpx.Client, questions: int, texts: int) -> list[tuple[str, str, Make]]:
    def asking(path: Any) -> Make:
        return lambda: client.talk(path).report.as_json()

    def reading() -> Mapping[str, Any]:
        turn: Mapping[str, Any] = whole(http, "/generate", {"text": TEXTS["en"], "language": "en"})["turn"]
        return turn

    # the same few again and again: only what is measured more than once has a noise
    paths = questions_in_turn(len(LANGUAGES))
    asked = [("question", path.stem, asking(path)) for path in (paths * questions)[:questions]]
    return [*asked, *[("text", "en", reading)] * texts]


def _idle(process_id: int, seconds: float) -> list[dict[str, Any]]:
    def wait() -> Mapping[str, Any]:
        time.sleep(seconds / _IDLE_PARTS)
        return {"media_seconds": seconds / _IDLE_PARTS}

    if not seconds:
        return []
    time.sleep(_SETTLE_SECONDS)
    return [worked(process_id, wait) | {"of": "nothing"} for _ in range(_IDLE_PARTS)]


def worked(process_id: int, make: Make) -> dict[str, Any]:
    """CPU seconds by part for a second of the media that `make` returns the turn of; `processes` has every kind of
    process by itself."""
    before, start = processor_seconds(process_id), time.perf_counter()
    turn = make()
    seconds, spent = time.perf_counter() - start, worked_between(before, processor_seconds(process_id))
    processes = {name: value / float(turn["media_seconds"]) for name, value in spent.items()}
    parts = {name: processes.get(name, 0.0) for name in STAGES}
    parts[SERVING] = sum(value for name, value in processes.items() if name not in STAGES)
    about = {"seconds": seconds, "media_seconds": turn["media_seconds"], "reply": turn.get("reply")}
    return parts | {"total": sum(parts.values()), "processes": processes} | about


def measures(kind: str, rows: list[dict[str, Any]]) -> list[Measure]:
    """One of each part that worked at all, and their sum."""
    blocks = tuple(row["of"] for row in rows)
    name = "cpu_seconds_per_second" if kind == "nothing" else "cpu_seconds_per_media_second"
    return [
        Measure(name, "s/s", tuple(row[part] for row in rows), "lower", {"of": kind, "part": part}, blocks)
        for part in (*STAGES, SERVING, "total")
        if any(row[part] for row in rows)
    ]
