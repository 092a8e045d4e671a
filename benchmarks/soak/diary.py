"""What happens during a soak, as it happens: answers, deaths, uploads, and what must not have happened."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

WRONG_KEPT = 200
"""So many words about what went wrong are kept, and of what was excused; the rest is counted."""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One answer as its listener had it. `at_minutes`: when it was over, since the start. `who`: the client. `status`,
    `reason`: as the server gave them. `first_seconds`: from the question's end to the first media, None where none
    came. `media_seconds`: how long the media are. `end_offset_ms`: end of the sound less end of the picture,
    `drift_ms`: that less the same of their begins; both None where there were no media to read. `gaps`: breaks in
    either stream. `late_seconds`: by how much the answer stood still for its listener, all its stalls together."""

    at_minutes: float
    who: str
    status: str
    reason: str
    first_seconds: float | None
    media_seconds: float
    end_offset_ms: float | None
    drift_ms: float | None
    gaps: int
    late_seconds: float


class Diary:
    """Everybody in a soak writes into one of these, all on one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """The soak begins now. `clock`: seconds."""
        self._clock, self._start = clock, clock()
        self.answers: list[AnswerRow] = []
        self.killed: list[tuple[float, str]] = []
        self.uploads: Counter[tuple[str, str]] = Counter()
        self.troubles: Counter[str] = Counter()
        self.fates: Counter[str] = Counter()
        self.excused: list[str] = []
        self.wrong: list[str] = []
        self.wrong_beyond = 0

    def minutes(self) -> float:
        """Since the start."""
        return (self._clock() - self._start) / 60

    def note_answer(self, row: AnswerRow) -> None:
        self.answers.append(row)

    def note_killed(self, deployment: str) -> None:
        """A replica of it died just now."""
        self.killed.append((self.minutes(), deployment))

    def killed_within(self, seconds: float) -> bool:
        """Whether a replica died in the last so many seconds: what may be met then is no one's fault."""
        return bool(self.killed) and (self.minutes() - self.killed[-1][0]) * 60 <= seconds

    def note_upload(self, name: str, status: int | str) -> None:
        """What a bad upload was met with: an HTTP status, a socket's close code, or the word for a lost connection."""
        self.uploads[name, str(status)] += 1

    def note_trouble(self, what: str) -> None:
        """Something a client met and got over: a refusal, a lost connection."""
        self.troubles[what] += 1

    def note_excused(self, what: str, trouble: str) -> None:
        """`what`, in words, would be wrong if no replica had died: it counts as a `trouble`."""
        self.note_trouble(trouble)
        if len(self.excused) < WRONG_KEPT:
            self.excused.append(f"{self.minutes():.1f} min: {what}")

    def note_fate(self, what: str) -> None:
        """Something a client did, or that became of it: `resumed`, `slow unread`, `slow closed 4410`."""
        self.fates[what] += 1

    def note_wrong(self, what: str) -> None:
        """Something that must not have happened, in words."""
        if len(self.wrong) >= WRONG_KEPT:
            self.wrong_beyond += 1
            return
        self.wrong.append(f"{self.minutes():.1f} min: {what}")

    def as_json(self) -> dict[str, Any]:
        return {
            "minutes": self.minutes(),
            "answers": [asdict(row) for row in self.answers],
            "killed": [[minutes, deployment] for minutes, deployment in self.killed],
            "uploads": [
                {"name": name, "status": status, "count": count}
                for (name, status), count in sorted(self.uploads.items())
            ],
            "troubles": dict(sorted(self.troubles.items())),
            "fates": dict(sorted(self.fates.items())),
            "excused": list(self.excused),
            "wrong": list(self.wrong),
            "wrong_beyond": self.wrong_beyond,
        }
