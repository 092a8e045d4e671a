"""The face's crop and its way back, against what the published pipeline computed."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from deployments.contracts import Float32
from deployments.video.ditto.face.crop import (
    CROP_RISE,
    CROP_SCALE,
    FIRST_PIXELS,
    FIRST_RISE,
    FIRST_SCALE,
    Crop,
    cut,
    moved,
    place,
)
from deployments.video.ditto.face.mask import feather, put_back
from deployments.video.ditto.face.points import AXIS_203, MESH_OUTLINE, axis_of, outline
from deployments.video.ditto.face.settings import FaceSettings
from deployments.video.faces.detection import ANCHORS
from tests.ditto_golden import compare, golden
from tests.ditto_weights import u

pytestmark = pytest.mark.plain


def landmarks(count: int) -> Float32:
    """The reference's landmarks: float32 [count, 2] in pixels of its picture."""
    spread, middle = np.array([60, 75], np.float32), np.array([240, 170], np.float32)
    return u(f"lmk{count}", (count, 2), -1, 1) * spread + middle


@pytest.mark.parametrize(
    ("key", "count", "pixels", "scale", "rise"),
    [
        ("M_o2c_224", 203, FIRST_PIXELS, FIRST_SCALE, FIRST_RISE),
        ("M_o2c_106", 106, FIRST_PIXELS, FIRST_SCALE, FIRST_RISE),
        ("M_o2c_512", 203, 512, CROP_SCALE, CROP_RISE),
    ],
)
def test_crops_lie_where_the_published_ones_do(key: str, count: int, pixels: int, scale: float, rise: float) -> None:
    crop = place(landmarks(count), pixels, scale, rise)
    assert compare("crop_putback", key, crop.matrix) < 1e-4  # offsets of hundreds of pixels in float32
    if key == "M_o2c_512":
        assert compare("crop_putback", "M_c2o_512", crop.inverse) < 1e-4
        assert crop.side == pytest.approx(float(golden("crop_putback")["size"][0]), rel=1e-6)


def test_a_crops_pixels_are_the_published_ones() -> None:
    reference = golden("crop_putback")
    matrix = reference["M_o2c_224"]
    given = Crop(matrix, np.linalg.inv(matrix).astype(np.float32), FIRST_PIXELS, side=233.6)
    assert compare("crop_putback", "crop224", cut(reference["img"], given)) == 0
    own = place(landmarks(203), FIRST_PIXELS, FIRST_SCALE, FIRST_RISE)
    assert compare("crop_putback", "crop224", cut(reference["img"], own)) <= 1
    large = cut(reference["img"], place(landmarks(203), 512, CROP_SCALE, CROP_RISE))
    assert compare("crop_putback", "crop512_mean", large.reshape(-1, 3).mean(0)) < 0.01


def test_mask_and_put_back_are_the_published_ones() -> None:
    reference = golden("crop_putback")
    mask = feather()
    assert compare("crop_putback", "mask", mask[..., None]) < 1e-6
    face = u("rend", (512, 512, 3), 0, 255)
    assert compare("crop_putback", "putback", put_back(reference["img"], face, mask, reference["M_c2o_512"])) == 0


def test_our_face_detector_has_the_published_anchors() -> None:
    anchors = golden("blaze_anchors")["anchors"]
    assert np.array_equal(ANCHORS, anchors[:, :2]) and (anchors[:, 2:] == 1).all()


def test_the_defaults_are_the_published_ones() -> None:
    settings = FaceSettings()
    assert (settings.first_scale, settings.first_rise) == (FIRST_SCALE, FIRST_RISE) == (1.5, -0.1)
    assert (settings.crop_scale, settings.crop_rise) == (CROP_SCALE, CROP_RISE) == (2.3, -0.125)
    assert settings.crop_upright and settings.photo_side_max == 1920 and settings.detection_score_min == 0.5


def test_points_go_to_the_crop_and_back() -> None:
    points = landmarks(203)
    crop = place(points, 512, CROP_SCALE, CROP_RISE)
    inside = moved(points, crop.matrix)
    assert inside.min() > 0 and inside.max() < 512
    assert np.abs(moved(inside, crop.inverse) - points).max() < 1e-2
    eyes = [inside[indices].mean(0) for indices in (AXIS_203.first_eye, AXIS_203.second_eye)]
    down = inside[AXIS_203.mouth].mean(0) - (eyes[0] + eyes[1]) / 2
    assert abs(down[0]) < 0.05 < down[1], "the mouth stands straight under the eyes"


def test_a_crop_can_stay_level() -> None:
    crop = place(landmarks(203), 512, CROP_SCALE, CROP_RISE, upright=False)
    assert crop.matrix[0, 1] == crop.matrix[1, 0] == 0 and crop.matrix[0, 0] == crop.matrix[1, 1] > 0


def test_points_that_fall_together_count_as_upright() -> None:
    points = landmarks(203)
    points[[*AXIS_203.first_eye, *AXIS_203.second_eye, *AXIS_203.mouth]] = points[0]
    crop = place(points, 512, CROP_SCALE, CROP_RISE)
    assert np.isfinite(crop.matrix).all() and abs(crop.matrix[0, 1]) < 1e-6


def test_a_photo_of_many_pixels_is_not_thinned_out() -> None:
    """Fine stripes of a large photo turn gray in a small crop, and do not turn into coarse ones."""
    stripes: npt.NDArray[np.uint8] = np.zeros((1800, 1800, 3), np.uint8)
    stripes[:, ::2] = 255
    points = landmarks(203) * np.float32(3.7)
    crop = place(points, FIRST_PIXELS, FIRST_SCALE, FIRST_RISE)
    assert crop.side > 3 * FIRST_PIXELS
    assert np.ptp(cut(stripes, crop)[8:-8, 8:-8].astype(int)) < 30
    plain = cv2.warpAffine(stripes, crop.matrix[:2], (FIRST_PIXELS, FIRST_PIXELS), flags=cv2.INTER_LINEAR)
    assert np.ptp(plain.astype(int)) > 200, "as it would be otherwise"


def test_a_shrunk_photo_lies_where_it_did() -> None:
    ramp = np.linspace(0, 255, 1800, dtype=np.float32)
    photo = np.broadcast_to(ramp[None, :, None], (1800, 1800, 3)).astype(np.uint8)
    crop = place(landmarks(203) * np.float32(3.7), FIRST_PIXELS, FIRST_SCALE, FIRST_RISE, upright=False)
    columns = np.arange(10, 214)
    wanted = 255 / 1799 * (columns * crop.inverse[0, 0] + crop.inverse[0, 2])
    assert np.abs(cut(photo, crop)[100, columns, 0] - wanted).max() < 1.2


def test_the_first_crop_is_measured_below_the_forehead() -> None:
    mesh = u("mesh", (478, 3), 0, 100)
    assert outline(mesh).shape == (len(MESH_OUTLINE), 2) and 10 not in MESH_OUTLINE
    points = axis_of(len(MESH_OUTLINE))
    assert [list(MESH_OUTLINE[indices]) for indices in (points.first_eye, points.second_eye, points.mouth)] == [
        [33, 133, 159, 145],
        [263, 362, 386, 374],
        [61, 291],
    ]
