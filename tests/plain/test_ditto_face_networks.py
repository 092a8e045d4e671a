"""The networks that find a face's landmarks, as stand-in graphs of the published inputs and outputs."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deployments.contracts import Float32
from deployments.errors import BadInput, EngineFailed, WeightsMissing
from deployments.video.ditto.face import finder, scrfd
from deployments.video.ditto.face.finder import LandmarkFinder
from deployments.video.ditto.face.landmark106 import Landmarks106
from deployments.video.ditto.face.landmark203 import Landmarks203
from deployments.video.ditto.face.scrfd import Scrfd, anchors, suppressed
from deployments.video.ditto.face.settings import FaceSettings
from tests.ditto_faces import landmarks_203, write_insightface, write_landmark203
from tests.ditto_weights import u

pytestmark = pytest.mark.plain


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_203_landmarks_come_from_either_published_file(tmp_path: Path, outputs: int) -> None:
    write_landmark203(tmp_path, outputs)
    found = Landmarks203(tmp_path / "landmark203.onnx", 1).find(np.full((224, 224, 3), 9, np.uint8))
    assert found == pytest.approx(landmarks_203() * 224, abs=1e-3)


def test_a_graph_of_another_network_is_refused(tmp_path: Path) -> None:
    write_insightface(tmp_path, (0, 0, 9, 9), np.zeros((106, 2), np.float32))
    with pytest.raises(EngineFailed, match="not the expected network"):
        Landmarks203(tmp_path / "2d106det.onnx", 1).find(np.zeros((224, 224, 3), np.uint8))
    write_landmark203(tmp_path)
    with pytest.raises(EngineFailed):
        Landmarks106(tmp_path / "landmark203.onnx", 1).find(np.zeros((50, 50, 3), np.uint8), np.array([1, 1, 9, 9.0]))


def test_missing_and_broken_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="avatar models pull"):
        Landmarks203(tmp_path / "landmark203.onnx", 1)
    (tmp_path / "landmark203.onnx").write_bytes(b"no graph")
    with pytest.raises(EngineFailed, match="Fetch it again"):
        Landmarks203(tmp_path / "landmark203.onnx", 1)


def test_scrfd_finds_a_box_in_the_photos_own_pixels(tmp_path: Path) -> None:
    write_insightface(tmp_path, (100, 60, 200, 180), np.zeros((106, 2), np.float32))
    detector = Scrfd(tmp_path / "det_10g.onnx", 1, 0.5)
    for height, width in ((512, 512), (1024, 768), (300, 600)):
        zoom = 512 / max(height, width)
        box = detector.largest(np.zeros((height, width, 3), np.uint8))
        assert box == pytest.approx(np.array([100, 60, 200, 180]) / zoom, abs=0.01)
    assert Scrfd(tmp_path / "det_10g.onnx", 1, 0.95).largest(np.zeros((90, 90, 3), np.uint8)) is None


def test_scrfds_anchors_stand_on_the_cells_corners() -> None:
    assert [len(anchors(stride)) for stride in scrfd.STRIDES] == [8192, 2048, 512]
    assert anchors(32)[[0, 1, 2, 32, -1]].tolist() == [[0, 0], [0, 0], [32, 0], [0, 32], [480, 480]]


def test_of_boxes_that_overlap_the_surest_stays() -> None:
    boxes = np.array([[0, 0, 99, 99], [10, 0, 109, 99], [60, 0, 159, 99], [300, 0, 310, 10]], np.float32)
    assert suppressed(boxes, np.array([0.6, 0.9, 0.7, 0.5], np.float32)) == [1, 2, 3]


def test_insightfaces_networks_see_bgr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published pipeline swaps RGB twice: its networks see blue first."""
    write_insightface(tmp_path, (100, 60, 200, 180), np.zeros((106, 2), np.float32))
    detector, landmarks = Scrfd(tmp_path / "det_10g.onnx", 1, 0.5), Landmarks106(tmp_path / "2d106det.onnx", 1)
    seen: list[Float32] = []
    for network in (detector, landmarks):
        run = network._graph.run

        def watched(tensor: Float32, run: Callable[[Float32], list[Float32]] = run) -> list[Float32]:
            seen.append(tensor)
            return run(tensor)

        monkeypatch.setattr(network._graph, "run", watched)
    photo = np.broadcast_to(np.array([200, 100, 50], np.uint8), (512, 512, 3)).copy()
    detector.largest(photo)
    landmarks.find(photo, np.array([100, 60, 200, 180], np.float32))
    assert seen[0][0, :, 50, 50] * 128 + 127.5 == pytest.approx([200, 100, 50])
    assert seen[1][0, :, 96, 96] == pytest.approx([200, 100, 50])


def test_the_106_landmarks_come_back_to_the_photo(tmp_path: Path) -> None:
    points = u("lmk106", (106, 2), 20, 170)
    write_insightface(tmp_path, (100, 60, 200, 180), points)
    box = np.array([100, 60, 200, 180], np.float32)
    found = Landmarks106(tmp_path / "2d106det.onnx", 1).find(np.zeros((400, 400, 3), np.uint8), box)
    zoom = 192 / (1.5 * 120)
    assert found == pytest.approx((points - 96) / zoom + [150, 120], abs=1e-2)


def test_insightface_is_off_by_default_and_its_licence_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_landmark203(tmp_path)
    with caplog.at_level(logging.WARNING, "ray.serve"):
        LandmarkFinder(tmp_path, FaceSettings())
        assert not caplog.records
        with pytest.raises(WeightsMissing, match="det_10g"):
            LandmarkFinder(tmp_path, FaceSettings(detector="insightface"))
    assert "non-commercial" in caplog.text
    described = FaceSettings.model_json_schema()["properties"]["detector"]["description"]
    assert "non-commercial" in described and FaceSettings().detector == "mesh"


def test_insightfaces_files_go_by_either_name(tmp_path: Path) -> None:
    write_landmark203(tmp_path)
    write_insightface(tmp_path, (100, 60, 200, 180), np.zeros((106, 2), np.float32))
    settings = FaceSettings(detector="insightface")
    LandmarkFinder(tmp_path, settings)
    (tmp_path / "det_10g.onnx").rename(tmp_path / finder.DETECTORS[1])
    (tmp_path / "2d106det.onnx").rename(tmp_path / finder.LANDMARKS106[1])
    LandmarkFinder(tmp_path, settings)


def test_insightfaces_detector_that_sees_nobody_is_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_landmark203(tmp_path)
    write_insightface(tmp_path, (100, 60, 200, 180), np.zeros((106, 2), np.float32))
    strict = LandmarkFinder(tmp_path, FaceSettings(detector="insightface", detection_score_min=0.95))
    monkeypatch.setattr(
        finder, "find_face", lambda photo, threads: type("Face", (), {"points": u("m", (478, 3), 0, 9)})
    )
    with pytest.raises(BadInput, match="No face"):
        strict.find(np.zeros((300, 300, 3), np.uint8))
