"""Files whose sha256 no manifest lists: the hub names it once, it is written down, and decides from then on."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deployments.errors import WeightsMissing
from deployments.weights.hub import identify
from deployments.weights.manifest import Manifest, WeightSet
from deployments.weights.pull import Puller
from deployments.weights.record import RECORD_NAME, recorded
from deployments.weights.resolver import require, verify
from deployments.weights.settings import WeightsSettings
from deployments.weights.sources import SourceFailed

pytestmark = pytest.mark.plain
CONTENT = bytes(range(256)) * 20
DIGEST = hashlib.sha256(CONTENT).hexdigest()
REVISION = "a" * 40


class Hub:
    """A hub that keeps large files elsewhere, as the real one does: a resolve address redirects to the storage."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.linked = {"X-Linked-Etag": f'"{DIGEST}"', "X-Linked-Size": str(len(CONTENT)), "X-Repo-Commit": REVISION}
        self.status = 302
        self.requests: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(b"")

            def do_GET(self) -> None:
                self.answer(hub.content)

            def answer(self, body: bytes) -> None:
                hub.requests.append(f"{self.command} {self.path}")
                if self.path.startswith("/old/"):
                    self.send_response(307)
                    self.send_header("Location", self.path.replace("/old/", "/us/"))
                elif self.path.startswith("/us/"):
                    self.send_response(hub.status)
                    for name, value in hub.linked.items():
                        self.send_header(name, value)
                    if hub.status == 302:
                        self.send_header("Location", "/storage")
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    return
                self.send_header("Content-Length", "0")
                self.end_headers()

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


def tiny(owner: str = "us") -> WeightSet:
    source = {"kind": "hub", "repository": f"{owner}/tiny", "revision": REVISION, "path": "tiny.bin"}
    licence = {"name": "MIT", "url": "https://example.org", "notice": "Made by us."}
    file = {"name": "tiny.bin", "size_bytes": 5000, "sources": [source]}
    return WeightSet.model_validate(
        {"name": "tiny", "summary": "for tests", "default": False, "licence": licence, "files": [file]}
    )


MANIFEST = Manifest(sets=(tiny(),))


def settings(tmp_path: Path, hub: Hub) -> WeightsSettings:
    return WeightsSettings(cache_dir=tmp_path, hub_url=hub.address, probe_seconds=2.0, attempts=1)


@pytest.mark.parametrize("owner", ["us", "old"])
def test_the_hubs_digest_is_checked_and_written_down(hub: Hub, tmp_path: Path, owner: str) -> None:
    folder = Puller(settings(tmp_path, hub)).pull(tiny(owner))
    assert (folder / "tiny.bin").read_bytes() == CONTENT
    entry = recorded(folder)["tiny.bin"]
    assert (entry.sha256, entry.size_bytes, entry.commit) == (DIGEST, len(CONTENT), REVISION)
    assert entry.source.endswith(f"{owner}/tiny/resolve/{REVISION}/tiny.bin") and entry.recorded_at.startswith("20")
    assert require("tiny", settings(tmp_path, hub), MANIFEST) == folder


def test_other_bytes_than_the_hub_promised_are_refused_and_nothing_is_recorded(hub: Hub, tmp_path: Path) -> None:
    hub.content = b"y" * len(CONTENT)
    with pytest.raises(WeightsMissing) as caught:
        Puller(settings(tmp_path, hub)).pull(tiny())
    assert DIGEST in caught.value.message and hashlib.sha256(hub.content).hexdigest() in caught.value.message
    assert recorded(tmp_path / "tiny") == {} and not (tmp_path / "tiny" / "tiny.bin").exists()


def test_the_recorded_digest_decides_whatever_the_hub_says_later(hub: Hub, tmp_path: Path) -> None:
    folder = Puller(settings(tmp_path, hub)).pull(tiny())
    hub.content = b"z" * len(CONTENT)
    hub.linked["X-Linked-Etag"] = hashlib.sha256(hub.content).hexdigest()
    (folder / "tiny.bin").unlink()
    with pytest.raises(WeightsMissing, match=DIGEST):
        Puller(settings(tmp_path, hub)).pull(tiny())
    (folder / "tiny.bin").write_bytes(hub.content)
    with pytest.raises(WeightsMissing, match="is not the expected file"):
        require("tiny", settings(tmp_path, hub), MANIFEST)


def test_what_is_here_is_not_asked_for_again(hub: Hub, tmp_path: Path) -> None:
    puller = Puller(settings(tmp_path, hub))
    puller.pull(tiny())
    before = list(hub.requests)
    puller.pull(tiny())
    assert hub.requests == before


@pytest.mark.parametrize(
    "header", [{"X-Linked-Etag": ""}, {"X-Linked-Etag": '"' + "a" * 40 + '"'}, {"X-Linked-Size": ""}]
)
def test_a_hub_that_names_no_digest_is_not_believed(hub: Hub, tmp_path: Path, header: dict[str, str]) -> None:
    hub.linked |= header
    with pytest.raises(WeightsMissing, match="could not be verified"):
        Puller(settings(tmp_path, hub)).pull(tiny())


def test_another_commit_a_refusal_and_silence_are_failures(hub: Hub) -> None:
    address = f"{hub.address}/us/tiny/resolve/{REVISION}/tiny.bin"
    hub.linked["X-Repo-Commit"] = "b" * 40
    with pytest.raises(SourceFailed, match="answers for commit bbbb"):
        identify(address, REVISION)
    hub.status = 404
    with pytest.raises(SourceFailed, match="answered 404"):
        identify(address, REVISION)
    with pytest.raises(SourceFailed, match="does not say"):
        identify("http://127.0.0.1:9/us/tiny", REVISION)


def test_files_brought_by_hand_are_used_once_somebody_vouches_for_them(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "tiny.bin").write_bytes(CONTENT)
    chosen = settings(tmp_path, hub)
    with pytest.raises(WeightsMissing, match="avatar models verify --record tiny"):
        require("tiny", chosen, MANIFEST)
    assert "not fetched here" in verify(tiny(), chosen)[0]
    assert verify(tiny(), chosen, trusting=True) == ()
    assert recorded(folder)["tiny.bin"].source == "recorded by hand"
    assert require("tiny", chosen, MANIFEST) == folder
    (folder / "tiny.bin").write_bytes(b"changed")
    assert "is not the expected file" in verify(tiny(), chosen, trusting=True)[0]
    assert not hub.requests


@pytest.mark.parametrize("content", ["{torn", "[1]", '{"tiny.bin": {"sha256": "short"}}'])
def test_a_spoilt_record_vouches_for_nothing(hub: Hub, tmp_path: Path, content: str) -> None:
    folder = Puller(settings(tmp_path, hub)).pull(tiny())
    (folder / RECORD_NAME).write_text(content)
    with pytest.raises(WeightsMissing):
        require("tiny", settings(tmp_path, hub), MANIFEST)
    Puller(settings(tmp_path, hub)).pull(tiny())
    assert json.loads((folder / RECORD_NAME).read_text())["tiny.bin"]["sha256"] == DIGEST
