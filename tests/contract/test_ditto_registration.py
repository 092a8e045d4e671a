"""From a photo to an avatar: with the real face finder, and stand-ins for the networks whose weights are not here."""

import dataclasses
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from deployments.contracts import Float32, Image
from deployments.errors import AvatarError, BadInput, EngineFailed
from deployments.video.builtins import built_in_photo
from deployments.video.ditto.face.avatar import DittoAvatar
from deployments.video.ditto.face.crop import moved
from deployments.video.ditto.face.finder import Finder, Found, LandmarkFinder
from deployments.video.ditto.face.mask import feather, put_back
from deployments.video.ditto.face.points import AXIS_106, AXIS_203, INSIGHT_LANDMARKS, MESH_OUTLINE
from deployments.video.ditto.face.registration import register
from deployments.video.ditto.face.settings import FaceSettings
from deployments.video.ditto.types import Motion
from deployments.video.faces.detection import detect
from deployments.video.faces.indices import LEFT_CHEEK, RIGHT_CHEEK
from deployments.video.faces.mesh import find_mesh
from deployments.video.portrait.portrait import prepare
from deployments.video.sampling import resized
from tests.ditto_faces import PlainFaceNetworks, landmarks_203, write_insightface, write_landmark203

pytestmark = pytest.mark.contract
CANVASES = ((256, 384), (384, 578), (512, 768))
NAMES = ("grace_hopper", "astronaut")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("faces")
    write_landmark203(made)
    return made


class Remembered:
    """A finder that looked once."""

    def __init__(self, found: Found) -> None:
        self._found = found

    def find(self, photo: Image) -> Found:
        return self._found


@cache
def looked_up(folder: Path, name: str) -> Finder:
    """What the real finder finds in a built-in portrait."""
    return Remembered(LandmarkFinder(folder, FaceSettings()).find(built_in_photo(name)))


def enrolled(
    folder: Path, photo: Image, canvas: tuple[int, int] = (256, 384), settings: FaceSettings | None = None
) -> DittoAvatar:
    """Of any photo, all the way."""
    settings = settings or FaceSettings()
    return register(photo, PlainFaceNetworks(), LandmarkFinder(folder, settings), canvas, settings)


@cache
def portrait(
    folder: Path, name: str, canvas: tuple[int, int] = (256, 384), settings: FaceSettings | None = None
) -> DittoAvatar:
    """Of a built-in portrait, looked at once."""
    settings = settings or FaceSettings()
    return register(built_in_photo(name), PlainFaceNetworks(), looked_up(folder, name), canvas, settings)


def differ(first: DittoAvatar, second: DittoAvatar) -> bool:
    return first.to_bytes() != second.to_bytes()


@pytest.mark.parametrize("canvas", CANVASES)
@pytest.mark.parametrize("name", NAMES)
def test_the_face_stands_well_on_every_canvas(folder: Path, name: str, canvas: tuple[int, int]) -> None:
    avatar = portrait(folder, name, canvas)
    assert avatar.background.shape == (canvas[1], canvas[0], 3) and avatar.canvas == canvas
    points = moved(avatar.mesh[:, :2] * np.float32(512), avatar.placement)
    share = float(np.linalg.norm(points[LEFT_CHEEK] - points[RIGHT_CHEEK])) / canvas[0]
    assert 0.35 < share < 0.62 and points.min() > 0 and (points < canvas).all()
    found = detect(avatar.background)[0]
    assert np.linalg.norm(found.keypoints[0] - points[468]) < 0.04 * canvas[0], "the eye is where it is said to be"


