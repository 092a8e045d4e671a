"""Each measure of the picture, on a film of the portrait engine and on the same film spoiled in one way."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from benchmarks.quality.eyes import Blinks, blinks
from benchmarks.quality.faces import eye_aspect, mouth_opening, poses
from benchmarks.quality.film import Film, pictures, read_film
from benchmarks.quality.flicker import Flicker, flicker, stillness
from benchmarks.quality.head import HeadMotion, head_motion
from benchmarks.quality.identity import identity
from benchmarks.quality.lip_sync import LipSync, lip_sync
from benchmarks.quality.sight import Sight, watch
from deployments.contracts import HEARING_RATE_HZ, EncodedFrame, Float32, Image, Pcm, Step
from deployments.errors import NotFound
from deployments.video.builtins import built_in_photo
from deployments.video.encoding import GROUP_FRAMES, GroupEncoder
from deployments.video.encoding_settings import EncodingSettings
from deployments.video.faces.indices import LEFT_UPPER_LID, LIPS, RIGHT_UPPER_LID
from deployments.video.portrait.animator import PortraitAnimator
from deployments.video.settings import PortraitSettings
from serve_app.media.whole import whole_mp4

pytestmark = pytest.mark.contract

DATA = Path(__file__).resolve().parents[1] / "data"
AVATAR, SEED = "astronaut", 1
SAID = "He might even have been made amiable himself."
PICTURE_SECONDS = 0.04


# --- the film and what can be done to it -------------------------------------------------------------------


@cache
def folder() -> TemporaryDirectory[str]:
    """Goes away with the process."""
    return TemporaryDirectory(prefix="quality-")


def recorded(name: str) -> Float32:
    return np.asarray(soundfile.read(DATA / name, dtype="float32")[0], np.float32)


@cache
def speech() -> Float32:
    """A person's sentence and quiet after it, 100 pictures long; 16 kHz."""
    said = recorded("librivox-austen-0930.wav")
    return np.pad(said, (0, round(100 * PICTURE_SECONDS * HEARING_RATE_HZ) - len(said)))


def nowhere(avatar_id: str) -> bytes:
    raise NotFound(avatar_id)


@cache
def drawn() -> tuple[list[Image], tuple[EncodedFrame, ...]]:
    """The engine's pictures, and what it made of them."""
    seen: list[Image] = []
    settings = PortraitSettings(warm_avatars=(AVATAR,))
    animator = PortraitAnimator(settings, nowhere, watch=lambda _, picture: seen.append(picture.copy()))
    (made,) = animator.step([Step(AVATAR, speech(), final=True, seed=SEED)])
    assert not isinstance(made, Exception)
    return seen, made.frames


def encoded(shown: Sequence[Image]) -> list[EncodedFrame]:
    """As the engine encodes."""
    encoder = GroupEncoder((shown[0].shape[1], shown[0].shape[0]), EncodingSettings())
    starts = range(0, len(shown), GROUP_FRAMES)
    return [frame for start in starts for frame in encoder.encode(shown[start : start + GROUP_FRAMES], start)]


def written(name: str, frames: Sequence[EncodedFrame], sound: Float32, rate_hz: int = HEARING_RATE_HZ) -> Path:
    path = Path(folder().name) / f"{name}.mp4"
    size = drawn()[0][0].shape
    path.write_bytes(whole_mp4(frames, [Pcm(sound, rate_hz)], (size[1], size[0])))
    return path


@cache
def good() -> Path:
    return written("good", drawn()[1], speech())


@cache
def good_film() -> Film:
    return read_film(good())


@cache
def good_sight() -> Sight:
    return watch(pictures(good()))


def spoiled(name: str, shown: Sequence[Image]) -> tuple[Film, Sight]:
    """Encoded, written and read again."""
    path = written(name, encoded(shown), speech()[: round(len(shown) * PICTURE_SECONDS * HEARING_RATE_HZ)])
    return read_film(path), watch(pictures(path))


def part(start: int, end: int) -> list[Image]:
    return drawn()[0][start:end]


def replaced(number: int, source: int, places: Iterable[npt.NDArray[np.int64]]) -> Image:
    """Picture `number` with the parts around some of its points as in picture `source`, moved along with the head."""
    shown, points = drawn()[0], good_sight().points[:, :, :2]
    result = shown[number].copy()
    shift = np.rint((points[number] - points[source])[[33, 133, 263, 362]].mean(axis=0)).astype(int)
    for place in places:
        both = np.concatenate([points[number][place], points[source][place] + shift])
        middle, half = (both.max(0) + both.min(0)) / 2, 0.8 * np.ptp(both, axis=0) + 8
        left, top = (middle - 1.2 * half).astype(int)
        right, bottom = (middle + 1.2 * half).astype(int)
        y, x = np.mgrid[top:bottom, left:right]
        away = np.hypot((x - middle[0]) / half[0], (y - middle[1]) / half[1])
        weight = np.clip((1.15 - away) / 0.3, 0, 1)[..., None]
        other = shown[source][top - shift[1] : bottom - shift[1], left - shift[0] : right - shift[0]]
        mixed = weight * other + (1 - weight) * result[top:bottom, left:right]
        result[top:bottom, left:right] = np.rint(mixed)
    return result


