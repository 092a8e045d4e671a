"""All phrases through both ways, several times, and the films that came of it: what they are measured by."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.gold.films import Films
from benchmarks.gold.judge import whisper
from benchmarks.gold.passage import TO_ANSWER, TO_VIDEO, Judge, Passage, as_row, to_answer, to_video
from benchmarks.gold.phrases import Phrase, chosen
from benchmarks.gold.references import references
from benchmarks.quality.measures import blinking, measures_in
from benchmarks.record import SECONDS, SHARE, Measure, measures_of
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.serve_cost import REPEATABLE
from benchmarks.spread import spread_of
from serve_app.client import AvatarClient
from serve_app.media.decode import decode_audio
from serve_app.media.settings import MediaLimits

HELLO = {"en": "Hello.", "es": "Hola.", "zh": "你好。"}
STAGES = {
    TO_VIDEO: ("stage_tts", "stage_video"),
    TO_ANSWER: ("stage_asr", "stage_llm", "stage_tts", "stage_video"),
}
"""Those that have a part in it. What a turn says of its own total is in the rows, beside the time seen from outside."""

SEEN = ("lip_sync", "lip_sync_off", "voice_by_judge")
"""Of the films' measures those that are shown for each test."""


def run(bench: Bench) -> Outcome:
    """Replies are made repeatable where the application is started here. Raises NotFound, and WeightsMissing."""
    asked = chosen(str(bench.options["only"]))
    bench.tell("loading the judge")
    judge = whisper()
    found: list[Passage] = []
    films = Films(int(bench.options["quality"]))
    begun = time.monotonic()
    with bench.application(REPEATABLE) as application, AvatarClient(application.url, timeout_seconds=120) as client:
        if films.rounds:
            films.voices = references(client)
        bench.tell("warming up")
        for language, word in HELLO.items():
            if any(phrase.language == language for phrase in asked):
                client.say(word, language=language)
        for number in range(int(bench.options["rounds"])):
            passed = time.monotonic() - begun
            if number and passed * (number + 1) / number > 60 * float(bench.options["minutes"]):
                bench.tell(f"{number} rounds took {passed / 60:.1f} minutes: no time for another one")
                break
            found += one_round(client, asked, judge, bench, number, films)
    # an application that was started here is gone: its times were not disturbed, and the processors are free
    begun = time.monotonic()
    seen = films.measured(bench.tell)
    rows = [as_row(passage) for passage in found]
    told = {
        "films": seen,
        "notes": films.notes,
        "films_that_differ": films.unlike(),
        "voices": sorted(path.stem for path in films.voices.values()),
    }
    took = {"measuring_films_seconds": round(time.monotonic() - begun, 2)}
    return Outcome(
        [*measures(rows), *quality_measures(seen)], {"tests": rows, "by_test": by_test(rows, seen), **told, **took}
    )


def one_round(
    client: AvatarClient, asked: Sequence[Phrase], judge: Judge, bench: Bench, number: int, films: Films
) -> list[Passage]:
    """What is spoken is asked: a phrase that could not be spoken cannot be answered."""
    found = []
    for place, phrase in enumerate(asked):
        spoken, film = to_video(client, phrase, judge)
        found.append(spoken)
        films.keep(number, phrase, TO_VIDEO, film)
        if film is None:
            answered = Passage(phrase.id, phrase.language, TO_ANSWER, ("there is no speech to ask with",))
        else:
            answered, answer = to_answer(client, phrase, decode_audio(film.data, MediaLimits()))
            films.keep(number, phrase, TO_ANSWER, answer)
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


def quality_measures(seen: Sequence[Mapping[str, Any]]) -> list[Measure]:
    """What is seen and heard in the films, by way and language; the rate of blinks by language, over both ways."""
    found: list[Measure] = []
    for language in sorted({row["language"] for row in seen}):
        own = [row for row in seen if row["language"] == language]
        for path in (TO_VIDEO, TO_ANSWER):
            found += measures_in([row for row in own if row["path"] == path], {"path": path, "language": language})
        found += blinking(own, {"language": language})
    return found


def by_test(rows: Sequence[dict[str, Any]], seen: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """The medians of each phrase's rounds, by way. What is wrong with a film is wrong with its test."""
    found = []
    for path, phrase in dict.fromkeys((row["path"], row["phrase"]) for row in rows):
        own = [row for row in rows if row["path"] == path and row["phrase"] == phrase]
        line: dict[str, Any] = {"path": path, "phrase": phrase, "rounds": len(own)}
        line["success"] = sum(row["success"] for row in own)
        for name in ("media_seconds", "seconds", "real_time_factor", "error_rate", *STAGES[path]):
            values = [row[name] for row in own if row.get(name) is not None]
            line[name] = spread_of(values).median if values else None
        films = [row for row in seen if (row["path"], row["film"]) == (path, phrase)]
        for name in SEEN:
            values = [row[name] for row in films if row.get(name) is not None]
            line[name] = spread_of(values).median if values else None
        line["wrong"] = sorted({fault for row in [*own, *films] for fault in row["wrong"]})
        found.append(line)
    return found
