"""The parts of Kokoro's graph: the same bytes every time, made once, made again when they are damaged."""

import hashlib
import shutil
from pathlib import Path

import pytest

from deployments.errors import EngineFailed, WeightsMissing
from deployments.tts import kokoro_parts
from deployments.tts.kokoro_parts import PARTS, ensure_parts
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings

pytestmark = [pytest.mark.contract, pytest.mark.weights]


@pytest.fixture(scope="module")
def published() -> Path:
    try:
        return require("kokoro-v1.0-int8", WeightsSettings(offline=True)) / "kokoro-v1.0.int8.onnx"
    except WeightsMissing as missing:
        pytest.skip(missing.message)


@pytest.fixture
def no_making(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What would have been made."""
    made: list[Path] = []
    monkeypatch.setattr(kokoro_parts, "_make", lambda published, folder, source: made.append(folder))
    return made


def hashes(folder: Path) -> dict[str, str]:
    return {part: hashlib.sha256((folder / f"{part}.onnx").read_bytes()).hexdigest() for part in PARTS}


def test_made_anew_they_are_the_same_bytes(published: Path, tmp_path: Path) -> None:
    assert hashes(ensure_parts(published, tmp_path)) == hashes(ensure_parts(published))


def test_they_are_made_once_and_again_only_when_damaged(published: Path, tmp_path: Path, no_making: list[Path]) -> None:
    whole = ensure_parts(published)
    assert no_making == []
    copy = tmp_path / whole.name
    copy.mkdir()
    for name in ("parts.json", "check.npy", *(f"{part}.onnx" for part in PARTS)):
        shutil.copy(whole / name, copy / name)
    assert ensure_parts(published, tmp_path) == copy
    assert no_making == []
    with (copy / "prosody.onnx").open("r+b") as stream:
        stream.seek(5000)
        stream.write(b"damage")
    ensure_parts(published, tmp_path)
    assert no_making == [copy]


def test_another_graph_is_refused_and_a_folder_that_cannot_be_written_to_is_named(
    published: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "set" / "wrong.onnx"
    wrong.parent.mkdir()
    wrong.write_bytes(b"not a graph")
    with pytest.raises(EngineFailed, match="onnxruntime"):
        ensure_parts(wrong)
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineFailed, match="derived_dir"):
        ensure_parts(published, tmp_path / "file" / "below")
