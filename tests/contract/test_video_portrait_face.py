"""The face half of the portrait engine on the two photos we ship: what is refused, what moves, what stays."""

import itertools
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from deployments.contracts import Image
from deployments.errors import BadInput, EngineFailed
from deployments.video.faces import find_face
from deployments.video.portrait.look import Look
from deployments.video.portrait.portrait import Portrait, prepare
from deployments.video.portrait.pose import MOUTH_CHANNELS, REST, Pose
from deployments.video.portrait.render import Renderer

PORTRAITS = Path(__file__).resolve().parents[2] / "deployments" / "video" / "portraits"
NAMES = ("grace_hopper.jpg", "astronaut.png")
both = pytest.mark.parametrize("name", NAMES)


@lru_cache
def photo(name: str) -> Image:
    picture = cv2.imread(str(PORTRAITS / name))
    assert picture is not None
    return np.asarray(picture, np.uint8)


@lru_cache
def portrait(name: str) -> Portrait:
    return prepare(photo(name))


@lru_cache
def renderer(name: str, look: Look | None = None) -> Renderer:
    return Renderer(portrait(name), look)


def pose(**values: float) -> Pose:
    mouth = np.array([values.pop(channel, 0.0) for channel in MOUTH_CHANNELS], np.float32)
    return Pose(mouth, **values)


def difference(name: str, first: Pose, second: Pose, look: Look | None = None) -> npt.NDArray[np.int16]:
    """Largest difference over the channels, [h, w]."""
    frames = [renderer(name, look).render(each).astype(np.int16) for each in (first, second)]
    return np.asarray(np.abs(frames[0] - frames[1]).max(-1), np.int16)


def mouth_area(name: str) -> tuple[slice, slice]:
    points = portrait(name).points
    centre = points[[78, 308], :2].mean(0)
    half = float(np.linalg.norm(points[308, :2] - points[78, :2])) / 2
    return (
        slice(int(centre[1] - 0.7 * half), int(centre[1] + 1.5 * half)),
        slice(int(centre[0] - half), int(centre[0] + half)),
    )


def dark_pixels(name: str, shown: Pose) -> int:
    """Pixels of the mouth that are much darker than they are with shut lips."""
    area = mouth_area(name)
    shut = renderer(name).render(pose(speaking=1))[area].max(-1).astype(int)
    now = renderer(name).render(shown)[area].max(-1).astype(int)
    return int((now < 0.55 * np.median(shut)).sum() - (shut < 0.55 * np.median(shut)).sum())


# --- what is refused ---------------------------------------------------------------------------------------


def noise() -> Image:
    return np.random.default_rng(1).integers(0, 255, (300, 300, 3)).astype(np.uint8)


def landscape() -> Image:
    y, x = np.mgrid[0:300, 0:400]
    return np.dstack([200 - y / 3, 120 + 60 * np.sin(x / 50), 60 + y / 4]).clip(0, 255).astype(np.uint8)


def covered(name: str) -> Image:
    picture = photo(name).copy()
    points = find_face(picture).points
    (left, top), (right, bottom) = points[[61, 291, 0, 17], :2].min(0), points[[61, 291, 0, 17], :2].max(0)
    margin = 0.25 * (right - left)
    cv2.rectangle(
        picture,
        (int(left - margin), int(top - margin)),
        (int(right + margin), int(bottom + margin)),
        (150, 120, 90),
        -1,
    )
    return picture


def turned(name: str, degrees: float) -> Image:
    """The face as if painted on a cylinder that turns."""
    picture = photo(name)
    face = find_face(picture)
    height, width = picture.shape[:2]
    radius, middle = 0.62 * face.width, float(face.points[4, 0])
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    angle = np.arcsin(np.clip((x - middle) / radius, -0.999, 0.999)) - np.deg2rad(degrees)
    source = (np.sin(np.clip(angle, -1.5, 1.5)) * radius + middle).astype(np.float32)
    return np.asarray(cv2.remap(picture, source, y, cv2.INTER_LINEAR), np.uint8)


