"""How many people a card holds: the search, the rounds, the processes, and the command, without a card."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import serve_app.cli.bench as bench
from benchmarks.gpu.capacity import (
    ROUND_SECONDS,
    WARM_UP_ROUNDS,
    Found,
    Trial,
    as_figures,
    measured_in_processes,
    rounds,
    search,
    seconds_of_media,
    speech,
)
from deployments.contracts import Step, Stepped
from deployments.errors import EngineFailed
from serve_app.args import AppArgs
from serve_app.cli.main import main
from serve_app.coordinator.capacity import read_capacity
from tests.fakes.animator import FakeAnimator
from tests.fakes.cards import FakeCards

pytestmark = pytest.mark.plain


def card(seconds_a_person: float, a_replica: float = 0.0) -> Any:
    """A card whose second of media takes so long for each person, and for each further replica."""

    def measure(people: int, replicas: int) -> Trial:
        took = seconds_a_person * people + a_replica * (replicas - 1)
        return Trial(people, replicas, took, took)

    return measure


@pytest.mark.parametrize(("each", "people"), [(0.2, 3), (0.35, 2), (0.7, 1), (0.71, 0), (0.05, 6)])
def test_as_many_as_keep_up_with_the_margin(each: float, people: int) -> None:
    assert search(card(each), 6, (1,), 0.3).people == people


def test_the_fewest_replicas_that_do() -> None:
    assert search(card(0.2), 6, (3, 1, 2), 0.3).replicas == 1
    found = search(card(0.2, a_replica=-0.06), 6, (1, 2, 3), 0.3)
    assert (found.people, found.replicas) == (4, 3)
    assert all(trial.replicas <= trial.people for trial in found.trials)


def test_a_round_is_a_step_of_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    animator = FakeAnimator()
    begun: list[int] = []
    took = rounds(animator, 3, 2.0, 2, lambda: begun.append(len(animator.steps)))
    assert begun == [3 * WARM_UP_ROUNDS]
    assert len(took) == 10 and len(seconds_of_media(took)) == 6
    assert len(animator.steps) == 3 * (10 + WARM_UP_ROUNDS)
    first, second = animator.steps[0], animator.steps[1]
    assert first.seed != second.seed and (first.pcm_16k != second.pcm_16k).any()
    assert len(first.pcm_16k) == 16_000 * ROUND_SECONDS


def test_an_engine_that_fails_is_heard() -> None:
    class Failing(FakeAnimator):
        def step(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
            return [EngineFailed("out of memory") for _ in batch]

    with pytest.raises(EngineFailed, match="out of memory"):
        rounds(Failing(), 1, 1.0, 4, lambda: None)
    with pytest.raises(EngineFailed, match="--seconds"):
        seconds_of_media([0.1])


def test_speech_is_as_long_as_is_asked() -> None:
    assert len(speech(45.5)) == 45.5 * 16_000 and abs(speech(3.0)).max() > 0.05


def test_a_replica_that_cannot_start_says_why() -> None:
    args = AppArgs.model_validate({"video": {"engine": "portrait", "portrait": {"warm_avatars": ["nobody"]}}})
    with pytest.raises(EngineFailed, match="nobody"):
        measured_in_processes(args, 1.0)(1, 1)


def test_without_a_card_it_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "capacity"]) == 1
    assert "NVIDIA" in capsys.readouterr().err
    assert main(["bench", "capacity", "--people", "0"]) == 1
    assert "--people" in capsys.readouterr().err


def test_what_it_finds_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "NvmlCards", FakeCards)
    monkeypatch.setattr(bench, "visible_card", lambda: "0")
    monkeypatch.setattr("benchmarks.gpu.capacity.measured_in_processes", lambda args, seconds: card(0.3))
    path = tmp_path / "capacity.json"
    config = tmp_path / "profile.yaml"
    config.write_text("applications: [{name: avatar}]")
    assert main(["bench", "capacity", "--config", str(config), "-o", str(path)]) == 0
    capacity = read_capacity(path)
    assert capacity is not None
    assert (capacity.gpu, capacity.people, capacity.source, capacity.replicas) == ("NVIDIA L4", 2, "measured", 1)
    assert "2 people on this NVIDIA L4" in capsys.readouterr().out
    assert list(tmp_path.glob("capacity-*.json"))


def test_the_figures_tell_frames_a_second() -> None:
    figures = as_figures(Found(1, 1, (Trial(1, 1, 0.6, 0.5),)), 0.3, 30)
    assert figures["trials"][0]["frames_per_second_for_each"] == 50
