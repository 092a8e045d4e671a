"""All measures of a finished film at once."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.quality.closures import Closures, closures
from benchmarks.quality.eyes import Blinks, blinks
from benchmarks.quality.faces import Poses, eye_aspect, mouth_opening, poses
from benchmarks.quality.film import Film, pictures, read_film
from benchmarks.quality.flicker import Flicker, Stillness, flicker, stillness
from benchmarks.quality.head import HeadMotion, head_motion
from benchmarks.quality.identity import Identity, identity
from benchmarks.quality.lip_sync import LipSync, envelope, lip_sync
from benchmarks.quality.loudness import Loudness, loudness
from benchmarks.quality.sight import Sight, watch
from benchmarks.quality.timing import Timing, timing
from benchmarks.quality.voices import VoiceLikeness, recording, voice_likeness
from benchmarks.quality.words import Understood, listen, understood
from deployments.contracts import Image, Transcript
from deployments.errors import BadInput, WeightsMissing
from deployments.weights.settings import WeightsSettings
from serve_app.turn_report import report_in

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Samples:
    """What the measures were taken from. One value a picture: `times` (seconds), `opening` (`faces.mouth_opening`),
    `eyes` (`faces.eye_aspect`), `face_scores`, `changed` and `moved` (levels, `sight.Sight`), `turned` (degrees,
    [n, 3]: pitch, yaw, roll) and `placed` (face widths, [n, 2]), the last two NaN where no face was seen. `speech`:
    root amplitude of 500 to 2000 Hz every 10 ms."""

    times: Float64
    opening: Float64
    eyes: Float64
    face_scores: Float64
    changed: Float64
    moved: Float64
    turned: Float64
    placed: Float64
    speech: Float64


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured. None: not asked for, or not possible; `notes` say which and why. `face_seen`: share of the
    pictures with a face in them; `lips_seen`: share in which the line between the lips can be made out. Without a face
    in most pictures there are no measures of it."""

    timing: Timing
    face_seen: float
    lips_seen: float
    lip_sync: LipSync | None
    closures: Closures | None
    blinks: Blinks | None
    head: HeadMotion | None
    flicker: Flicker
    stillness: Stillness
    identity: Identity | None
    loudness: Loudness
    understood: Understood | None
    voice: VoiceLikeness | None
    samples: Samples
    notes: tuple[str, ...]


def measure(
    film: Path,
    portrait: Path | None = None,
    text: str | None = None,
    language: str | None = None,
    voice: Path | None = None,
    weights: WeightsSettings | None = None,
) -> Quality:
    """Measures a film file with picture and sound.

    `portrait`: the photo it was made from, for `identity`. `text`: what was said in it, for `understood`; films of ours
    carry it in their own report. `language`: en, es or zh; that of the report, or detected, where it is not given.
    `voice`: a recording of who should speak, for `voice`. Raises BadInput for files that cannot be read; what lacks its
    weights is left out and noted.
    """
    photo = None
    if portrait is not None:
        loaded = cv2.imread(str(portrait))
        if loaded is None:
            raise BadInput(f"{portrait} cannot be read as a photo.")
        photo = np.asarray(loaded, np.uint8)
    read = read_film(film)
    report = report_in(film.read_bytes())
    if text is None and report is not None:
        text, language = report.reply, language or report.language
    return judged(read, watch(pictures(film)), photo, text, language, voice, weights)


def judged(
    film: Film,
    sight: Sight,
    portrait: Image | None = None,
    text: str | None = None,
    language: str | None = None,
    voice: Path | None = None,
    weights: WeightsSettings | None = None,
) -> Quality:
    """As `measure`, of a film that was read and watched before."""
    notes: list[str] = []
    if len(sight) != len(film.frame_times):
        raise BadInput(f"{film.path.name} has {len(film.frame_times)} pictures, and {len(sight)} of them decode.")
    each = float(np.median(film.video.lengths))
    face = _Face(film, sight, notes)
    heard = _Heard(film, language, weights or WeightsSettings(), notes)
    return Quality(
        timing=timing(film),
        face_seen=float(sight.seen.mean()),
        lips_seen=float(sight.lips_seen.mean()),
        lip_sync=lip_sync(face.opening, film) if face.usable else None,
        closures=heard.closures(face.opening) if face.usable else None,
        blinks=blinks(face.eyes, film.frame_times, each) if face.usable else None,
        head=head_motion(face.poses, 1 / each) if face.poses else None,
        flicker=flicker(sight, film.video.keys),
        stillness=stillness(sight, each),
        identity=identity(sight, portrait) if portrait is not None and face.usable else None,
        loudness=loudness(film.sound, film.rate_hz),
        understood=heard.understood(text),
        voice=heard.likeness(voice),
        samples=face.samples(),
        notes=tuple(notes),
    )


class _Face:
    """The series that the points give, gaps bridged by straight lines."""

    def __init__(self, film: Film, sight: Sight, notes: list[str]) -> None:
        self._film, self._sight = film, sight
        seen = sight.seen
        self.usable = bool(seen.mean() > 0.5)
        self.poses: Poses | None = poses(sight.points[seen]) if self.usable else None
        if not self.usable:
            notes.append("Most pictures show no face: nothing was measured on it.")
        self.opening = self._series(mouth_opening(sight.points[seen])) if seen.any() else np.zeros(len(sight))
        self.eyes = self._series(eye_aspect(sight.points[seen])) if seen.any() else np.zeros(len(sight))

    def _series(self, values: Float64) -> Float64:
        times = self._film.frame_times
        return np.asarray(np.interp(times, times[self._sight.seen], values))

    def samples(self) -> Samples:
        turned, placed = np.full((len(self._sight), 3), np.nan), np.full((len(self._sight), 2), np.nan)
        if self.poses:
            turned[self._sight.seen], placed[self._sight.seen] = self.poses.turned, self.poses.placed
        return Samples(
            times=self._film.frame_times,
            opening=self.opening,
            eyes=self.eyes,
            face_scores=self._sight.scores.astype(np.float64),
            changed=self._sight.changed.astype(np.float64),
            moved=self._sight.moved.astype(np.float64),
            turned=turned,
            placed=placed,
            speech=envelope(self._film.heard()),
        )


class _Heard:
    """The measures for which the sound is understood. Those that lack their weights are noted and left out."""

    def __init__(self, film: Film, language: str | None, weights: WeightsSettings, notes: list[str]) -> None:
        self._film, self._weights, self._notes = film, weights, notes
        self._sound = film.heard()
        self._transcript: Transcript | None = None
        try:
            self._transcript = listen(self._sound, language, weights)
        except WeightsMissing as missing:
            notes.append(f"Words and closures were not measured. {missing.message}")

    def closures(self, opening: Float64) -> Closures | None:
        if self._transcript is None:
            return None
        try:
            found = closures(opening, self._film, self._transcript)
        except WeightsMissing as missing:
            self._notes.append(f"Closures were not measured. {missing.message}")
            return None
        if found is None:
            self._notes.append("No m, b or p was heard: closures were not measured.")
        return found

    def understood(self, text: str | None) -> Understood | None:
        return understood(text, self._transcript) if text is not None and self._transcript is not None else None

    def likeness(self, voice: Path | None) -> VoiceLikeness | None:
        if voice is None:
            return None
        sample = recording(voice)
        try:
            return voice_likeness(self._sound, sample, self._weights)
        except (WeightsMissing, BadInput) as error:
            self._notes.append(f"The voice was not compared. {error.message}")
            return None
