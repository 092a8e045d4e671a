"""All phrases through both ways, several times: what they are measured by."""

import time
from collections.abc import Sequence
from typing import Any

from benchmarks.gold.judge import whisper
from benchmarks.gold.passage import TO_ANSWER, TO_VIDEO, Judge, Passage, as_row, to_answer, to_video
from benchmarks.gold.phrases import Phrase, chosen
from benchmarks.record import SECONDS, SHARE, Measure, measures_of
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.serve_cost import REPEATABLE
from benchmarks.spread import spread_of
from serve_app.client import AvatarClient

HELLO = {"en": "Hello.", "es": "Hola.", "zh": "你好。"}
STAGES = {
    TO_VIDEO: ("stage_tts", "stage_video"),
    TO_ANSWER: ("stage_asr", "stage_llm", "stage_tts", "stage_video"),
}
"""Those that have a part in it. What a turn says of its own total is in the rows, beside the time seen from outside."""


def run(bench: Bench) -> Outcome:
    """Replies are made repeatable where the application is started here. Raises NotFound, and WeightsMissing."""
    asked = chosen(str(bench.options["only"]))
    bench.tell("loading the judge")
    judge = whisper()
    found: list[Passage] = []
    begun = time.monotonic()
    with bench.application(REPEATABLE) as application, AvatarClient(application.url, timeout_seconds=120) as client:
        bench.tell("warming up")
        for language, word in HELLO.items():
            if any(phrase.language == language for phrase in asked):
                client.say(word, language=language)
        for number in range(int(bench.options["rounds"])):
            passed = time.monotonic() - begun
            if number and passed * (number + 1) / number > 60 * float(bench.options["minutes"]):
                bench.tell(f"{number} rounds took {passed / 60:.1f} minutes: no time for another one")
                break
            found += one_round(client, asked, judge, bench, number)
    rows = [as_row(passage) for passage in found]
    return Outcome(measures(rows), {"tests": rows, "by_test": by_test(rows)})


def one_round(client: AvatarClient, asked: Sequence[Phrase], judge: Judge, bench: Bench, number: int) -> list[Passage]:
    """What is spoken is asked: a phrase that could not be spoken cannot be answered."""
    found = []
    for place, phrase in enumerate(asked):
        spoken, sound = to_video(client, phrase, judge)
        found.append(spoken)
        if sound is None:
            answered = Passage(phrase.id, phrase.language, TO_ANSWER, ("there is no speech to ask with",))
        else:
            answered = to_answer(client, phrase, sound)
        found.append(answered)
        said = "; ".join([*spoken.wrong, *answered.wrong]) or "good"
        bench.tell(f"round {number + 1}, {place + 1} of {len(asked)}: {phrase.id} {said}")
    return found


def measures(rows: Sequence[dict[str, Any]]) -> list[Measure]:
    """By way and language; samples of the same phrase are a block."""
    found: list[Measure] = []
    for path in (TO_VIDEO, TO_ANSWER):
        for language in sorted({row["language"] for row in rows}):
            own = [row for row in rows if row["path"] == path and row["language"] == language]
            group: dict[str, str | int] = {"path": path, "language": language}
            if own:
                success = tuple(row["success"] for row in own)
                names = tuple(row["phrase"] for row in own)
                found.append(Measure("success", SHARE, success, "higher", group, names, exact=True))
            found += measures_of(own, {"error_rate": SHARE}, "lower", "phrase", group)
            found += measures_of(own, {"real_time_factor": "s/s", "seconds": SECONDS}, "lower", "phrase", group)
            found += measures_of(own, dict.fromkeys(STAGES[path], SECONDS), "lower", "phrase", group)
            found += measures_of(own, {"media_seconds": SECONDS}, "neither", "phrase", group)
    return found


def by_test(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The medians of each phrase's rounds, by way."""
    found = []
    for path, phrase in dict.fromkeys((row["path"], row["phrase"]) for row in rows):
        own = [row for row in rows if row["path"] == path and row["phrase"] == phrase]
        line: dict[str, Any] = {"path": path, "phrase": phrase, "rounds": len(own)}
        line["success"] = sum(row["success"] for row in own)
        for name in ("media_seconds", "seconds", "real_time_factor", "error_rate", *STAGES[path]):
            values = [row[name] for row in own if row.get(name) is not None]
            line[name] = spread_of(values).median if values else None
        line["wrong"] = sorted({fault for row in own for fault in row["wrong"]})
        found.append(line)
    return found
