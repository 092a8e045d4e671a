"""Ditto's settings: strict, light, and without torch; so is the default profile as a whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from deployments.video.ditto.rungs import LEAST_SAVING, RungSaving, load_table, offered
from deployments.video.ditto.settings import PRESETS, DittoSettings
from deployments.video.ladder import Rungs
from deployments.video.settings import VideoSettings

pytestmark = pytest.mark.plain
ROOT = Path(__file__).resolve().parents[2]
HEAVY = "{'torch', 'tensorrt', 'transformers', 'TTS', 'triton', 'pynvml'}"


def loads_nothing_heavy(code: str) -> None:
    """Runs code in a process of its own, and asks what it has imported."""
    code += f"\nimport sys; sys.exit(', '.join({HEAVY} & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"frame_width": 385}, "even"),
        ({"frame_height": 4000}, "less than or equal to 1920"),
        ({"saturated_steps": 10}, "fewer than the usual 10"),
        ({"saturated_steps": 1}, "greater than or equal to 2"),
        ({"motion": {"overlap": 10}}, "overlap"),
        ({"runtime": {"runtime": "tensorrt"}}, "device cuda"),
        ({"weights": {"network": "x"}}, "not permitted"),
        ({"avatars_kept": 0}, "greater than or equal to 1"),
        ({"face": {"scale": 1}}, "not permitted"),
    ],
)
def test_mistakes_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        VideoSettings.model_validate({"engine": "ditto", "ditto": wrong})


def test_the_presets_can_be_set() -> None:
    for width, height in PRESETS.values():
        assert DittoSettings(frame_width=width, frame_height=height).frame_size == (width, height)


def test_more_steps_leave_more_to_spare() -> None:
    assert DittoSettings.model_validate({"motion": {"steps": 25}, "saturated_steps": 10}).saturated_steps == 10
    assert DittoSettings.model_validate({"motion": {"mode": "offline"}, "saturated_steps": 25}).saturated_steps == 25


def test_weight_sets_are_named_by_the_settings() -> None:
    assert DittoSettings().weight_sets == ("ditto-pytorch", "ditto-hubert", "ditto-landmarks", "ditto-config")
    named = {"weights": {"hearing": "mine", "published": None}, "face": {"detector": "insightface"}}
    assert DittoSettings.model_validate(named).weight_sets == (
        "ditto-pytorch",
        "mine",
        "ditto-landmarks",
        "ditto-insightface",
    )


def test_settings_load_no_heavy_library() -> None:
    loads_nothing_heavy("import deployments.video.settings as s; s.VideoSettings(engine='ditto')")


def test_the_default_profile_loads_no_torch() -> None:
    """Every module that the graph of serve_config.yaml needs, the graph itself, and the video engine at work."""
    (application,) = yaml.safe_load((ROOT / "serve_config.yaml").read_text())["applications"]
    loads_nothing_heavy(
        f"""
import json, numpy as np
from serve_app.args import AppArgs
from serve_app.app import build_app
args = AppArgs.model_validate(json.loads({json.dumps(json.dumps(application["args"]))}))
build_app(args)
from deployments.contracts import Step
from deployments.video.engines import build_engine
portrait = args.video.portrait.model_copy(update=dict(warm_avatars=(), frame_width=128, frame_height=192))
engine = build_engine(args.video.model_copy(update=dict(portrait=portrait)), lambda name: b"", args.weights)
(answer,) = engine.step([Step("grace_hopper", np.zeros(1, np.float32), final=True)])
assert len(answer.frames) == 1, answer
"""
    )


def saving(quality: int, share: float) -> RungSaving:
    return RungSaving(
        quality=quality, saving=share, of="engine", kind="counted", machine="none", command="counted by hand"
    )


def test_a_rung_that_saves_too_little_is_dropped() -> None:
    assert offered([saving(1, 0.11), saving(2, 0.4), saving(8, 0.3)]) == Rungs((1, 2), fewer_steps=True)
    assert offered([saving(1, 0.09), saving(2, 0.4), saving(8, 0.05)]) == Rungs((2,), fewer_steps=False)
    assert offered([saving(1, 0.09)], least=0.05) == Rungs((1,))
    assert offered([]) == Rungs()


def test_the_committed_table_says_how_it_was_found() -> None:
    table = load_table()
    assert sorted(row.quality for row in table) == [1, 2, 8]
    for row in table:
        assert 0 < row.saving < 1 and len(row.command) > 10
        assert (row.machine == "none") == (row.kind == "counted")
        assert row.of == ("motion" if row.quality == 8 else "engine")
    assert 2 in offered(table).render and LEAST_SAVING == 0.1


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rungs.json"
    path.write_text(json.dumps({"rungs": [{"quality": 1, "saving": 0.5}]}))
    with pytest.raises(ValidationError):
        load_table(path)
