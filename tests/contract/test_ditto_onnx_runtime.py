"""Ditto's parts over ONNX Runtime: built, stored, opened, and equal to the parts in torch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deployments.contracts import Float32
from deployments.errors import BadInput, EngineFailed, EngineUnusable
from deployments.gpu.nvml import NvmlCards
from deployments.store.store import AVATAR_ENROLMENTS, Store
from deployments.video.ditto.face.avatar import DittoAvatar
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.runtimes import building
from deployments.video.ditto.runtimes.building import Order, build_engines
from deployments.video.ditto.runtimes.calibration import stored_frames
from deployments.video.ditto.runtimes.hubert import OnnxHearer
from deployments.video.ditto.runtimes.opening import Opened, open_networks
from deployments.video.ditto.runtimes.quality import Distance
from deployments.video.ditto.runtimes.samples import made_up
from deployments.video.ditto.runtimes.settings import RuntimeSettings
from deployments.video.ditto.types import Identity, Motion
from tests import ditto_exports as narrow
from tests.ditto_weights import n, u

pytestmark = pytest.mark.contract
FRAMES = 5


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> RuntimeSettings:
    """Settings under whose engines_dir the graphs of the narrow networks are."""
    folder = tmp_path_factory.mktemp("engines")
    settings = RuntimeSettings(runtime="onnxruntime", engines_dir=folder, max_batch_frames=3)
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "export_all", narrow.exported)
        key, where = build_engines(narrow.networks(), Order(settings), NvmlCards(), said.append)
    assert where.parent == folder and key.library == "onnxruntime"
    assert any("dB from torch" in line for line in said)
    return settings


@pytest.fixture(scope="module")
def parts(stored: RuntimeSettings) -> Opened:
    return open_networks(narrow.networks(), stored)


@pytest.fixture(scope="module")
def torch_parts() -> Opened:
    return open_networks(narrow.networks(), RuntimeSettings())


def points(name: str, count: int) -> Float32:
    return u(f"runtime:{name}", (count, 21, 3), -0.5, 0.5)


def faces_of(opened: Opened) -> list[Identity]:
    """Two faces, as five frames of two streams have them."""
    found = []
    for number in range(2):
        picture = u(f"runtime:picture {number}", (1, 3, narrow.SIZES.source_pixels, narrow.SIZES.source_pixels), 0, 1)
        feature = opened.faces.appearance(picture)
        found.append(opened.renderer.identity(feature, points(f"source {number}", 1)))
    return [found[0], found[0], found[1], found[1], found[0]]


def test_frames_are_those_of_torch_whoever_shares_the_batch(parts: Opened, torch_parts: Opened) -> None:
    driving = points("driving", FRAMES)
    faces = faces_of(parts)
    where = parts.renderer.fields(faces, driving)
    pictures = parts.renderer.frames(faces, driving, where)
    side = narrow.SIZES.face_pixels
    assert pictures.shape == (FRAMES, 3, side, side) and pictures.device == parts.device
    wanted_faces = faces_of(torch_parts)
    wanted_where = torch_parts.renderer.fields(wanted_faces, driving)
    wanted = torch_parts.renderer.frames(wanted_faces, driving, wanted_where)
    assert (where.mask - wanted_where.mask).abs().max() <= 1e-5
    assert (pictures - wanted).abs().max() <= 1e-4
    for row in range(FRAMES):
        alone = parts.renderer.fields(faces[row : row + 1], driving[row : row + 1])
        picture = parts.renderer.frames(faces[row : row + 1], driving[row : row + 1], alone)
        assert (picture[0] - pictures[row]).abs().max() <= 1e-5


def test_more_frames_than_the_engines_take_go_in_parts(parts: Opened, stored: RuntimeSettings) -> None:
    assert stored.max_batch_frames < FRAMES
    driving = points("driving", FRAMES)
    assert len(parts.renderer.fields(faces_of(parts), driving).occlusion) == FRAMES


@pytest.mark.parametrize("batch", [1, 4])
def test_motion_is_that_of_torch(parts: Opened, torch_parts: Opened, batch: int) -> None:
    conditions, first = n("runtime:conditions", (batch, 80, 1103)), n("runtime:first", (batch, 265))
    noise = n("runtime:noise", (3, batch, 80, 265))
    found = parts.diffuser.sample(conditions, first, noise)
    assert found.shape == (batch, 80, 265) and found.dtype == np.float32
    np.testing.assert_allclose(found, torch_parts.diffuser.sample(conditions, first, noise), atol=1e-4)
    last = slice(batch - 1, batch)
    alone = parts.diffuser.sample(conditions[last], first[last], noise[:, last])
    np.testing.assert_allclose(found[last], alone, atol=1e-4)


def test_motion_asked_with_what_does_not_fit(parts: Opened) -> None:
    with pytest.raises(EngineFailed, match="do not fit together"):
        parts.diffuser.sample(n("a", (2, 80, 1103)), n("b", (1, 265)), n("c", (3, 2, 80, 265)))


def test_stitching_is_that_of_torch(parts: Opened, torch_parts: Opened) -> None:
    source, driving = points("source", FRAMES), points("driving", FRAMES)
    found = parts.stitcher.stitch(source, driving)
    np.testing.assert_allclose(found, torch_parts.stitcher.stitch(source, driving), atol=1e-5)
    np.testing.assert_allclose(found[3:4], parts.stitcher.stitch(source[3:4], driving[3:4]), atol=1e-6)


def test_faces_are_those_of_torch(parts: Opened, torch_parts: Opened) -> None:
    picture = u("runtime:face", (1, 3, 256, 256), 0, 1)
    found, wanted = parts.faces.motion(picture), torch_parts.faces.motion(picture)
    for name in ("scale", "pitch", "yaw", "roll", "t", "exp", "kp"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), atol=1e-4)


def test_engines_of_other_weights_are_not_used(stored: RuntimeSettings) -> None:
    other = replace(narrow.networks(), stitch=Stitch(narrow.SIZES))
    with pytest.raises(EngineUnusable, match=r"are for weights .*avatar engines build"):
        open_networks(other, stored)


def test_a_corrupt_graph_is_refused(stored: RuntimeSettings, tmp_path: Path) -> None:
    settings = stored.model_copy(update={"engines_dir": tmp_path / "copy"})
    (tmp_path / "copy").mkdir()
    (folder,) = stored.engines_dir.iterdir()
    copied = tmp_path / "copy" / folder.name
    copied.mkdir()
    for path in folder.iterdir():
        (copied / path.name).write_bytes(path.read_bytes())
    (copied / "decoder.onnx").write_bytes(b"\x08\x0anot a graph")
    with pytest.raises(EngineUnusable, match=r"decoder.onnx is not the file that was built.*avatar engines build"):
        open_networks(narrow.networks(), settings)


def enrolled(seed: int) -> DittoAvatar:
    random = np.random.default_rng(seed)

    def numbers(*shape: int) -> Float32:
        return random.normal(0, 0.2, shape).astype(np.float32)

    angles = (numbers(1, 66), numbers(1, 66), numbers(1, 66))
    motion = Motion(np.ones((1, 1), np.float32), *angles, numbers(1, 3), 0.1 * numbers(1, 63), numbers(1, 63))
    picture = np.kron(random.integers(0, 255, (8, 8, 3)), np.ones((32, 32, 1))).astype(np.uint8)
    return DittoAvatar(
        background=np.zeros((64, 48, 3), np.uint8),
        placement=np.eye(3, dtype=np.float32),
        source=picture,
        motion=motion,
        mesh=numbers(478, 3),
        landmarks=numbers(203, 2),
    )


def test_8_bits_are_calibrated_on_the_stores_avatars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(BadInput, match="has none that Ditto enrolled"):
        stored_frames(str(tmp_path / "store"), narrow.networks(), 2)
    store.add(AVATAR_ENROLMENTS, enrolled(1).to_bytes())
    store.add(AVATAR_ENROLMENTS, enrolled(2).to_bytes())
    store.add(AVATAR_ENROLMENTS, b"of another engine")
    frames = stored_frames(str(tmp_path / "store"), narrow.networks(), 2)
    assert frames.picture.shape[0] == 4 and not torch.equal(frames.driving[0], frames.driving[1])
    assert torch.equal(frames.source[0], frames.source[1]) and not torch.equal(frames.source[0], frames.source[2])
    assert frames.source.abs().max() < 2
    monkeypatch.setattr(building, "export_all", narrow.exported)
    settings = RuntimeSettings(runtime="onnxruntime", precision="int8", engines_dir=tmp_path / "engines")
    said: list[str] = []
    order = Order(settings, faces=frames.rows(0, 3))
    build_engines(narrow.networks(), order, NvmlCards(), said.append)
    assert any("in 8 bits" in line for line in said)
    open_networks(narrow.networks(), settings)
    monkeypatch.setattr(building, "distance", lambda found, wanted: Distance(0.1, 37.9 if wanted[0].ndim == 4 else 99))
    with pytest.raises(EngineUnusable, match=r"37\.9 dB"):
        build_engines(narrow.networks(), order, NvmlCards(), said.append)


@pytest.mark.parametrize(
    ("settings", "ahead", "said"),
    [
        (RuntimeSettings(), None, "needs no engines"),
        (RuntimeSettings(runtime="onnxruntime"), "sm_89", "Only TensorRT-RTX builds ahead of time"),
        (RuntimeSettings(runtime="tensorrt", device="cuda"), "sm_89", "Only TensorRT-RTX builds ahead of time"),
        (RuntimeSettings(runtime="onnxruntime", precision="int8"), None, "calibrated on avatars"),
    ],
)
def test_orders_that_cannot_be(settings: RuntimeSettings, ahead: str | None, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Order(settings, ahead)


def test_made_up_frames_differ() -> None:
    frames = made_up(narrow.networks())
    assert not torch.equal(frames.picture[0], frames.picture[1]) and not torch.equal(frames.source, frames.driving)


class TestHubert:
    """The stand-in has the published graph's inputs and outputs."""

    def test_each_window_is_what_it_would_be_alone(self, tmp_path: Path) -> None:
        hearer = OnnxHearer(narrow.hubert_file(tmp_path, narrow.hubert()), RuntimeSettings())
        windows = u("runtime:sound", (3, 6480), -1, 1)
        found = hearer.features(windows)
        assert found.shape == (3, 20, 1024) and found.dtype == np.float32
        for row in range(3):
            np.testing.assert_array_equal(found[row], hearer.features(windows[row : row + 1])[0])
        assert not np.array_equal(found[0], found[1])
        assert hearer.features(windows[:0]).shape == (0, 20, 1024)

    def test_other_windows_are_refused(self, tmp_path: Path) -> None:
        hearer = OnnxHearer(narrow.hubert_file(tmp_path, narrow.hubert()), RuntimeSettings())
        with pytest.raises(BadInput, match="6480"):
            hearer.features(u("runtime:sound", (1, 6479), -1, 1))

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"", "cannot load"),
            (b"not a graph at all", "cannot load"),
            (narrow.hubert(rows=19), r"makes \(19, 1024\)"),
            (narrow.hubert(dims=768), r"makes \(20, 768\)"),
            (narrow.hubert(name="sound"), "inputs .'sound'."),
            (narrow.hubert(length=16000), "takes 16000 samples at a time"),
        ],
    )
    def test_other_files_are_refused(self, tmp_path: Path, data: bytes, said: str) -> None:
        path = narrow.hubert_file(tmp_path, data)
        with pytest.raises(EngineUnusable, match=said) as caught:
            OnnxHearer(path, RuntimeSettings())
        assert "avatar models pull" in caught.value.message

    def test_an_absent_file_names_the_remedy(self, tmp_path: Path) -> None:
        with pytest.raises(EngineUnusable, match=r"does not exist.*avatar models pull"):
            OnnxHearer(tmp_path / "hubert.onnx", RuntimeSettings())
