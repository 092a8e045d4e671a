"""The films that the gold set made, measured as a viewer would judge them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.gold.phrases import Phrase
from benchmarks.quality.measure import Quality, measure
from benchmarks.quality.measures import film_row
from benchmarks.quality.metrics import faults_of
from deployments.errors import AvatarError
from deployments.video.builtins import DEFAULT_AVATAR, built_in_avatars
from serve_app.client import Film
from serve_app.media.boxes import box, read_boxes
from serve_app.turn_report import REPORT_UUID


@dataclass(frozen=True, slots=True)
class _Shot:
    """Which film came of a test in a round."""

    round: int
    phrase: Phrase
    path: str
    digest: str


@dataclass(slots=True)
class Films:
    """Keeps the films of the first `rounds` rounds, equal ones once, until they are measured. `voices`: by language, a
    recording of who should be speaking."""

    rounds: int
    voices: Mapping[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _shots: list[_Shot] = field(default_factory=list)
    _data: dict[str, bytes] = field(default_factory=dict)

    def keep(self, number: int, phrase: Phrase, path: str, film: Film | None) -> None:
        if film is None or not self.rounds:
            return
        digest = digest_of(film.data)
        self._shots.append(_Shot(number, phrase, path, digest))
        if number < self.rounds:
            self._data.setdefault(digest, film.data)

    def unlike(self) -> list[str]:
        """The tests whose films were not the same in all rounds."""
        found: dict[str, set[str]] = {}
        for shot in self._shots:
            found.setdefault(f"{shot.phrase.id}, {shot.path}", set()).add(shot.digest)
        return [test for test, digests in found.items() if len(digests) > 1]

    def measured(self, tell: Callable[[str], None]) -> list[dict[str, Any]]:
        """A row for each film of each round: `film_row`, with `path`, `round`, `sha256`, what is `wrong`, and the words
        that were heard. A film that cannot be measured is wrong."""
        rows: list[dict[str, Any]] = []
        done: dict[tuple[str, str], dict[str, Any]] = {}
        shots = [shot for shot in self._shots if shot.round < self.rounds]
        wanted = {(shot.phrase.id, shot.digest) for shot in shots}
        with TemporaryDirectory(prefix="gold-") as folder:
            for shot in shots:
                key = (shot.phrase.id, shot.digest)
                if key not in done:
                    tell(f"measuring film {len(done) + 1} of {len(wanted)}: {shot.phrase.id}, {shot.path}")
                    done[key] = self._row(shot, Path(folder) / "film.mp4")
                rows.append({**done[key], "path": shot.path, "round": shot.round, "sha256": shot.digest})
        return rows

    def _row(self, shot: _Shot, file: Path) -> dict[str, Any]:
        file.write_bytes(self._data[shot.digest])
        voice = self.voices.get(shot.phrase.language)
        if voice is None:
            self._note(f"There is no recording of the voice that speaks {shot.phrase.language}: it was not judged.")
        try:
            quality = measure(file, built_in_avatars()[DEFAULT_AVATAR], language=shot.phrase.language, voice=voice)
        except AvatarError as error:
            return {**_nothing(shot), "wrong": [f"the film cannot be measured: {error.message}"]}
        found = film_row(quality, shot.phrase.id, shot.phrase.language)
        for note in quality.notes:
            self._note(note)
        faults = (
            faults_of(quality) if quality.lip_sync is not None else ["no face can be followed", *faults_of(quality)]
        )
        return {**found, "wrong": faults, "words": _words(quality)}

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def _words(quality: Quality) -> str:
    return "" if quality.understood is None else quality.understood.heard


def _nothing(shot: _Shot) -> dict[str, Any]:
    return {"film": shot.phrase.id, "language": shot.phrase.language, "words": ""}


def digest_of(film: bytes) -> str:
    """sha256 of a film without its report, which tells times."""
    kept = (box(kind, payload) for kind, payload in read_boxes(film) if not payload.startswith(REPORT_UUID))
    return hashlib.sha256(b"".join(kept)).hexdigest()
