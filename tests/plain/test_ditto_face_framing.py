"""How a photo is brought to the canvas, on a drawn face: where it stands, and what is shown beyond the edges."""

import numpy as np
import pytest

from deployments.contracts import Float32, Image
from deployments.video.ditto.face.framing import View, extended, frame, limited, show
from deployments.video.ditto.face.settings import FaceSettings
from deployments.video.faces.indices import CHIN, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK

pytestmark = pytest.mark.plain
CANVASES = ((256, 384), (384, 578), (512, 768))
SETTINGS = FaceSettings()


def mesh(x: float, y: float, width: float) -> Float32:
    """float32 [478, 3]: a face of this width about this middle."""
    points = np.full((478, 3), (x, y, 0), np.float32)
    points[RIGHT_CHEEK, 0], points[LEFT_CHEEK, 0] = x - width / 2, x + width / 2
    points[FOREHEAD, 1], points[CHIN, 1] = y - 0.65 * width, y + 0.65 * width
    return points


def photo(width: int, height: int) -> Image:
    """Red tells the column, green the row: both over 255, unlike any filling."""
    across = np.broadcast_to(np.linspace(0, 255, width)[None], (height, width))
    down = np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width))
    return np.stack([np.full_like(across, 90), down, across], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("canvas", CANVASES)
def test_on_a_roomy_photo_the_face_has_its_share_and_its_place(canvas: tuple[int, int]) -> None:
    view = frame(mesh(900, 800, 400), (1920, 1920), canvas, SETTINGS)
    matrix = view.to_canvas()
    middle = matrix[:2, :2] @ [900, 800] + matrix[:2, 2]
    assert 400 / view.step == pytest.approx(SETTINGS.face_share * canvas[0], rel=1e-3)
    assert middle == pytest.approx([canvas[0] / 2, SETTINGS.face_height * canvas[1]], abs=1)
    picture = np.zeros((1920, 1920, 3), np.uint8)
    filled, across, down = extended(picture, view.reach(canvas), 10)
    assert filled is picture and (across, down) == (0, 0), "nothing is added"


def test_on_a_narrow_photo_the_face_comes_closer_and_then_the_edge_goes_on() -> None:
    canvas = (384, 578)
    close = frame(mesh(250, 300, 260), (500, 760), canvas, SETTINGS)
    assert close.left >= -0.01 and close.top >= -0.01 and 260 / close.step / 384 > SETTINGS.face_share
    tight = frame(mesh(150, 170, 260), (300, 340), canvas, SETTINGS)
    assert 260 / tight.step / 384 == pytest.approx(SETTINGS.face_share_max, rel=1e-3)
    assert tight.left < 0 or tight.top < 0
    wide, across, down = extended(photo(300, 340), tight.reach(canvas), 10)
    assert wide.shape[0] >= 578 * tight.step - 1 and wide.shape[1] >= 384 * tight.step - 1
    shown = show(wide, tight.moved(across, down), canvas)
    assert shown.shape == (578, 384, 3)


def test_what_is_added_continues_the_photo_and_leaves_it_as_it_is() -> None:
    picture = photo(300, 340)
    view = View(left=-40.0, top=-60.0, step=1.0)
    wide, across, down = extended(picture, view.reach((380, 460)), 15)
    assert view.moved(across, down) == View(0.0, 0.0, 1.0) and wide.shape == (460, 380, 3)
    assert (wide[60:400, 40:340] == picture).all()
    assert np.abs(wide[100, 39].astype(int) - picture[40, 0]).max() <= 2, "no step at the edge"
    assert wide[:, :, 0].min() == wide[:, :, 0].max() == 90


def test_a_small_photo_is_not_blown_up() -> None:
    for most in (1.0, 2.0):
        view = frame(mesh(150, 170, 85), (300, 340), (512, 768), FaceSettings(enlargement_max=most))
        assert view.step == pytest.approx(1 / most)
    smallest = frame(mesh(150, 170, 80), (300, 340), (512, 768), SETTINGS)
    assert 80 / smallest.step / 512 == pytest.approx(SETTINGS.face_share, rel=0.03), "the smallest face that is taken"


def test_a_long_face_takes_its_share_by_its_length() -> None:
    points = mesh(900, 800, 400)
    points[FOREHEAD, 1] -= 200
    assert frame(points, (1920, 1920), (384, 578), SETTINGS).step > 400 / (SETTINGS.face_share * 384) * 1.05


def test_the_canvas_shows_what_its_matrix_says() -> None:
    picture = photo(1000, 1200)
    view = View(left=200.0, top=150.0, step=1.5)
    shown = show(picture, view, (384, 578))
    matrix = view.to_canvas()
    for x, y in ((20, 30), (190, 280), (370, 560)):
        at = (np.array([x, y]) - matrix[:2, 2]) / matrix[0, 0]
        assert shown[y, x, 2] == pytest.approx(at[0] / 999 * 255, abs=1.1)
        assert shown[y, x, 1] == pytest.approx(at[1] / 1199 * 255, abs=1.1)


def test_photos_are_limited_and_even() -> None:
    assert limited(np.zeros((203, 301, 3), np.uint8), 1920).shape == (202, 300, 3)
    assert limited(np.zeros((601, 901, 3), np.uint8), 600).shape == (400, 600, 3)
