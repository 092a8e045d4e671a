"""Consent to a licence: asked once, written down, and without it nothing is fetched or used."""

import hashlib
import json
from pathlib import Path

import pytest

from deployments.errors import BadInput
from deployments.weights import consent as consent_module
from deployments.weights.consent import CONSENT_NAME, ConsentMissing, accepted, require_consent, variable
from deployments.weights.hub import Probe
from deployments.weights.manifest import Manifest, WeightSet, load_manifest
from deployments.weights.pull import Puller
from deployments.weights.registry import Shelf
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings
from serve_app.cli import consent as asking_module
from serve_app.cli.consent import asking, known_keys
from serve_app.cli.main import main

pytestmark = pytest.mark.plain
CONTENT = b"a voice"


def tiny(notice: str = "For non-commercial use.") -> WeightSet:
    digest = hashlib.sha256(CONTENT).hexdigest()
    part = {"kind": "registry", "parts": [{"archive": "tiny==1.0", "member": "t.bin"}]}
    licence = {
        "name": "TPML-1.0",
        "url": "https://example.org",
        "notice": notice,
        "consent": True,
        "key": "tpml",
        "version": "1",
    }
    file = {"name": "tiny.bin", "size_bytes": len(CONTENT), "sha256": digest, "sources": [part]}
    return WeightSet.model_validate(
        {"name": "tiny", "summary": "for tests", "default": False, "licence": licence, "files": [file]}
    )


@pytest.fixture(autouse=True)
def nobody_has_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("TPML", "CPML", "INSIGHTFACE"):
        monkeypatch.delenv(f"AVATAR_ACCEPT_{key}", raising=False)
    monkeypatch.setattr(Probe, "reachable", lambda *_: False)
    monkeypatch.setattr(Shelf, "take", lambda *_: pytest.fail("fetched an archive"))


def test_without_consent_nothing_is_used_and_the_way_to_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConsentMissing) as caught:
        require_consent(tiny(), tmp_path)
    for part in ("TPML-1.0", "non-commercial", "--accept-licence tpml", "AVATAR_ACCEPT_TPML=1", "pull tiny"):
        assert part in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_consent_is_asked_once_and_written_down(tmp_path: Path) -> None:
    asked: list[str] = []

    def yes(weight_set: WeightSet) -> str:
        asked.append(weight_set.name)
        return "in a test"

    folder = tmp_path / "tiny"
    require_consent(tiny(), folder, yes)
    require_consent(tiny(), folder, yes)
    require_consent(tiny(), folder)
    assert asked == ["tiny"]
    written = json.loads((folder / CONSENT_NAME).read_text())
    assert (written["licence"], written["version"], written["how"]) == ("TPML-1.0", "1", "in a test")
    assert "@" in written["who"] and written["when"].startswith("20") and len(written["sha256"]) == 64


def test_other_words_of_the_licence_are_asked_for_anew(tmp_path: Path) -> None:
    require_consent(tiny(), tmp_path, lambda _: "in a test")
    with pytest.raises(ConsentMissing):
        require_consent(tiny("For use on Sundays."), tmp_path)


@pytest.mark.parametrize(("value", "given"), [("1", True), ("yes", True), ("0", False), ("", False), ("no", False)])
def test_the_environment_may_give_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, given: bool) -> None:
    monkeypatch.setenv(variable(tiny().licence), value)
    if given:
        require_consent(tiny(), tmp_path)
        assert json.loads((tmp_path / CONSENT_NAME).read_text())["how"] == "AVATAR_ACCEPT_TPML"
    else:
        with pytest.raises(ConsentMissing):
            require_consent(tiny(), tmp_path)


@pytest.mark.parametrize("content", ["{torn", "[]", "{}", '{"sha256": "0"}'])
def test_a_spoilt_record_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / CONSENT_NAME).write_text(content)
    assert not accepted(tiny().licence, tmp_path)


def test_a_folder_that_cannot_be_written_to_takes_it_from_the_environment_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("AVATAR_ACCEPT_TPML", "1")
    require_consent(tiny(), tmp_path / "file" / "folder")
    monkeypatch.setattr(consent_module.getpass, "getuser", lambda: (_ for _ in ()).throw(OSError("nobody")))
    require_consent(tiny(), tmp_path)
    assert json.loads((tmp_path / CONSENT_NAME).read_text())["who"].split("@")[0].isdigit()


def test_weights_that_are_here_are_not_used_without_it(tmp_path: Path) -> None:
    manifest, settings = Manifest(sets=(tiny(),)), WeightsSettings(cache_dir=tmp_path)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.bin").write_bytes(CONTENT)
    with pytest.raises(ConsentMissing):
        require("tiny", settings, manifest)
    with pytest.raises(ConsentMissing):
        Puller(settings).pull(tiny())
    assert Puller(settings).pull(tiny(), ask=lambda _: "in a test") == tmp_path / "tiny"
    assert require("tiny", settings, manifest) == tmp_path / "tiny"


def test_the_terminal_is_asked_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["", "maybe", "YES"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    monkeypatch.setattr(asking_module.sys.stdin, "isatty", lambda: False, raising=False)
    assert asking(())(tiny()) is None
    assert asking({"tpml"})(tiny()) == "--accept-licence"
    monkeypatch.setattr(asking_module.sys.stdin, "isatty", lambda: True, raising=False)
    assert [asking(())(tiny()) for _ in range(3)] == [None, None, "asked at the terminal"]


def test_the_command_shows_the_licence_and_needs_consent_before_it_fetches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pull = ["models", "pull", "xtts-v2", "--cache-dir", str(tmp_path)]
    assert main(pull) == 1
    told = capsys.readouterr().err
    assert "CPML" in told and "AVATAR_ACCEPT_CPML=1" in told and "--accept-licence cpml" in told
    assert list(tmp_path.iterdir()) == []
    assert main([*pull, "--accept-licence", "cpml"]) == 1
    assert "model.pth could not be fetched" in capsys.readouterr().err
    assert accepted(load_manifest().get("xtts-v2").licence, tmp_path / "xtts-v2")
    assert main(["models", "list", "--cache-dir", str(tmp_path)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "accepted" in lines["xtts-v2"] and "asks for consent" in lines["ditto-insightface"]
    assert "consent" not in lines["whisper-base"]


def test_a_licence_that_is_not_there_cannot_be_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInput, match="cpml"):
        known_keys({"gpl"}, load_manifest())
    assert main(["models", "pull", "--accept-licence", "gpl"]) == 1
    assert "cpml" in capsys.readouterr().err
