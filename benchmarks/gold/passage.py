"""One phrase through both ways: text → voice → video, and voice → answer."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
import soundfile

from benchmarks.gold.phrases import Phrase
from benchmarks.gold.words import error_rate, script_of
from deployments.contracts import FRAMES_PER_SECOND, Pcm
from deployments.errors import AvatarError
from deployments.llm.language import speaks
from deployments.video.builtins import DEFAULT_AVATAR
from serve_app.client import AvatarClient, Film
from serve_app.media.decode import decode_audio
from serve_app.media.settings import MediaLimits

TO_VIDEO, TO_ANSWER = "text to video", "voice to answer"
UNDERSTOOD = 0.5
"""Of the words at most this share may be heard wrongly, or the test has failed. It is far above what clear speech
gives; less than that is compared with the baseline."""
STAGES = frozenset({"asr", "llm", "tts", "video", "total"})
LONGEST_GAP_FRAMES = 3
"""Picture and sound may end so far apart: sound comes in packets of its own length."""

Judge = Callable[[Pcm, str], str]
"""Speech and its language → the words that are heard in it, by somebody who takes no part in making it."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One test, once. `wrong` is what must not be, in words: empty for a success. `stages` in seconds; `seconds` of the
    whole, seen from outside, with encoding and container. `heard` are the words the error rate is of."""

    phrase: str
    language: str
    path: str
    wrong: tuple[str, ...]
    media_seconds: float = 0.0
    seconds: float = 0.0
    error_rate: float | None = None
    heard: str = ""
    reply: str = ""
    stages: dict[str, float] | None = None

    @property
    def real_time_factor(self) -> float | None:
        return self.seconds / self.media_seconds if self.media_seconds else None


def to_video(client: AvatarClient, phrase: Phrase, judge: Judge) -> tuple[Passage, Film | None]:
    """The phrase as a film, where one came of it whose sound can be read."""
    start = time.perf_counter()
    try:
        film = client.say(phrase.text, language=phrase.language, avatar=DEFAULT_AVATAR)
        seconds = time.perf_counter() - start
        sound = decode_audio(film.data, MediaLimits())
    except AvatarError as error:
        return Passage(phrase.id, phrase.language, TO_VIDEO, (f"{error.code}: {error.message}",)), None
    heard = judge(sound, phrase.language)
    wrong = [*_film_faults(film, sound), *_hearing_faults(phrase, heard)]
    if film.report.language != phrase.language:
        wrong.append(f"spoken in {film.report.language}")
    return _passage(phrase, TO_VIDEO, film, seconds, wrong, heard), film


def to_answer(client: AvatarClient, phrase: Phrase, spoken: Pcm) -> tuple[Passage, Film | None]:
    """What the server answers to the phrase, spoken; it finds out the language itself. With its film as above."""
    file = io.BytesIO()
    soundfile.write(file, spoken.samples, spoken.rate_hz, format="WAV", subtype="PCM_16")
    start = time.perf_counter()
    try:
        film = client.talk(file.getvalue(), avatar=DEFAULT_AVATAR)
        seconds = time.perf_counter() - start
        sound = decode_audio(film.data, MediaLimits())
    except AvatarError as error:
        return Passage(phrase.id, phrase.language, TO_ANSWER, (f"{error.code}: {error.message}",)), None
    heard, reply = film.report.transcript, film.report.reply
    wrong = [*_film_faults(film, sound), *_hearing_faults(phrase, heard)]
    if film.report.language != phrase.language:
        wrong.append(f"taken for {film.report.language}")
    if speaks(reply, phrase.language, whole=True) is False:
        wrong.append("answered in another language")
    if phrase.script == "Hans" and script_of(reply) not in ("Hans", ""):
        wrong.append(f"answered in the script {script_of(reply)}")
    return _passage(phrase, TO_ANSWER, film, seconds, wrong, heard), film


def _passage(phrase: Phrase, path: str, film: Film, seconds: float, wrong: list[str], heard: str) -> Passage:
    report = film.report
    rate = error_rate(phrase.transcript, heard, phrase.language)
    stages = {name: seconds for name, seconds in report.timings.items() if name in STAGES}
    said = report.reply if path == TO_ANSWER else ""
    return Passage(
        phrase.id, phrase.language, path, tuple(wrong), report.media_seconds, seconds, rate, heard, said, stages
    )


def _hearing_faults(phrase: Phrase, heard: str) -> list[str]:
    rate = error_rate(phrase.transcript, heard, phrase.language)
    faults = [f"{rate:.0%} of the words are wrong: {heard!r}"] if rate > UNDERSTOOD else []
    script = script_of(heard)
    return faults if script == phrase.script else [*faults, f"heard in the script {script or 'of none'}: {heard!r}"]


def _film_faults(film: Film, sound: Pcm) -> list[str]:
    """A film of the length that it says it has, in picture and sound."""
    with av.open(io.BytesIO(film.data), "r") as container:
        frames = sum(packet.size > 0 for packet in container.demux(video=0))
    owed = film.report.media_seconds * FRAMES_PER_SECOND
    heard = sound.seconds * FRAMES_PER_SECOND
    faults = [] if abs(frames - owed) < 1 else [f"{frames} frames instead of {owed:.0f}"]
    if abs(heard - frames) > LONGEST_GAP_FRAMES:
        faults.append(f"{sound.seconds:.2f} s of sound to {frames / FRAMES_PER_SECOND:.2f} s of picture")
    return faults


def as_row(passage: Passage) -> dict[str, Any]:
    return {
        "phrase": passage.phrase,
        "language": passage.language,
        "path": passage.path,
        "success": float(not passage.wrong),
        "wrong": list(passage.wrong),
        "media_seconds": passage.media_seconds or None,
        "seconds": passage.seconds or None,
        "real_time_factor": passage.real_time_factor,
        "error_rate": passage.error_rate,
        "heard": passage.heard,
        "reply": passage.reply,
        **{f"stage_{name}": value for name, value in (passage.stages or {}).items()},
    }