MOUTH, EYES = (LIPS,), (RIGHT_UPPER_LID, LEFT_UPPER_LID)


@cache
def mouth_frozen() -> tuple[Film, Sight]:
    """All but the mouth lives on. The mouth is half open, as in the middle of a vowel."""
    usual = mouth_opening(good_sight().points)
    half_open = int(np.argmin(np.abs(usual - np.percentile(usual, 70))))
    return spoiled("mouth-frozen", [replaced(number, half_open, MOUTH) for number in range(75)])


# --- lips --------------------------------------------------------------------------------------------------


def synchrony(film: Film, sight: Sight) -> LipSync:
    return lip_sync(mouth_opening(sight.points), film)


def test_lips_follow_the_speech() -> None:
    sight = good_sight()
    assert sight.seen.all() and sight.lips_seen.all()
    found = synchrony(good_film(), sight)
    assert found.correlation > 0.5 and found.at_zero_lag > 0.5 and abs(found.lag_ms) <= 40
    assert found.chance is not None and found.chance < 0.6 * found.correlation


def test_a_frozen_mouth_is_no_lip_sync() -> None:
    found = synchrony(*mouth_frozen())
    assert found.correlation < 0.25 and abs(found.at_zero_lag) < 0.2


def test_a_still_picture_scores_nothing() -> None:
    film, sight = spoiled("still", [drawn()[0][30]] * 40)
    found = synchrony(film, sight)
    assert abs(found.correlation) < 0.1 and abs(found.at_zero_lag) < 0.1
    assert blinking(sight).times == ()
    motion = moving(sight)
    assert max(motion.pitch_degrees, motion.yaw_degrees, motion.roll_degrees) < 0.3 and motion.speed < 0.5
    still = stillness(sight, PICTURE_SECONDS)
    assert still.frozen >= still.pictures - 6 and still.longest_seconds > 1.4


@pytest.mark.parametrize("late_ms", [-200, -120, -40, 40, 120, 200])
def test_a_shifted_track_is_found(late_ms: int) -> None:
    """`late_ms`: of the sound. The picture is then early by as much."""
    shift = late_ms * HEARING_RATE_HZ // 1000
    sound = np.pad(speech(), (shift, 0))[: len(speech())] if shift > 0 else np.pad(speech()[-shift:], (0, -shift))
    film = read_film(written(f"shifted{late_ms}", drawn()[1], sound))
    found = synchrony(film, good_sight())
    assert abs(found.lag_ms + late_ms) <= 40
    if abs(late_ms) >= 120:
        assert found.at_zero_lag < 0.5 * found.correlation


def test_a_covered_mouth_is_noticed() -> None:
    covered = []
    for number in range(40):
        picture = drawn()[0][number].copy()
        low, high = (edge(good_sight().points[number, LIPS, :2], axis=0).astype(int) for edge in (np.min, np.max))
        cv2.rectangle(picture, (low - 14).tolist(), (high + 14).tolist(), (150, 120, 90), -1)
        covered.append(picture)
    film, sight = spoiled("covered", covered)
    assert sight.lips_seen.mean() < 0.2
    assert synchrony(film, sight).correlation < 0.6 * synchrony(good_film(), good_sight()).correlation


# --- eyes and head -----------------------------------------------------------------------------------------


def blinking(sight: Sight) -> Blinks:
    return blinks(eye_aspect(sight.points), np.arange(len(sight)) * PICTURE_SECONDS, PICTURE_SECONDS)


def moving(sight: Sight) -> HeadMotion:
    return head_motion(poses(sight.points), 1 / PICTURE_SECONDS)


def test_blinks_are_counted_and_missed() -> None:
    found = blinking(good_sight())
    assert len(found.times) >= 1 and 0.08 <= found.seconds <= 0.4 and found.openness < 0.6
    assert len(blinking(mouth_frozen()[1]).times) == len(found.times)
    middle = round(found.times[0] / PICTURE_SECONDS)
    around = range(middle - 8, middle + 12)
    _, sight = spoiled("unblinking", [replaced(number, middle - 8, EYES) for number in around])
    assert blinking(sight).a_minute == 0