@pytest.mark.parametrize("name", NAMES)
def test_the_crop_put_back_is_the_photo(folder: Path, name: str) -> None:
    """What the networks see, at its place on the canvas, covers it without a seam."""
    avatar = portrait(folder, name, (384, 578))
    crop = cv2.resize(avatar.source[:, :, ::-1], (512, 512), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    again = put_back(avatar.background, crop, feather(), avatar.placement)
    wrong = np.abs(again.astype(int) - avatar.background).mean(-1)
    assert wrong.mean() < 6, "but for what a picture of 256 pixels cannot show"
    shifted = avatar.placement.copy()
    shifted[0, 2] += 4
    assert np.abs(put_back(avatar.background, crop, feather(), shifted).astype(int) - again).mean() > 3


def test_the_mesh_is_the_one_found_in_the_crop(folder: Path) -> None:
    """Spec 1.9 looks for it there; ours is carried over from the photo."""
    avatar = portrait(folder, "astronaut", (512, 768))
    crop = np.ascontiguousarray(resized(avatar.source, (512, 512), cv2.INTER_CUBIC)[:, :, ::-1])
    found = find_mesh(crop, detect(crop)[0]).points / 512
    assert np.abs(found[:, :2] - avatar.mesh[:, :2]).mean() < 0.004
    assert np.corrcoef(found[:468, 2], avatar.mesh[:468, 2])[0, 1] > 0.99
    assert np.ptp(found[:, 2]) == pytest.approx(float(np.ptp(avatar.mesh[:, 2])), rel=0.1)


def test_an_iris_lies_between_the_corners_and_the_lids_of_its_eye(folder: Path) -> None:
    depth = portrait(folder, "astronaut").mesh[:, 2]
    for iris, corners, upper in ((slice(468, 473), [33, 133], 159), (slice(473, 478), [263, 362], 386)):
        assert np.ptp(depth[iris]) == 0 and depth[upper] < depth[iris][0] < depth[corners].mean(), "nearer is smaller"


def test_the_first_crop_holds_the_face_as_the_network_expects_it(folder: Path) -> None:
    """Eyes in the upper half, the mouth in the lower: where the stand-in, a usual face, has them."""
    for name in NAMES:
        photo = built_in_photo(name)
        found = looked_up(folder, name).find(photo)
        eyes = [found.landmarks[indices].mean(0) for indices in (AXIS_203.first_eye, AXIS_203.second_eye)]
        apart = np.linalg.norm(found.mesh[473, :2] - found.mesh[468, :2])
        assert np.linalg.norm(eyes[0] - found.mesh[468, :2]) < 0.15 * apart
        assert np.linalg.norm(eyes[1] - found.mesh[473, :2]) < 0.15 * apart


def test_an_avatar_survives_its_bytes(folder: Path) -> None:
    avatar = portrait(folder, "grace_hopper")
    blob = avatar.to_bytes()
    again = DittoAvatar.from_bytes(blob)
    assert again.to_bytes() == blob and len(blob) < 1_000_000
    assert (again.background == avatar.background).all() and (again.source == avatar.source).all()
    assert again.motion.kp is not None and (again.motion.vectors() == avatar.motion.vectors()).all()
    assert (again.placement == avatar.placement).all() and (again.mesh == avatar.mesh).all()
    assert again.picture().shape == (1, 3, 256, 256) and again.picture(64).shape == (1, 3, 64, 64)
    assert float(again.picture().max()) <= 1 and again.picture(64).mean() == pytest.approx(
        again.picture().mean(), abs=2e-3
    )


def test_enrolling_twice_gives_the_same_bytes(folder: Path) -> None:
    assert not differ(enrolled(folder, built_in_photo("astronaut")), portrait(folder, "astronaut"))


def test_a_damaged_or_foreign_blob_is_a_typed_error(folder: Path) -> None:
    avatar = portrait(folder, "grace_hopper")
    blob = avatar.to_bytes()
    flat = dataclasses.replace(avatar, placement=avatar.placement * 0)
    few = dataclasses.replace(avatar, mesh=avatar.mesh[:9])
    for wrong in (b"", b"no npz", blob[:-20], blob[:5000], flat.to_bytes(), few.to_bytes()):
        with pytest.raises(EngineFailed, match="damaged"):
            DittoAvatar.from_bytes(wrong)
    with pytest.raises(EngineFailed, match="another engine"):
        DittoAvatar.from_bytes(prepare(built_in_photo("grace_hopper")).to_bytes())


def test_a_blob_of_another_version_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    avatar = portrait(folder, "grace_hopper")
    monkeypatch.setattr("deployments.video.ditto.face.avatar.FORMAT", 99)
    newer = avatar.to_bytes()
    monkeypatch.undo()
    with pytest.raises(EngineFailed, match="format 99"):
        DittoAvatar.from_bytes(newer)


def two_people() -> Image:
    both = [cv2.resize(built_in_photo(name), (512, 512)) for name in NAMES]
    return np.hstack(both).astype(np.uint8)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (lambda: np.zeros((0, 0, 3), np.uint8), "empty"),
        (lambda: np.full((400, 300, 3), 128, np.uint8), "No face"),
        (two_people, "2 faces"),
        (lambda: cv2.resize(built_in_photo("astronaut"), (200, 200)), "pixels wide"),
        (lambda: np.ascontiguousarray(np.rot90(built_in_photo("astronaut"))), "side|No face"),
        (lambda: built_in_photo("astronaut")[150:], "cut off|No face|cannot"),
    ],
)
def test_refusals_name_the_reason(folder: Path, picture: object, reason: str) -> None:
    assert callable(picture)
    with pytest.raises(BadInput, match=reason):
        enrolled(folder, picture())


def test_an_odd_canvas_is_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="even"):
        enrolled(folder, built_in_photo("astronaut"), (384, 579))


def test_landmarks_that_miss_the_face_are_refused(tmp_path: Path) -> None:
    write_landmark203(tmp_path, points=landmarks_203() * np.float32(0.3))
    with pytest.raises(AvatarError, match="features"):
        enrolled(tmp_path, built_in_photo("astronaut"))


def close_photo() -> Image:
    return np.ascontiguousarray(built_in_photo("astronaut")[20:260, 130:330])


