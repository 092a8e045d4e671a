"""From a cache of weights, laid out as published, to an engine that speaks; and what is said where some are missing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.contracts import Step
from deployments.errors import EngineUnusable, WeightsMissing
from deployments.video.ditto import loading
from deployments.video.ditto.animator import DittoAnimator
from deployments.video.ditto.loading import build_parts
from deployments.video.ditto.settings import DittoSettings
from deployments.video.engines import build_engine
from deployments.video.settings import VideoSettings
from deployments.weights.settings import WeightsSettings
from tests.contract.animator_suite import result, speech_like
from tests.fakes.ditto_published import stand_in, write_published
from tests.fakes.narrow_ditto import SMALL, TINY, nowhere

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> WeightsSettings:
    return write_published(tmp_path_factory.mktemp("weights"), TINY)


@pytest.fixture
def trusted(cache: WeightsSettings, monkeypatch: pytest.MonkeyPatch) -> WeightsSettings:
    monkeypatch.setattr(loading, "require", stand_in)
    return cache


def settings(**knobs: Any) -> DittoSettings:
    return DittoSettings.model_validate({**SMALL, **knobs})


def test_published_files_become_an_engine_that_speaks(trusted: WeightsSettings) -> None:
    parts = build_parts(settings(), trusted, TINY)
    assert parts.published.reference is not None and parts.published.blink is not None
    assert len(parts.weights.split()) == 6 + 1 + 2, "the digest of each file"
    engine = DittoAnimator(settings(), parts, nowhere)
    step = Step("grace_hopper", speech_like(0.6), final=True)
    assert len(result(engine.step([step])[0]).frames) == 15
    state = result(engine.step([Step("grace_hopper", speech_like(0.6))])[0]).state
    again = DittoAnimator(settings(), build_parts(settings(), trusted, TINY), nowhere)
    assert again.fingerprint == engine.fingerprint
    assert result(again.step([Step("grace_hopper", speech_like(0.1), state)])[0])


def test_without_the_published_configuration_the_photo_is_its_own_reference(trusted: WeightsSettings) -> None:
    alone = settings(weights={"published": None})
    parts = build_parts(alone, trusted, TINY)
    assert parts.published.reference is None and parts.published.emotions is None
    frames = [
        result(DittoAnimator(chosen, given, nowhere).step([Step("astronaut", speech_like(0.3), final=True)])[0]).frames
        for chosen, given in ((alone, parts), (settings(), build_parts(settings(), trusted, TINY)))
    ]
    assert len(frames[0]) == len(frames[1]) == 8 and frames[0] != frames[1]


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_each_mode_has_its_published_file(trusted: WeightsSettings, mode: str) -> None:
    parts = build_parts(settings(motion={"mode": mode}), trusted, TINY)
    assert parts.published.values["online_mode"] == (mode == "online")


def test_every_missing_set_is_named_with_licence_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing) as said:
        build_engine(VideoSettings(engine="ditto"), nowhere, WeightsSettings(cache_dir=tmp_path))
    message = str(said.value)
    for name in ("ditto-pytorch", "ditto-hubert", "ditto-landmarks", "ditto-config"):
        assert f"avatar models pull {name}" in message
    assert "Apache-2.0" in message and "MIT" in message


def test_files_that_are_not_the_published_ones_are_refused(cache: WeightsSettings) -> None:
    with pytest.raises(WeightsMissing, match="sha256"):
        build_parts(settings(), cache, TINY)


def test_networks_of_another_width_are_refused(trusted: WeightsSettings) -> None:
    with pytest.raises(WeightsMissing, match="avatar models pull ditto-pytorch"):
        build_engine(VideoSettings(engine="ditto"), nowhere, trusted)


def test_a_runtime_without_its_engines_says_how_to_build_them(trusted: WeightsSettings, tmp_path: Path) -> None:
    exported = settings(runtime={"runtime": "onnxruntime", "engines_dir": tmp_path})
    with pytest.raises(EngineUnusable, match="avatar engines build"):
        build_parts(exported, trusted, TINY)


def test_insightface_asks_for_its_own_set(trusted: WeightsSettings) -> None:
    with pytest.raises(WeightsMissing, match="det_10g"):
        build_parts(settings(face={"detector": "insightface"}), trusted, TINY)


def test_published_values_fill_what_the_settings_leave_open(trusted: WeightsSettings) -> None:
    """The file's overlap is 70; who asks for 75 gets 75."""
    parts = build_parts(settings(), trusted, TINY)
    ahead = [
        DittoAnimator(settings(motion=motion), parts, nowhere).lookahead_samples
        for motion in ({}, {"overlap": 70}, {"overlap": 75})
    ]
    assert ahead[0] == ahead[1] > ahead[2]
    assert np.array_equal(parts.published.emotions, np.eye(8, dtype=np.float32))
