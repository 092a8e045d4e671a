"""The L4 profiles on simulated machines, in a process of their own: this one may have a cluster already."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.placement_app import StandInAnimator, seconds_per_frame
from deployments.contracts import Step, Stepped
from tests.fakes.animator import GROUP_FRAMES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def told() -> dict[str, Counter[str]]:
    """By what happened, replicas on all cards; that no card has too many is checked on the way."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.placement", "--places"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    entries: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    found = {}
    for entry in entries:
        assert len(entry["cards"]) <= entry["nodes"]
        for card in entry["cards"]:
            fractions = {"Video": 0.25, "TTS": 0.15, "ASR": 0.10}
            assert sum(fractions[name] * count for name, count in card.items()) <= 1 + 1e-9
            assert card.get("Video", 0) <= 3
        found[entry["what"]] = sum((Counter(card) for card in entry["cards"]), Counter[str]())
    return found


@pytest.mark.timeout(300)
def test_one_card_takes_two_faces_and_three_beside_ears_and_voice(told: dict[str, Counter[str]]) -> None:
    assert told["l4.yaml on one node"] == {"Video": 2, "ASR": 1, "TTS": 1}


def test_replicas_follow_the_people(told: dict[str, Counter[str]]) -> None:
    assert told["three people"]["Video"] == 3
    assert told["another node, and twelve people"] == {"Video": 12, "TTS": 3, "ASR": 2}


def test_four_cards_take_eight_to_twelve(told: dict[str, Counter[str]]) -> None:
    assert told["l4x4.yaml on four nodes"]["Video"] == 8
    assert told["another node, and twelve people"]["Video"] == 12


def test_what_a_lost_node_had_returns_on_the_others(told: dict[str, Counter[str]]) -> None:
    assert told["a node is lost"] == {"Video": 8, "ASR": 1, "TTS": 1}


def test_the_stand_in_takes_what_was_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("benchmarks.placement_app.time.sleep", slept.append)
    assert seconds_per_frame()["published"] == 0.0404
    results = StandInAnimator(tmp_path / "card").step([Step("published", None)] * 2)  # type: ignore[arg-type]
    assert slept == [pytest.approx(2 * GROUP_FRAMES * 0.0404)]
    assert [len(one.frames) for one in results if isinstance(one, Stepped)] == [GROUP_FRAMES] * 2


def test_every_profile_says_where_it_is_from() -> None:
    profiles = json.loads((ROOT / "benchmarks" / "placement_profile.json").read_text())
    assert {entry["kind"] for entry in profiles.values()} <= {"published", "measured", "projected"}
    assert all(entry["gpu"] and len(entry["source"]) > 20 for entry in profiles.values())
