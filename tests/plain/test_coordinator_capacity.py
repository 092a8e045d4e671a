"""One person at a time, until a measurement on the card allows more."""

import json
from pathlib import Path
from typing import Any

import pytest

from deployments.errors import BadInput
from serve_app.coordinator.capacity import Capacity, read_capacity, with_measured_capacity, write_capacity
from serve_app.coordinator.settings import CapacitySettings, CoordinatorSettings

pytestmark = pytest.mark.plain
MEASURED = Capacity(
    gpu="NVIDIA L4", people=2, source="measured", replicas=2, command="avatar bench capacity", date="2026-11-21"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "capacity.json"


def people(path: Path | None, **settings: Any) -> int:
    capacity = CapacitySettings(file=None if path is None else str(path), **settings)
    return with_measured_capacity(CoordinatorSettings(max_people=1, capacity=capacity)).max_people


def test_without_a_measurement_one(path: Path) -> None:
    assert people(None) == 1
    assert people(path) == 1
    assert read_capacity(path) is None


def test_what_was_measured_counts_for_each_card(path: Path) -> None:
    write_capacity(path, MEASURED)
    assert read_capacity(path) == MEASURED
    assert people(path) == 2
    assert people(path, gpu="L4") == 2
    assert people(path, gpu="L4", cards=4) == 8


def test_on_another_card_or_only_thought_or_too_slow_lets_nobody_in(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_capacity(path, MEASURED)
    assert people(path, gpu="L40S") == 1
    assert people(path, gpu="H200") == 1
    for source in ("projected", "published"):
        write_capacity(path, MEASURED.model_copy(update={"source": source}))
        assert people(path) == 1
    write_capacity(path, MEASURED.model_copy(update={"people": 0}))
    assert people(path) == 1
    assert all(word in caplog.text for word in ("not on L40S", "projected", "published", "not even one"))


@pytest.mark.parametrize("text", ["", "{}", '{"people": 99}', json.dumps(MEASURED.model_dump() | {"source": "guess"})])
def test_a_spoilt_file_is_said_not_guessed_at(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(BadInput, match=r"capacity\.json.*avatar bench capacity"):
        people(path)
