"""Long speech, made again and again: what voice and picture keep up with. The text is given, so each round is alike."""

from typing import Any

import httpx

from benchmarks.long_reply import streamed, whole
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.scenarios.playing import streamed_measures, streamed_row, whole_measures, whole_row
from deployments.errors import BadInput

TEXTS = {
    "en": "The lighthouse stood at the end of a long road, and its keeper had not left it for eleven years. Every "
    "evening he climbed the stairs, lit the lamp, and wrote down what he saw. One night in autumn the fog was so thick "
    "that he heard the whale before he saw it. It breathed slowly, close to the rocks, as if it were waiting for "
    "something. He put down his pen, opened the window, and said good evening.",
    "es": "El faro estaba al final de un largo camino, y su guardián no lo había dejado en once años. Cada tarde subía "
    "las escaleras, encendía la lámpara y escribía lo que veía. Una noche de otoño la niebla era tan espesa que oyó a "
    "la ballena antes de verla. Respiraba despacio, cerca de las rocas, como si esperara algo. Dejó la pluma, abrió la "
    "ventana y dijo buenas noches.",
    "zh": "灯塔在一条长路的尽头，守塔人已经十一年没有离开过。每天傍晚，他爬上楼梯，点亮灯，把看到的事情写下来。"
    "秋天的一个晚上，雾很大，他先听到了鲸鱼的声音，然后才看见它。它慢慢地呼吸，离岩石很近，好像在等什么。"
    "他放下笔，打开窗户，说了一声晚上好。",
}


def run(bench: Bench) -> Outcome:
    """The same text whole and streamed in turn. Raises BadInput for a language without a text."""
    language, repeats = str(bench.options["language"]), int(bench.options["repeats"])
    if language not in TEXTS:
        raise BadInput(f"--language is one of {', '.join(TEXTS)}, not {language}.")
    request = {"text": TEXTS[language], "language": language}
    made: list[dict[str, Any]] = []
    watched: list[dict[str, Any]] = []
    with bench.application() as application, httpx.Client(base_url=application.url, timeout=300) as client:
        bench.tell("warming up")
        whole(client, "/generate", request)
        for number in range(repeats):
            run = whole(client, "/generate", request)
            made.append(whole_row(run["seconds"], run["turn"]) | {"turn": run["turn"]})
            factor = made[-1]["real_time_factor"]
            bench.tell(f"round {number + 1} of {repeats}: made in {factor:.2f} of its length; now streamed")
            watched.append(streamed_row(streamed(client, "/generate", request)))
    measures = [*whole_measures(made), *streamed_measures(watched)]
    return Outcome(measures, {"text": TEXTS[language], "whole": made, "streamed": watched})
