"""Compositing on the device against the published put-back on the CPU and against swscale's colours."""

from functools import cache

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from deployments.contracts import Image
from deployments.errors import EngineFailed
from deployments.video.ditto.face.avatar import DittoAvatar
from deployments.video.ditto.face.compositing import Compositor, Layout, Scene
from deployments.video.ditto.face.crop import place
from deployments.video.ditto.face.mask import feather, put_back
from deployments.video.ditto.sizes import NARROW
from deployments.video.encoders import open_encoder
from deployments.video.encoding_settings import EncodingSettings
from tests.ditto_faces import PlainFaceNetworks, landmarks_203
from tests.ditto_golden import compare, golden
from tests.ditto_weights import u

pytestmark = pytest.mark.contract
CPU = torch.device("cpu")
CANVASES = ((256, 384), (384, 578), (512, 768))


def avatar(background: Image, placement: npt.NDArray[np.float32]) -> DittoAvatar:
    source = np.zeros((256, 256, 3), np.uint8)
    motion = PlainFaceNetworks().motion(np.zeros((1, 3, 256, 256), np.float32))
    return DittoAvatar(
        background, placement, source, motion, np.zeros((478, 3), np.float32), np.zeros((203, 2), np.float32)
    )


@cache
def reference() -> tuple[Compositor, Scene]:
    """The published picture, whose colours are RGB."""
    picture = golden("crop_putback")["img"]
    compositor = Compositor((picture.shape[1], picture.shape[0]), CPU)
    stored = avatar(np.ascontiguousarray(picture[:, :, ::-1]), golden("crop_putback")["M_c2o_512"])
    return compositor, compositor.scene(stored)


def drawn(canvas: tuple[int, int], seed: int = 0, tilt: float = 0.2) -> DittoAvatar:
    """A noisy canvas with a tilted face on it that reaches over its sides."""
    background = np.random.default_rng(seed).integers(0, 256, (canvas[1], canvas[0], 3), dtype=np.uint8)
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    points = (landmarks_203() - 0.5) @ turn * 0.72 * canvas[0] + [canvas[0] / 2, 0.44 * canvas[1]]
    return avatar(background, place(points.astype(np.float32), 512, 2.3, -0.125).inverse)


@cache
def faces(count: int, pixels: int = 512) -> torch.Tensor:
    return torch.from_numpy(u("compositing", (count, 3, pixels, pixels), 0, 1))


def swscale(picture: Image) -> Image:
    """uint8 [3h/2, w]: BGR as the CPU's encoder gets it."""
    exact = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
    frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(
        format="nv12", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG, interpolation=exact
    )
    return np.asarray(frame.to_ndarray(), np.uint8)


def apart(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> int:
    return int(np.abs(first.astype(int) - second).max())


def test_frames_are_the_published_put_backs() -> None:
    compositor, scene = reference()
    face = torch.from_numpy(u("rend", (512, 512, 3), 0, 255).transpose(2, 0, 1)[None] / np.float32(255))
    frame = compositor.compose([scene], face, "bgr")[0].numpy()[:, :, ::-1]
    assert compare("crop_putback", "putback", frame) <= 1
    planes = compositor.compose([scene], face)[0].numpy()
    assert planes.shape == (540, 480)
    assert apart(planes, swscale(np.ascontiguousarray(frame[:, :, ::-1]))) <= 1


@pytest.mark.parametrize("canvas", CANVASES)
def test_every_canvas_is_composited_and_converted_alike(canvas: tuple[int, int]) -> None:
    """The hardest picture, noise, in a tilted crop that the canvas cuts off."""
    stored, compositor = drawn(canvas), Compositor(canvas, CPU)
    scene, face = compositor.scene(stored), faces(1)
    frame = compositor.compose([scene], face, "bgr")[0].numpy()
    shown = np.ascontiguousarray(face[0].numpy().transpose(1, 2, 0)[:, :, ::-1]) * np.float32(255)
    published = put_back(stored.background, shown, feather(), stored.placement)
    assert apart(frame, published) <= 1
    assert apart(compositor.compose([scene], face)[0].numpy(), swscale(published)) <= 2
    assert apart(scene.still["nv12"].numpy(), swscale(stored.background)) <= 1


@pytest.mark.parametrize("layout", ["nv12", "bgr"])
def test_outside_the_box_nothing_changes(layout: Layout) -> None:
    canvas = (384, 578)
    stored, compositor = drawn(canvas), Compositor(canvas, CPU)
    scene = compositor.scene(stored)
    frame = compositor.compose([scene], faces(1), layout)[0]
    box, still = scene.box, scene.still[layout]
    assert box.top + box.height < canvas[1] and not any(edge % 2 for edge in (box.left, box.top, box.width, box.height))
    changed = (frame != still).reshape(frame.shape[0], -1).any(dim=1).numpy()
    rows = np.flatnonzero(changed[: canvas[1]])
    assert rows.min() >= box.top and rows.max() < box.top + box.height
    if layout == "bgr":
        assert (still.numpy() == stored.background).all()


@pytest.mark.parametrize("layout", ["nv12", "bgr"])
def test_a_frame_does_not_depend_on_its_batch(layout: Layout) -> None:
    compositor = Compositor((256, 384), CPU)
    scenes = [compositor.scene(drawn((256, 384), seed, tilt)) for seed, tilt in ((1, 0.2), (2, -0.1))]
    order = [scenes[0], scenes[0], scenes[1], scenes[0], scenes[1]]
    shown = faces(5, NARROW.face_pixels)
    together = compositor.compose(order, shown, layout)
    for index, scene in enumerate(order):
        alone = compositor.compose([scene], shown[index : index + 1], layout)[0]
        assert torch.equal(alone, together[index])
    assert len(compositor.compose([], faces(0), layout)) == 0


def test_faces_of_any_size_and_precision_fill_the_same_place() -> None:
    """A small face is the large one, coarser: the same soft picture lands on the same pixels."""
    stored, compositor = drawn((256, 384)), Compositor((256, 384), CPU)
    scene = compositor.scene(stored)
    soft = torch.nn.functional.interpolate(faces(1, 4), size=(512, 512), mode="bicubic").clamp(0, 1)
    small = torch.nn.functional.interpolate(soft, size=(NARROW.face_pixels,) * 2, mode="area")
    large = compositor.compose([scene], soft, "bgr")[0].numpy()
    assert apart(compositor.compose([scene], small, "bgr")[0].numpy(), large) <= 4
    assert apart(compositor.compose([scene], soft.half(), "bgr")[0].numpy(), large) <= 1


def test_a_crop_beside_the_canvas_leaves_it_as_it_is() -> None:
    stored = drawn((256, 384))
    stored.placement[:2, 2] += 5000
    compositor = Compositor((256, 384), CPU)
    scene = compositor.scene(stored)
    assert (compositor.compose([scene], faces(1), "bgr")[0].numpy() == stored.background).all()


def test_another_canvas_is_a_typed_error() -> None:
    with pytest.raises(EngineFailed, match="256x384 pixels, not 384x578"):
        Compositor((384, 578), CPU).scene(drawn((256, 384)))


def test_frames_go_straight_to_the_encoder() -> None:
    stored, compositor = drawn((256, 384)), Compositor((256, 384), CPU)
    planes = compositor.compose([compositor.scene(stored)] * 5, faces(5, NARROW.face_pixels))
    encoder = open_encoder((256, 384), EncodingSettings(encoder="x264"))
    assert not encoder.device_frames
    assert [frame.index for frame in encoder.encode(list(planes.numpy()), 10)] == [10, 11, 12, 13, 14]
