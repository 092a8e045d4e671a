"""A transcript's words in segments, and these as SubRip or WebVTT subtitles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deployments.contracts import Transcript, Word
from deployments.sentences import CLOSERS, STOPS

_LONGEST_CHARACTERS = 84
"""Two lines of 42, the usual measure of subtitles."""
_PAUSE_SECONDS = 1.5
"""A silence this long ends a segment."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Some words with their times from the start of the file."""

    text: str
    start_seconds: float
    end_seconds: float


def segments_of(transcript: Transcript) -> list[Segment]:
    """One a sentence, shorter where it is long or pauses. Joined they are the text, up to blanks.

    A transcript without the times of its words is one segment; one without text has none.
    """
    return [replace(segment, text=segment.text.strip()) for segment in raw_segments_of(transcript)]


def raw_segments_of(transcript: Transcript) -> list[Segment]:
    """The same with the blanks between them: joined they are exactly the text, less blanks at its ends."""
    if not transcript.text.strip():
        return []
    placed = _placed(transcript)
    if not placed:
        return [Segment(transcript.text.strip(), 0.0, transcript.seconds)]
    found: list[list[tuple[str, Word]]] = [[]]
    for text, word in placed:
        if found[-1] and _parts(found[-1], text, word):
            found.append([])
        found[-1].append((text, word))
    return [Segment("".join(text for text, _ in run), run[0][1].start_seconds, run[-1][1].end_seconds) for run in found]


def _placed(transcript: Transcript) -> list[tuple[str, Word]]:
    """Each word with what the text has up to the next one: blanks and punctuation. Empty where the words are not the
    text's."""
    text, at = transcript.text.strip(), 0
    starts = []
    for word in transcript.words:
        place = text.find(word.text.strip(), at)
        if place < 0:
            return []
        starts.append(place)
        at = place + len(word.text.strip())
    if not starts:
        return []
    starts[0] = 0
    ends = [*starts[1:], len(text)]
    return [(text[a:b], word) for a, b, word in zip(starts, ends, transcript.words, strict=True)]


def _parts(run: Sequence[tuple[str, Word]], text: str, word: Word) -> bool:
    said = "".join(text for text, _ in run)
    bare = said.rstrip().rstrip(CLOSERS)
    sentence = bare[-1:] in STOPS and bool(bare)
    late = word.start_seconds - run[-1][1].end_seconds >= _PAUSE_SECONDS
    return sentence or late or len(said) + len(text.rstrip()) > _LONGEST_CHARACTERS


def subrip(segments: Sequence[Segment]) -> str:
    """An .srt file: numbered, with a comma before the milliseconds."""
    return "".join(
        f"{number}\n{_clock(one.start_seconds, ',')} --> {_clock(one.end_seconds, ',')}\n{one.text}\n\n"
        for number, one in enumerate(segments, start=1)
    )


def web_vtt(segments: Sequence[Segment]) -> str:
    """A .vtt file (W3C WebVTT). Marks of its own in the text are escaped."""
    cues = "".join(
        f"{_clock(one.start_seconds, '.')} --> {_clock(one.end_seconds, '.')}\n{_escaped(one.text)}\n\n"
        for one in segments
    )
    return f"WEBVTT\n\n{cues}"


def _clock(seconds: float, mark: str) -> str:
    total = round(1000 * seconds)
    minutes, milliseconds = divmod(total, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
