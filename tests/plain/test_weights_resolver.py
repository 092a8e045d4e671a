"""From a name to a verified folder, without fetching anything."""

import hashlib
import os
from pathlib import Path

import pytest

from deployments.errors import NotFound, WeightsMissing
from deployments.weights import resolver
from deployments.weights.digest import MARKER_NAME
from deployments.weights.manifest import Manifest
from deployments.weights.settings import WeightsSettings

CONTENT = b"weights"
RIGHT = hashlib.sha256(CONTENT).hexdigest()
MANIFEST = Manifest.model_validate(
    {
        "sets": [
            {
                "name": "tiny",
                "summary": "a set for tests",
                "default": True,
                "licence": {"name": "MIT", "url": "https://example.org", "notice": "ours"},
                "files": [
                    {
                        "name": "tiny.bin",
                        "size_bytes": len(CONTENT),
                        "sha256": RIGHT,
                        "sources": [{"kind": "registry", "parts": [{"archive": "tiny==1.0", "member": "t.bin"}]}],
                    }
                ],
            }
        ]
    }
)


@pytest.fixture
def settings(tmp_path: Path) -> WeightsSettings:
    return WeightsSettings(cache_dir=tmp_path)


def put(folder: Path, content: bytes = CONTENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.bin"
    path.write_bytes(content)
    return path


def test_right_file_is_accepted_and_marked(settings: WeightsSettings) -> None:
    put(settings.cache_dir / "tiny")
    assert resolver.require("tiny", settings, MANIFEST) == settings.cache_dir / "tiny"
    assert (settings.cache_dir / "tiny" / MARKER_NAME).is_file()


def test_second_call_does_not_hash(settings: WeightsSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    put(settings.cache_dir / "tiny")
    resolver.require("tiny", settings, MANIFEST)
    monkeypatch.setattr(resolver, "sha256_of", lambda *_: pytest.fail("hashed again"))
    resolver.require("tiny", settings, MANIFEST)


def test_changed_file_is_hashed_again_and_refused(settings: WeightsSettings) -> None:
    path = put(settings.cache_dir / "tiny")
    resolver.require("tiny", settings, MANIFEST)
    put(settings.cache_dir / "tiny", b"poison!")
    os.utime(path, ns=(1, 1))
    with pytest.raises(WeightsMissing) as caught:
        resolver.require("tiny", settings, MANIFEST)
    assert RIGHT in caught.value.message
    assert hashlib.sha256(b"poison!").hexdigest() in caught.value.message
    assert "tiny.bin" in caught.value.message


def test_marker_of_another_hash_does_not_count(settings: WeightsSettings) -> None:
    path = put(settings.cache_dir / "tiny", b"poison!")
    resolver.mark(path, hashlib.sha256(b"poison!").hexdigest())
    with pytest.raises(WeightsMissing):
        resolver.require("tiny", settings, MANIFEST)


def test_broken_marker_only_costs_a_hash(settings: WeightsSettings) -> None:
    put(settings.cache_dir / "tiny")
    (settings.cache_dir / "tiny" / MARKER_NAME).write_text("{torn")
    resolver.require("tiny", settings, MANIFEST)


def test_missing_file_names_the_command(settings: WeightsSettings) -> None:
    with pytest.raises(WeightsMissing, match="avatar models pull tiny"):
        resolver.require("tiny", settings, MANIFEST)


def test_unknown_set(settings: WeightsSettings) -> None:
    with pytest.raises(NotFound):
        resolver.require("huge", settings, MANIFEST)


def test_explicit_path_wins_over_the_cache(settings: WeightsSettings, tmp_path: Path) -> None:
    put(settings.cache_dir / "tiny", b"poison!")
    elsewhere = tmp_path / "elsewhere"
    put(elsewhere)
    chosen = settings.model_copy(update={"paths": {"tiny": elsewhere}})
    assert resolver.require("tiny", chosen, MANIFEST) == elsewhere


def test_verify_hashes_although_marked(settings: WeightsSettings) -> None:
    path = put(settings.cache_dir / "tiny")
    resolver.require("tiny", settings, MANIFEST)
    status = path.stat()
    path.write_bytes(b"poison!")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert len(resolver.verify(MANIFEST.sets[0], settings)) == 1
    path.unlink()
    assert "does not exist" in resolver.verify(MANIFEST.sets[0], settings)[0]