def test_a_photo_cut_close_gets_edges(folder: Path) -> None:
    avatar = enrolled(folder, close_photo(), (384, 578))
    assert avatar.background.reshape(-1, 3).std(0).min() > 10
    assert (avatar.background.max(axis=(1, 2)) > 40).all(), "no black band"
    points = moved(avatar.mesh[:, :2] * np.float32(512), avatar.placement)
    eye = detect(avatar.background)[0].keypoints[0]
    assert np.linalg.norm(eye - points[468]) < 0.05 * 384


def test_beside_the_photo_the_crop_goes_on_as_its_edge_does(folder: Path) -> None:
    """Black there would creep into the picture with every movement."""
    avatar = portrait(folder, "grace_hopper", (384, 578))
    corner = avatar.placement[:2, :2] @ np.zeros(2) + avatar.placement[:2, 2]
    assert corner[1] < -5, "the crop reaches over the photo's upper edge"
    assert (avatar.source.max(-1).reshape(256, 256) > 20)[:4].all()


class Wordless(PlainFaceNetworks):
    def motion(self, picture: Float32) -> Motion:
        found = super().motion(picture)
        return dataclasses.replace(found, exp=found.exp * np.float32(np.nan))


def test_networks_that_give_no_numbers_are_a_typed_error(folder: Path) -> None:
    with pytest.raises(EngineFailed, match="no usable numbers"):
        register(built_in_photo("astronaut"), Wordless(), looked_up(folder, "astronaut"), (256, 384), FaceSettings())


def test_a_large_photo_gives_the_same_avatar(folder: Path) -> None:
    photo = built_in_photo("astronaut")
    large = cv2.resize(photo, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    one, other = portrait(folder, "astronaut", (384, 578)), enrolled(folder, large, (384, 578))
    assert np.abs(one.placement - other.placement).max() < 4
    assert np.abs(one.source.astype(int) - other.source).mean() < 8


def insight_points(mesh: Float32, box: Float32) -> Float32:
    """float32 [106, 2] in the 192 pixels that the network of a box sees: the mesh's outline, its axis and mouth."""
    zoom = 192 / (1.5 * float((box[2:] - box[:2]).max()))
    inside = (mesh[:, :2] - (box[:2] + box[2:]) / 2) * np.float32(zoom) + 96
    points = np.resize(inside[MESH_OUTLINE], (INSIGHT_LANDMARKS, 2))
    for indices, own in ((AXIS_106.first_eye, [33, 133, 159, 145]), (AXIS_106.second_eye, [263, 362, 386, 374])):
        points[indices] = inside[own]
    points[AXIS_106.mouth] = inside[[61, 291]]
    return points.astype(np.float32)


def test_both_routes_lead_to_one_avatar(folder: Path, tmp_path: Path) -> None:
    """Where InsightFace's networks say what the mesh says, the crops are the same."""
    photo = built_in_photo("astronaut")
    found = looked_up(folder, "astronaut").find(photo)
    low, high = found.mesh[:, :2].min(0), found.mesh[:, :2].max(0)
    box = np.round(np.concatenate([low, high])).astype(np.float32)
    write_landmark203(tmp_path)
    write_insightface(tmp_path, [float(edge) for edge in box], insight_points(found.mesh, box))
    other = LandmarkFinder(tmp_path, FaceSettings(detector="insightface")).find(photo)
    assert np.abs(other.landmarks - found.landmarks).max() < 0.5


@pytest.mark.parametrize(
    "knobs",
    [{"crop_scale": 2.0}, {"crop_rise": 0.0}, {"crop_upright": False}, {"face_share": 0.55}, {"face_height": 0.38}],
)
def test_every_knob_of_the_crop_changes_the_avatar(folder: Path, knobs: dict[str, object]) -> None:
    changed = portrait(folder, "astronaut", settings=FaceSettings.model_validate(knobs))
    assert differ(portrait(folder, "astronaut"), changed)


@pytest.mark.parametrize("knobs", [{"first_scale": 1.7}, {"first_rise": -0.05}, {"photo_side_max": 480}])
def test_every_knob_of_the_search_changes_the_avatar(folder: Path, knobs: dict[str, object]) -> None:
    changed = enrolled(folder, built_in_photo("astronaut"), settings=FaceSettings.model_validate(knobs))
    assert differ(portrait(folder, "astronaut"), changed)


def test_the_knobs_of_narrow_and_of_small_photos(folder: Path) -> None:
    close = close_photo()
    finder = Remembered(LandmarkFinder(folder, FaceSettings()).find(close))
    for canvas, knobs in (((256, 384), {"face_share_max": 0.5}), ((512, 768), {"enlargement_max": 1.0})):
        plain, changed = FaceSettings(), FaceSettings.model_validate(knobs)
        both = [register(close, PlainFaceNetworks(), finder, canvas, settings) for settings in (plain, changed)]
        assert differ(*both)


def test_threads_reach_the_networks(folder: Path) -> None:
    session = LandmarkFinder(folder, FaceSettings(threads=2))._landmarks._graph._session
    assert session.get_session_options().intra_op_num_threads == 2