def test_a_head_that_lives_and_one_that_shakes() -> None:
    usual = moving(good_sight())
    assert usual.pitch_degrees > 0.5 and usual.roll_degrees > 0.5 and usual.speed > 1
    random = np.random.default_rng(3)
    shaken = [np.roll(picture, random.integers(-3, 4, 2), axis=(0, 1)) for picture in part(0, 30)]
    assert moving(spoiled("shaken", shaken)[1]).shake > 4 * usual.shake


# --- light -------------------------------------------------------------------------------------------------


def trembling(film: Film, sight: Sight) -> Flicker:
    return flicker(sight, film.video.keys)


def brighter(picture: Image, by: float, where: npt.NDArray[np.float32] | float = 1.0) -> Image:
    return np.asarray(np.clip(np.rint(picture + by * np.asarray(where)), 0, 255), np.uint8)


@cache
def around_the_face() -> npt.NDArray[np.float32]:
    """1 in the background, 0 in the face, [h, w, 1]."""
    shape, points = drawn()[0][0].shape, good_sight().points[0, :, :2]
    mask = np.ones(shape[:2], np.float32)
    cv2.ellipse(mask, (points.mean(0).tolist(), (1.2 * np.ptp(points, axis=0)).tolist(), 0), 0, -1)
    return mask[..., None]


@pytest.mark.parametrize("where", ["background", "face"])
def test_flicker_is_found_where_it_is(where: str) -> None:
    usual = trembling(good_film(), good_sight())
    mask = around_the_face() if where == "background" else 1 - around_the_face()
    light = np.random.default_rng(5).normal(0, 4, 20)
    found = trembling(
        *spoiled(f"flicker-{where}", [brighter(p, by, mask) for p, by in zip(part(0, 20), light, strict=True)])
    )
    assert usual.background is not None and found.background is not None
    if where == "background":
        assert found.background > 8 * usual.background and found.face < 2 * usual.face
    else:
        assert found.face > 3 * usual.face and found.background < 2 * usual.background
    assert found.whole > 5 * usual.whole


def test_a_pulse_at_key_frames_is_found() -> None:
    usual = trembling(good_film(), good_sight()).key_pulse
    pulsing = [brighter(picture, 3.0 * (number // GROUP_FRAMES % 2)) for number, picture in enumerate(part(0, 20))]
    found = trembling(*spoiled("pulsing", pulsing)).key_pulse
    assert usual is not None and found is not None and usual < 0.5 and found > usual + 1.5


def test_pictures_that_stand_still_are_counted() -> None:
    usual = stillness(good_sight(), PICTURE_SECONDS)
    assert usual.pictures == 100 and usual.frozen == 0 and usual.longest_seconds == 0 and usual.doubled < 0.15
    shown = part(0, 12)
    _, sight = spoiled("frozen", [*shown, *[shown[-1]] * 13, *part(12, 22)])
    found = stillness(sight, PICTURE_SECONDS)
    assert 7 <= found.frozen <= 12 and found.longest_seconds == pytest.approx(0.52, abs=0.1)


def test_pictures_shown_twice_are_counted() -> None:
    usual = stillness(good_sight(), PICTURE_SECONDS)
    _, sight = spoiled("doubled", [picture for picture in part(20, 32) for _ in (0, 1)])
    assert stillness(sight, PICTURE_SECONDS).doubled > max(0.2, 3 * usual.doubled)


# --- identity ----------------------------------------------------------------------------------------------


def test_the_person_is_the_one_of_the_photo() -> None:
    own = identity(good_sight(), built_in_photo(AVATAR))
    assert own.geometry < 2 and own.likeness > 0.95 and own.colour < 3 and own.wander < 2
    other = identity(good_sight(), built_in_photo("grace_hopper"))
    assert other.geometry > 2 * own.geometry and other.likeness < 0.8 and other.colour > 2 * own.colour


def test_a_colour_cast_is_seen_and_a_stretched_face_too() -> None:
    own = identity(good_sight(), built_in_photo(AVATAR))
    cast = [np.asarray(np.clip(picture * [1.2, 1.0, 0.85], 0, 255), np.uint8) for picture in part(0, 5)]
    tinted = identity(spoiled("cast", cast)[1], built_in_photo(AVATAR))
    assert tinted.colour > own.colour + 6 and tinted.geometry < 2 and tinted.likeness > 0.9
    narrow = [np.asarray(cv2.resize(picture, None, fx=0.86, fy=1), np.uint8) for picture in part(0, 5)]
    assert identity(watch(narrow), built_in_photo(AVATAR)).geometry > 2 * own.geometry


def test_a_film_without_a_face_says_so() -> None:
    sight = watch([np.full((120, 160, 3), 90, np.uint8)] * 3)
    assert not sight.seen.any() and not sight.lips_seen.any()
