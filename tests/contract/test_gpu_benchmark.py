"""The GPU benchmark tries itself on narrow networks, and says that it measured no card."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.gpu.__main__ import main, with_ceiling
from benchmarks.gpu.networks import random_networks
from benchmarks.gpu.renderer import psnr
from benchmarks.record import read_record
from deployments.video.ditto.sizes import NARROW

pytestmark = pytest.mark.contract


def test_it_runs_anywhere_and_calls_nothing_measured(tmp_path: Path) -> None:
    main(["--narrow", "--device", "cpu", "-o", str(tmp_path)])
    (path,) = tmp_path.glob("gpu_selftest-*.json")
    keys = {measure.key for measure in read_record(path).measures}
    assert "frames_per_second [way=ours, precision=fp32, batch=2]" in keys
    assert any(key.startswith("window [network=motion, way=published") for key in keys)
    figures = json.loads(path.read_text())["figures"]
    assert figures["measures_a_card"] is False and "no figure of a card" in figures["note"]
    assert figures["ceilings"]["fp32_teraflops"] > 0 and figures["ceilings"]["copy_gigabytes_per_second"] > 0
    first, *others = figures["renderer"]
    assert first["way"] == "published" and first["psnr"] is None  # it is the reference itself
    assert [run["batch"] for run in others] == [1, 2]
    for run in others:
        assert run["psnr"] > 100 and run["gigaflop_per_frame"] < first["gigaflop_per_frame"]
        assert sum(run["share_by_part"].values()) == pytest.approx(1)
        assert set(run["share_by_part"]) == {"fields", "tail", "decoder"}
        alone = run["psnr_of_a_batch_against_single_frames"]
        assert alone is None or alone > 100
    published, served = figures["motion"]
    assert (published["way"], served["way"]) == ("published", "ours")
    assert served["most_difference_to_published"] < 1e-3


def test_without_a_card_the_full_networks_are_not_tried(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--device", "cpu"])
    assert "--narrow" in capsys.readouterr().err


def test_the_random_weights_are_the_same_everywhere_and_keep_signals_in_bounds() -> None:
    one, other = random_networks(NARROW), random_networks(NARROW)
    weights, others = one.decoder.state_dict(), other.decoder.state_dict()
    assert all(torch.equal(weights[key], others[key]) for key in weights)
    features = torch.randn(1, NARROW.warped_channels, NARROW.grid, NARROW.grid)
    picture = one.decoder(features)
    assert picture.std() > 0.01 and bool(torch.isfinite(picture).all())


def test_decibels_and_ceilings() -> None:
    picture = torch.zeros(1, 3, 4, 4)
    assert psnr(picture, picture) is None
    assert psnr(picture + 0.1, picture) == pytest.approx(20)
    run = {"precision": "fp16 autocast", "teraflops": 30.0}
    assert with_ceiling(run, {"fp16_teraflops": 60.0, "fp32_teraflops": 1.0})["part_of_ceiling"] == 0.5
    assert with_ceiling(run, {"fp16_teraflops": None, "fp32_teraflops": 1.0})["part_of_ceiling"] is None
