"""What a configuration's engines need is asked for before anything starts, with its licence and how to get it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.errors import BadInput, WeightsMissing
from deployments.gpu.errors import NoGpu
from deployments.weights.manifest import load_manifest
from serve_app.args import AppArgs
from serve_app.cli import config_checks
from serve_app.cli.configuration import DEFAULT_CONFIG
from serve_app.cli.main import main
from serve_app.cli.weights_check import configured, needed, problems, require_weights

pytestmark = pytest.mark.plain
DITTO_SETS = ("ditto-pytorch", "ditto-hubert", "ditto-landmarks", "ditto-config")
GPU: dict[str, Any] = {
    "asr": {"weights": "whisper-large-v3-turbo", "device": "cuda", "compute_type": "int8_float16"},
    "llm": {"engine": "openai"},
    "tts": {"engine": "xtts"},
    "video": {"engine": "ditto"},
}


def written(folder: Path, args: Any, import_path: str = "serve_app.app:build_app") -> Path:
    path = folder / "config.yaml"
    application = {"name": "avatar", "import_path": import_path, "args": args}
    path.write_text(yaml.safe_dump({"applications": [application]}))
    return path


@pytest.fixture(autouse=True)
def nobody_has_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AVATAR_ACCEPT_CPML", raising=False)


def test_the_default_profile_needs_the_default_sets() -> None:
    (args,) = configured(DEFAULT_CONFIG)
    assert set(needed(args)) == {weight_set.name for weight_set in load_manifest().defaults()}


def test_each_engine_names_its_own_sets() -> None:
    assert needed(AppArgs.model_validate(GPU)) == ("whisper-large-v3-turbo", "xtts-v2", *DITTO_SETS)
    llama = {"llm": {"llama": {"weights": "qwen2.5-coder-1.5b-instruct"}}}
    assert "qwen2.5-coder-1.5b-instruct" in needed(AppArgs.model_validate(llama))
    published = {"engine": "ditto", "ditto": {"face": {"detector": "insightface"}, "weights": {"published": None}}}
    sets = needed(AppArgs.model_validate(GPU | {"video": published}))
    assert "ditto-insightface" in sets and "ditto-config" not in sets
    for name in needed(AppArgs.model_validate(GPU)):
        assert load_manifest().get(name)


def test_what_is_missing_is_told_at_once_with_licences_sizes_and_one_remedy(tmp_path: Path) -> None:
    config = written(tmp_path, GPU | {"weights": {"cache_dir": str(tmp_path / "weights")}})
    with pytest.raises(WeightsMissing) as caught:
        require_weights(config)
    *lines, remedy = caught.value.message.splitlines()
    told = {line.split(":")[0]: line for line in lines}
    assert set(told) == {"whisper-large-v3-turbo", "xtts-v2", *DITTO_SETS}
    assert "MIT" in told["whisper-large-v3-turbo"] and "1622 MB" in told["whisper-large-v3-turbo"]
    assert "CPML-1.0" in told["xtts-v2"] and "--accept-licence cpml" in told["xtts-v2"]
    assert all("avatar models pull" in line and "Licence" in line for line in lines)
    assert remedy == f"All at once: avatar models pull {' '.join(told)}"


def test_a_set_that_no_manifest_knows_is_told_too() -> None:
    args = AppArgs.model_validate({"asr": {"weights": "whisper-gigantic"}, "llm": GPU["llm"]})
    assert any("whisper-gigantic" in line and "Known sets" in line for line in problems(args))


def test_the_command_ends_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_app.cli.serve.running", lambda *_: pytest.fail("started"))
    config = written(tmp_path, GPU | {"weights": {"cache_dir": str(tmp_path / "weights")}})
    assert main(["serve", "--config", str(config)]) == 1
    assert "avatar models pull whisper-large-v3-turbo xtts-v2" in capsys.readouterr().err


def test_other_applications_are_left_alone_and_wrong_args_refused(tmp_path: Path) -> None:
    require_weights(written(tmp_path, {"anything": 1}, "somebody.elses:app"))
    with pytest.raises(BadInput, match=r"tts\.voice"):
        require_weights(written(tmp_path, {"tts": {"voice": "x"}}))
    with pytest.raises(BadInput, match="cannot be read"):
        require_weights(tmp_path / "nothing.yaml")


def test_the_doctor_looks_at_a_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_card(*_: object) -> None:
        raise NoGpu("No driver answers.")

    monkeypatch.setattr(config_checks.NvmlCards, "card", no_card)
    config = written(tmp_path, GPU | {"weights": {"cache_dir": str(tmp_path / "weights")}})
    assert main(["doctor", "--config", str(config)]) == 1
    told = capsys.readouterr().out
    for part in ("weights xtts-v2", "avatar models pull ditto-hubert", "No driver answers", "cannot run here yet"):
        assert part in told
    assert "kokoro" not in told and "espeak" not in told
    monkeypatch.setattr(config_checks, "check_packages", lambda modules: config_checks.Check("x", True, str(modules)))
    (packages,) = [one for one in config_checks.engine_checks(AppArgs.model_validate(GPU)) if "packages" in one.name]
    assert "TTS" in packages.detail and "torch" in packages.detail
    assert config_checks.devices(AppArgs()) == {"cpu"}


def test_the_doctor_tells_what_a_card_needs_of_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """HuBERT runs on ONNX Runtime: the build that everything else installs has no CUDA."""
    video = {"engine": "ditto", "ditto": {"runtime": {"runtime": "tensorrt", "device": "cuda"}}}

    def checks(args: dict[str, Any]) -> dict[str, config_checks.Check]:
        return {check.name: check for check in config_checks.engine_checks(AppArgs.model_validate(args))}

    monkeypatch.setattr(config_checks, "_card", lambda: config_checks.Check("GPU", True, "L4"))
    monkeypatch.setattr(config_checks, "check_packages", lambda modules: config_checks.Check("x", True, str(modules)))
    on_card, on_host = checks(GPU | {"video": video}), checks({"llm": GPU["llm"], "video": {"engine": "ditto"}})
    assert "tensorrt" in on_card["engine packages"].detail and "[gpu]" in on_card["engine packages"].remedy
    assert "tensorrt" not in on_host["engine packages"].detail and "[engines]" in on_host["engine packages"].remedy
    assert "ONNX Runtime" not in on_host
    for providers, able in ((["CPUExecutionProvider"], False), (["CUDAExecutionProvider"], True)):
        monkeypatch.setattr("onnxruntime.get_available_providers", lambda found=providers: found)
        found = checks(GPU | {"video": video})["ONNX Runtime"]
        assert found.ok is able and "onnxruntime-gpu" in found.remedy


def test_the_doctor_looks_for_what_triton_builds_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config_checks, "_card", lambda: config_checks.Check("GPU", True, "L4"))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": str(tmp_path)})

    def found(runtime: dict[str, Any]) -> list[config_checks.Check]:
        video = {"engine": "ditto", "ditto": {"runtime": {"device": "cuda"} | runtime}}
        checks = config_checks.engine_checks(AppArgs.model_validate(GPU | {"video": video}))
        return [check for check in checks if check.name == "compiler"]

    (check,) = found({})
    assert not check.ok and "C compiler" in check.detail and "Python.h" in check.detail and "gcc" in check.remedy
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    (check,) = found({})
    assert check.ok and check.detail == "/usr/bin/gcc"
    assert not found({"fused_spade": False}) and not found({"runtime": "tensorrt"})
