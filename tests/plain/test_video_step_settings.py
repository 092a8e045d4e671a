"""The video stage's settings are strict, and light to import."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from deployments.errors import NotFound
from deployments.video.builtins import DEFAULT_AVATAR, built_in_avatars, built_in_photo
from deployments.video.engines import ENGINES
from deployments.video.settings import VideoSettings

pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": "hologram"},
        {"portrait": {"frame_width": 385}},
        {"portrait": {"frame_height": 90}},
        {"portrait": {"encoding": {"preset": "placebo"}}},
        {"portrait": {"motion": {"hed": 1}}},
        {"potrait": {}},
        {"max_batch_steps": 0},
    ],
)
def test_mistakes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VideoSettings.model_validate(wrong)


def test_every_engine_that_can_be_named_can_be_built() -> None:
    named = VideoSettings.model_json_schema()["properties"]["engine"]
    assert set(named.get("enum", [named.get("const")])) == set(ENGINES)


def test_settings_load_no_heavy_library() -> None:
    heavy = "{'av', 'cv2', 'onnxruntime', 'ray', 'torch'}"
    code = f"import sys, deployments.video.settings; sys.exit(', '.join({heavy} & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_default_avatar_comes_first() -> None:
    assert list(built_in_avatars()) == ["grace_hopper", "astronaut"] and DEFAULT_AVATAR == "grace_hopper"
    assert built_in_photo("astronaut").shape == (512, 512, 3)
    with pytest.raises(NotFound, match="grace_hopper"):
        built_in_photo("nobody")
