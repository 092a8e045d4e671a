"""Engines on disk: what is stored is found again, and nothing else is taken for it."""

import json
import struct
from pathlib import Path

import pytest
import torch
from torch import nn

from deployments.errors import EngineUnusable
from deployments.gpu.errors import DriverTooOld, NoGpu
from deployments.gpu.nvml import Card
from deployments.video.ditto.runtimes import tensorrt_library
from deployments.video.ditto.runtimes.engine_key import EngineKey, code_digest, digest_of_files, weights_digest
from deployments.video.ditto.runtimes.engine_store import MANIFEST, Built, EngineStore, Manifest
from deployments.video.ditto.runtimes.plan_header import PlanHeader, read_header, require_plan
from deployments.video.ditto.runtimes.tensorrt_library import load, require_driver

pytestmark = pytest.mark.plain


def plan(magic: bytes = b"ftrt", version: tuple[int, ...] = (11, 2, 1, 2), serialisation: int = 0) -> bytes:
    """A plan's header as TensorRT writes it, and something after it."""
    return magic + struct.pack("<I", serialisation) + bytes(16) + bytes(version) + b"weights and kernels"


def key(**changed: object) -> EngineKey:
    base: dict[str, object] = {
        "card": "NVIDIA L4",
        "capability": "sm_89",
        "library": "tensorrt",
        "version": "11.2.1.2",
        "precision": "fp16",
        "max_batch_frames": 5,
        "weights": "a" * 64,
        "code": "b" * 64,
    }
    return EngineKey.model_validate(base | changed)


def built(**changed: object) -> Built:
    data = plan(**changed)  # type: ignore[arg-type]
    return Built(data, largest_error=0.001, psnr_db=62.0, checked="engine")


class Cards:
    """What NVML says of a machine with this driver, or None for none."""

    def __init__(self, version: str | None) -> None:
        self.version = version

    def driver(self) -> str:
        if self.version is None:
            raise NoGpu("No NVIDIA driver answers. Install it.")
        return self.version

    def card(self, identifier: str) -> Card:
        raise AssertionError

    def used_bytes(self, card: Card) -> int:
        raise AssertionError

    def process_bytes(self, card: Card, process_id: int) -> int | None:
        raise AssertionError


def test_what_is_put_is_got(tmp_path: Path) -> None:
    store = EngineStore(tmp_path / "new")
    folder = store.put(key(), {"decoder": built(), "fields": built(version=(11, 2, 1, 9))})
    assert folder.name.startswith("nvidia-l4-sm_89-tensorrt-11.2.1.2-fp16-")
    assert store.get(key()) == {"decoder": plan(), "fields": plan(version=(11, 2, 1, 9))}
    assert store.check(folder) == []
    manifest = store.manifests()[folder]
    assert isinstance(manifest, Manifest) and manifest.engines["decoder"].psnr_db == 62.0


def test_a_new_set_takes_the_old_ones_place_whole(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    store.put(key(), {"decoder": built(), "old": built()})
    store.put(key(), {"decoder": built(version=(11, 2, 1, 3))})
    assert store.get(key()) == {"decoder": plan(version=(11, 2, 1, 3))}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    store.put(key(), {"decoder": built()})
    with pytest.raises(ValueError, match="string_pattern_mismatch"):
        store.put(key(), {"decoder": built(version=(11, 2, 1, 3)), "Not a name!": built()})
    assert store.get(key()) == {"decoder": plan()}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"card": "NVIDIA H200"}, "GPU NVIDIA H200, not NVIDIA L4"),
        ({"version": "11.3.0.4"}, "its version 11.3.0.4, not 11.2.1.2"),
        ({"precision": "int8"}, "precision int8, not fp16"),
        ({"weights": "c" * 64}, "weights cccccccccccc, not aaaaaaaaaaaa"),
        ({"code": "c" * 64}, "exporting code cccccccccccc"),
        ({"max_batch_frames": 8}, "max_batch_frames 8, not 5"),
    ],
)
def test_stale_and_foreign_engines_are_not_used(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    store = EngineStore(tmp_path)
    store.put(key(), {"decoder": built()})
    with pytest.raises(EngineUnusable, match="avatar engines build") as caught:
        store.get(key(**changed))
    assert said in caught.value.message


def test_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(EngineUnusable, match=r"There are no engines in .*avatar engines build"):
        EngineStore(tmp_path / "nowhere").get(key())


def test_a_folder_that_was_renamed_is_not_believed(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    folder = store.put(key(), {"decoder": built()})
    folder.rename(tmp_path / key(card="NVIDIA H200").folder)
    with pytest.raises(EngineUnusable, match="for something else: GPU NVIDIA H200"):
        store.get(key(card="NVIDIA H200"))


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: data[:-1] + b"!", lambda data: b"", lambda data: b"\x00" * len(data)],
)
def test_damaged_engines_are_refused(tmp_path: Path, damage: object) -> None:
    store = EngineStore(tmp_path)
    path = store.put(key(), {"decoder": built()}) / "decoder.engine"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(EngineUnusable, match="avatar engines build"):
        store.get(key())
    assert len(store.check(path.parent)) == 1
    path.unlink()
    with pytest.raises(EngineUnusable, match="cannot be read"):
        store.get(key())


