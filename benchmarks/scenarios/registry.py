"""All scenarios, as data."""

from benchmarks.scenarios.contracts import Option, Scenario
from deployments.errors import NotFound

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "turn",
        "a single turn by stage: first picture, stages, frames on time and late; whole, with enrolment and encoding",
        "benchmarks.scenarios.turn",
        (
            Option("turns", 9, "streamed turns, over three languages"),
            Option("whole", 6, "turns as a whole file, as fast as it goes"),
            Option("enrolments", 3, "uploads of a face, and of a voice"),
        ),
        3,
    ),
    Scenario(
        "spoken",
        "spoken turns over the realtime socket: from the last sound of the question to the first of the answer",
        "benchmarks.scenarios.spoken",
        (Option("turns", 9, "spoken turns, over three languages"), Option("interruptions", 6, "of answers")),
        4,
    ),
    Scenario(
        "sustained",
        "long speech again and again: real-time factor, seconds of media a second, late frames",
        "benchmarks.scenarios.sustained",
        (Option("repeats", 5, "of the whole text, made and streamed"), Option("language", "en", "en, es or zh")),
        4,
    ),
    Scenario(
        "speakers",
        "people who are answered at the same time: 1, 2, 4 ... until somebody is refused",
        "benchmarks.scenarios.speakers",
        (
            Option("most", 8, "people at once, at most"),
            Option("rounds", 3, "turns of each"),
            Option("admitted", 0, "coordinator.max_people for this run; 0 leaves the configuration's"),
        ),
        4,
    ),
    Scenario(
        "idle",
        "what open sockets cost in which nobody speaks: spoken turns beside them, memory",
        "benchmarks.scenarios.idle",
        (Option("turns", 6, "spoken turns, without and beside the sockets"), Option("sockets", 50, "that are idle")),
        3,
    ),
    Scenario(
        "jobs",
        "videos ordered as jobs, by the number of workers and replicas of voice and picture",
        "benchmarks.scenarios.jobs",
        (
            Option("replicas", (1, 2, 3), "numbers to be tried"),
            Option("jobs", 6, "that are ordered at once for each"),
        ),
        8,
        remote=False,
    ),
    Scenario(
        "batch",
        "batch size against latency, in the engines of picture and hearing in this process",
        "benchmarks.scenarios.batch",
        (
            Option("sizes", (1, 2, 4, 8), "streams, or utterances, that go in together"),
            Option("steps", 20, "batches of each size"),
            Option("stages", "video,asr", "which engines"),
        ),
        1,
        remote=False,
    ),
    Scenario(
        "cold",
        "from the command to the first answer, and to an ordinary one",
        "benchmarks.scenarios.cold",
        (Option("starts", 3, "of the application"),),
        2,
        remote=False,
    ),
    Scenario(
        "serve",
        "what Ray Serve costs: the same turns over its handles and through the same engines in one process",
        "benchmarks.scenarios.serve",
        (Option("rounds", 3, "of each question, either way"), Option("questions", 4, "how many")),
        3,
        remote=False,
    ),
    Scenario(
        "profile",
        "where the processors' time goes: CPU seconds of each stage and of Serve for a second of media, and at rest",
        "benchmarks.scenarios.profile",
        (
            Option("questions", 9, "spoken questions, one of each language in turn"),
            Option("texts", 2, "long texts to be read"),
            Option("idle", 30.0, "seconds in which nobody asks for anything; 0 leaves them out"),
        ),
        3,
        remote=False,
    ),
    Scenario(
        "soak",
        "conversations while replicas die, clients dawdle and vanish, and uploads are bad: what leaks, what drifts",
        "benchmarks.soak.scenario",
        (
            Option("minutes", 60.0, "of conversation"),
            Option("regulars", 1, "who talk in one session all the time"),
            Option("visitors", 1, "who come, interrupt, hang up and come back"),
            Option("slow", 1, "who do not read what they asked for, send half of something, or vanish"),
            Option("vandals", 1, "who upload what is none or too much"),
            Option("kill", "TTS Video LLM ASR Gateway Coordinator", "deployments whose replicas die in turn"),
            Option("kill_seconds", 90.0, "between two deaths, more or less"),
            Option("seed", 1, "of everything that is left to chance"),
        ),
        60,
        remote=False,
    ),
)


def scenario(name: str) -> Scenario:
    """Raises NotFound, naming those that exist."""
    for found in SCENARIOS:
        if found.name == name:
            return found
    raise NotFound(f"There is no scenario {name!r}; these are: {', '.join(found.name for found in SCENARIOS)}.")