def test_a_face_is_found_where_it_is() -> None:
    face = find_face(photo("astronaut.png"))
    assert face.points.shape == (478, 3)
    assert 80 < face.width < 110
    assert np.allclose(face.points[4, :2], [224, 124], atol=8)
    assert abs(face.yaw_radians) < 0.2


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (noise, "No face"),
        (landscape, "No face"),
        (lambda: np.hstack([photo("astronaut.png")] * 2), "2 faces"),
        (lambda: cv2.resize(photo(NAMES[0]), None, fx=0.3, fy=0.3), "only .* pixels wide"),
        (lambda: turned(NAMES[0], 45), "turned too far"),
        (lambda: np.rot90(photo(NAMES[0])).copy(), "on its side"),
        (lambda: photo("astronaut.png")[:145].copy(), "cut off"),
        (lambda: photo("astronaut.png")[230:].copy(), "No face"),
        (lambda: covered(NAMES[0]), "mouth is covered"),
        (lambda: covered(NAMES[1]), "mouth is covered"),
    ],
)
def test_refusals_name_the_reason(picture: object, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        prepare(picture())  # type: ignore[operator]


@both
def test_changed_photos_are_still_taken(name: str) -> None:
    gray = cv2.cvtColor(cv2.cvtColor(photo(name), cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    for changed in (photo(name)[:, ::-1].copy(), (photo(name) * 0.4).astype(np.uint8), gray):
        find_face(np.asarray(changed, np.uint8))


# --- what moves and what stays -----------------------------------------------------------------------------


@both
def test_at_rest_it_is_the_photo(name: str) -> None:
    frame = renderer(name).render(REST)
    assert frame.shape == (578, 384, 3) and frame.dtype == np.uint8
    wrong = np.abs(frame.astype(int) - portrait(name).photo())
    # Resampling at half pixels rounds a handful of pixels in a hundred thousand by two.
    assert wrong.max() <= 2 and (wrong > 1).mean() < 1e-4


@both
def test_a_frame_depends_on_its_pose_alone(name: str) -> None:
    poses = [
        REST,
        pose(open=0.3, speaking=1, yaw=0.03),
        pose(blink=1),
        pose(gaze_x=0.8, pucker=1, speaking=0.5),
        pose(press=1, blink=0.4, gaze_y=-1),
    ]
    forward = [renderer(name).render(each) for each in poses]
    other = Renderer(portrait(name))
    backward = [other.render(each) for each in reversed(poses)][::-1]
    for first, second in zip(forward, backward, strict=True):
        assert (first == second).all()


@both
@pytest.mark.parametrize(
    "values",
    [{channel: 1.0} for channel in MOUTH_CHANNELS[1:]]
    + [{"open": 0.3}, {"blink": 1.0}, {"brow": 1.0}, {"gaze_x": 1.0}, {"gaze_y": 1.0}, {"yaw": 0.05}, {"roll": 0.05}],
)
def test_the_background_stays(name: str, values: dict[str, float]) -> None:
    changed = difference(
        name, pose(speaking=1, open=0.1, **{**values}) if "open" not in values else pose(**values), REST
    )
    for corner in (changed[:40, :25], changed[:40, -25:]):
        assert corner.max() <= 1
    assert changed.max() > 12


@both
def test_what_is_behind_the_person_stands_still(name: str) -> None:
    """Away from the person's outline no pixel changes, however the head turns."""
    outside = np.asarray(cv2.distanceTransform((portrait(name).matte == 0).astype(np.uint8), cv2.DIST_L2, 5)) > 8
    assert outside.mean() > 0.1
    for turned_head in (pose(yaw=0.06), pose(yaw=-0.06, roll=-0.02), pose(pitch=0.04, zoom=0.01)):
        assert difference(name, turned_head, REST)[outside].max() <= 1


@both
def test_a_black_and_white_photo_stays_so(name: str) -> None:
    gray = np.asarray(cv2.cvtColor(cv2.cvtColor(photo(name), cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)
    frame = Renderer(prepare(gray)).render(pose(open=0.35, tongue=0.5, blink=0.6, speaking=1)).astype(int)
    colour = frame.max(-1) - frame.min(-1)
    assert colour.max() <= 24 and (colour > 8).mean() < 0.005


@both
def test_mouth_movements_spare_the_eyes_and_eye_movements_the_mouth(name: str) -> None:
    eyes = int(portrait(name).points[[33, 263], 1].mean())
    talking = difference(name, pose(open=0.3, wide=0.1, speaking=1), pose(speaking=1))
    assert talking[: eyes + 8].max() <= 2
    assert talking[mouth_area(name)].max() > 60
    for looking in (pose(blink=1), pose(gaze_x=1), pose(gaze_y=-1)):
        changed = difference(name, looking, REST)
        assert changed[mouth_area(name)].max() <= 1
        assert changed[eyes - 15 : eyes + 15].max() > 30


@both
def test_the_mouth_opens_by_degrees_and_press_shuts_it(name: str) -> None:
    areas = [dark_pixels(name, pose(open=value, speaking=1)) for value in (0.0, 0.1, 0.2, 0.3, 0.4)]
    assert all(late > early for early, late in itertools.pairwise(areas))
    shut = dark_pixels(name, pose(open=0.3, press=1, speaking=1))
    assert shut <= 0.02 * areas[3]


@both
def test_tiny_openings_leave_no_line(name: str) -> None:
    changed = difference(name, pose(open=0.012, speaking=1), pose(speaking=1))
    assert changed.max() < 25


def test_a_smiling_mouth_closes_as_it_speaks() -> None:
    """Between the lips of the photo there is white; shut, what stands there is lips."""
    points = portrait("astronaut.png").points
    column, row = (points[13, :2] + points[14, :2]) / 2
    area = (slice(int(row) - 3, int(row) + 4), slice(int(column) - 12, int(column) + 13))
    colours = [renderer("astronaut.png").render(each)[area].reshape(-1, 3) for each in (REST, pose(speaking=1))]
    redness = [float(np.median(colour[:, 2].astype(int) - colour[:, 1])) for colour in colours]
    assert redness[0] < 15 and redness[1] > 30


@both
def test_a_blink_shuts_the_eyes(name: str) -> None:
    """The iris, the darkest thing in the opening, is gone."""
    points = portrait(name).points
    brightness = []
    for shown in (REST, pose(blink=1)):
        frame = renderer(name).render(shown)
        for iris in (468, 473):
            x, y = points[iris, :2]
            brightness.append(float(frame[int(y) - 2 : int(y) + 2, int(x) - 2 : int(x) + 2].mean()))
    assert brightness[2] > 1.5 * brightness[0] and brightness[3] > 1.5 * brightness[1]


def test_eyes_look_where_they_are_told() -> None:
    """The dark of the iris moves with the gaze."""
    points = portrait("astronaut.png").points
    x, y = points[473, :2]
    centres = []
    for gaze in (-1.0, 0.0, 1.0):
        frame = renderer("astronaut.png").render(pose(gaze_x=gaze))
        eye = 255 - frame[int(y) - 3 : int(y) + 4, int(x) - 11 : int(x) + 12].mean((0, 2))
        weight = np.clip(eye - np.median(eye), 0, None)
        centres.append(float((weight * np.arange(23)).sum() / weight.sum()))
    assert centres[0] + 1 < centres[1] < centres[2] - 1


def test_glasses_are_seen_and_hold_the_blink_back() -> None:
    assert portrait("grace_hopper.jpg").glasses
    assert not portrait("astronaut.png").glasses


@pytest.mark.parametrize(
    ("name", "knob", "value", "shown"),
    [
        (NAMES[0], "teeth_brightness", 0.5, {"open": 0.3, "speaking": 1.0}),
        (NAMES[0], "teeth_variety", 3.0, {"open": 0.3, "speaking": 1.0}),
        (NAMES[0], "shading", 0.0, {"open": 0.3, "speaking": 1.0}),
        (NAMES[0], "glasses_blink", 0.2, {"blink": 1.0}),
        (NAMES[1], "gaze", 0.1, {"gaze_x": 1.0}),
        (NAMES[1], "unsmile", 0.0, {"pucker": 1.0, "speaking": 1.0}),
        (NAMES[1], "aperture_soft", 0.0, {"open": 0.015, "speaking": 1.0}),
    ],
)
def test_every_knob_of_the_look_changes_the_picture(
    name: str, knob: str, value: float, shown: dict[str, float]
) -> None:
    usual = renderer(name).render(pose(**shown)).astype(int)
    changed = Renderer(portrait(name), Look.model_validate({knob: value})).render(pose(**shown))
    assert np.abs(changed - usual).max() > 3


# --- what is kept ------------------------------------------------------------------------------------------


@both
def test_a_portrait_survives_its_bytes(name: str) -> None:
    blob = portrait(name).to_bytes()
    assert len(blob) < 3_000_000
    again = Renderer(Portrait.from_bytes(blob))
    for each in (REST, pose(open=0.25, yaw=0.02, blink=0.5, gaze_x=0.4, speaking=1)):
        assert (again.render(each) == renderer(name).render(each)).all()


@both
def test_enrolling_twice_gives_the_same_bytes(name: str) -> None:
    again = prepare(photo(name))
    assert (again.matte == portrait(name).matte).all() and (again.points == portrait(name).points).all()


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"not an avatar" * 9])
def test_a_damaged_blob_is_a_typed_error(damage: object) -> None:
    with pytest.raises(EngineFailed, match="Enrol"):
        Portrait.from_bytes(damage(portrait(NAMES[1]).to_bytes()))  # type: ignore[operator]


def test_another_frame_size_is_honoured() -> None:
    small = prepare(photo(NAMES[1]), (256, 256))
    assert small.frame_size == (256, 256)
    assert Renderer(small).render(pose(open=0.2, speaking=1)).shape == (256, 256, 3)
