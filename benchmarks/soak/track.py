"""What an answer's media say about time: its own picture and sound against each other, and its place in the session."""

import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from benchmarks.answer_media import VIDEO_TRACK, parts_in, timescale_of
from benchmarks.listener import Answer
from benchmarks.quality.film import read_film
from benchmarks.quality.timing import timing
from deployments.errors import BadInput

MOST_APART_MS = 40.0
"""One frame at 25 pictures a second: picture and sound of a whole answer may end no further apart."""
_SAME_SECONDS = 0.002
"""Times that are told in milliseconds."""


@dataclass(frozen=True, slots=True)
class Track:
    """An answer's film as a player has it. `start_seconds`, `end_seconds`: of its picture, on the session's timeline.
    `end_offset_ms`: end of the sound less end of the picture; `drift_ms`: that less the same of their begins.
    `gaps`: breaks in either stream, the worst of `largest_gap_ms`, signed."""

    start_seconds: float
    end_seconds: float
    media_seconds: float
    end_offset_ms: float
    drift_ms: float
    gaps: int
    largest_gap_ms: float

    @property
    def faults(self) -> list[str]:
        """What a whole answer must not have, in words."""
        found = []
        if abs(self.end_offset_ms) > MOST_APART_MS:
            found.append(f"sound and picture end {self.end_offset_ms:.0f} ms apart")
        if self.gaps:
            found.append(f"{self.gaps} gaps in its streams, the worst of {self.largest_gap_ms:.1f} ms")
        return found


def track_of(film: bytes) -> Track:
    """`film`: an answer's pieces put together: initialisation and fragments. Blocks, some tens of milliseconds. Raises
    BadInput where picture or sound are missing or cannot be read."""
    pictures = [part for part in parts_in(film) if part.track == VIDEO_TRACK and part.samples]
    if not pictures:
        raise BadInput("The answer's media hold no picture.")
    scale = timescale_of(film)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.mp4"
        path.write_bytes(film)
        found = timing(read_film(path))
    return Track(
        start_seconds=pictures[0].start / scale,
        end_seconds=pictures[-1].end / scale,
        media_seconds=found.seconds,
        end_offset_ms=found.end_offset_ms,
        drift_ms=found.drift_ms,
        gaps=found.gaps,
        largest_gap_ms=found.largest_gap_ms,
    )


def film_of(answer: Answer) -> bytes:
    """All media of an answer, in the order in which they came."""
    return b"".join(piece.data for piece in answer.media)


class Timeline:
    """The media of a session one after the other: an answer begins where it was announced, after all before it."""

    def __init__(self) -> None:
        self._ends: deque[float] = deque([0.0], maxlen=2)

    def resumed(self) -> None:
        """The line was lost: the last answer may have been forgotten, as it was being saved."""
        if len(self._ends) > 1:
            self._ends.pop()

    def follow(self, answer: Answer, track: Track) -> list[str]:
        """What is wrong with the place of the session's next answer, in words."""
        found = pieces_out_of_place(answer)
        if abs(track.start_seconds - answer.start_seconds) > _SAME_SECONDS:
            found.append(f"its media begin at {track.start_seconds:.3f} s, not at {answer.start_seconds:.3f} s")
        if track.start_seconds < self._ends[-1] - _SAME_SECONDS:
            found.append(
                f"it begins at {track.start_seconds:.3f} s, before the end of the last at {self._ends[-1]:.3f}"
            )
        self._ends.append(track.end_seconds)
        return found


def pieces_out_of_place(answer: Answer) -> list[str]:
    """Each piece has to begin where the one before it ends; milliseconds are rounded one by one."""
    expected = 0.0
    for number, piece in enumerate(answer.media):
        if abs(piece.start_ms - expected) > 2 + number:
            return [f"its piece {number} begins at {piece.start_ms} ms, not at {expected:.0f}"]
        expected += piece.duration_ms
    return []