@pytest.mark.parametrize("text", ["", "{", '{"format": 1}'])
def test_damaged_manifests_are_refused(tmp_path: Path, text: str) -> None:
    store = EngineStore(tmp_path)
    folder = store.put(key(), {"decoder": built()})
    (folder / MANIFEST).write_text(text)
    with pytest.raises(EngineUnusable, match=r"manifest.json cannot be read.*avatar engines build"):
        store.get(key())
    assert isinstance(store.manifests()[folder], EngineUnusable)
    assert len(store.check(folder)) == 1


def test_another_format_is_refused(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    folder = store.put(key(), {"decoder": built()})
    written = json.loads((folder / MANIFEST).read_text()) | {"format": 2}
    (folder / MANIFEST).write_text(json.dumps(written))
    with pytest.raises(EngineUnusable, match="format 2, not 1"):
        store.get(key())


def test_a_published_engine_in_the_place_of_ours_is_told_what_it_is(tmp_path: Path) -> None:
    store = EngineStore(tmp_path)
    path = store.put(key(), {"decoder": built()}) / "decoder.engine"
    path.write_bytes(plan(version=(8, 6, 1, 6)))
    with pytest.raises(EngineUnusable, match=r"engine of TensorRT 8\.6\.1\. TensorRT 10 and later cannot read it"):
        store.get(key())


def test_headers() -> None:
    assert read_header(plan(), "x") == PlanHeader("tensorrt", (11, 2, 1))
    assert read_header(plan(b"vtrt", (1, 7, 1, 116)), "x") == PlanHeader("tensorrt_rtx", (1, 7, 1))
    assert str(read_header(plan(serialisation=213), "x")) == "TensorRT 8.5 or older"
    assert str(read_header(plan(b"ptrt"), "x")) == "TensorRT 8.5 or older"
    for junk in (b"", b"ftrt", b"\x08\x00onnx" + bytes(40)):
        with pytest.raises(EngineUnusable, match="not a TensorRT engine"):
            read_header(junk, "x")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (plan(serialisation=213), "TensorRT 8.5 or older"),
        (plan(version=(10, 13, 0, 1)), r"engine of TensorRT 10\.13\.0; TensorRT 11\.2\.1 is installed"),
        (plan(b"vtrt", (1, 7, 1, 116)), r"engine of TensorRT-RTX 1\.7\.1; TensorRT 11\.2\.1 is installed"),
    ],
)
def test_engines_of_other_libraries_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(EngineUnusable, match=said):
        require_plan(data, "decoder.engine", "tensorrt", "11.2.1.2")
    require_plan(plan(), "decoder.engine", "tensorrt", "11.2.1.9")


def test_keys_follow_weights_and_code(tmp_path: Path) -> None:
    network = nn.Linear(3, 2)
    before = weights_digest({"a": network})
    assert before == weights_digest({"a": network}) and before != weights_digest({"b": network})
    with torch.no_grad():
        network.bias[0] += 1
    assert before != weights_digest({"a": network})
    assert len(code_digest()) == 64
    source = tmp_path / "a.py"
    source.write_text("one")
    first = digest_of_files([source])
    source.write_text("two")
    assert first != digest_of_files([source])


def test_the_driver_is_asked_before_tensorrt() -> None:
    require_driver(Cards("580.65.06"))
    with pytest.raises(NoGpu):
        require_driver(Cards(None))
    with pytest.raises(DriverTooOld, match=r"driver is 550\.54\.14; TensorRT 11 needs 580\.65"):
        require_driver(Cards("550.54.14"))


def test_an_absent_or_old_tensorrt_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        __version__ = "10.13.0.35"

    load.cache_clear()
    monkeypatch.setattr(tensorrt_library.importlib, "import_module", lambda name: Old)
    with pytest.raises(EngineUnusable, match=r"tensorrt 10\.13\.0\.35 is older than 11\.2\.1"):
        load("tensorrt")

    def absent(name: str) -> object:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(tensorrt_library.importlib, "import_module", absent)
    with pytest.raises(EngineUnusable, match=r"pip install 'realtime-avatar\[rtx\]'"):
        load("tensorrt_rtx")
    load.cache_clear()
