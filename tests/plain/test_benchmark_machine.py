"""Every measurement says where and with what code it was taken."""

import json
from pathlib import Path

import pytest

from benchmarks.machine import describe_machine, write_result

pytestmark = pytest.mark.plain


def test_a_result_carries_the_machine_and_the_command(tmp_path: Path) -> None:
    path = write_result("thing", ["thing.py", "--fast"], {"milliseconds": [1.5, 2.5]}, folder=tmp_path / "new")
    content = json.loads(path.read_text())
    assert path.name.startswith("thing-") and content["command"] == ["thing.py", "--fast"]
    assert content["figures"] == {"milliseconds": [1.5, 2.5]}
    machine = content["machine"]
    assert machine["processor"] and machine["usable_cores"] >= 1 and machine["memory_gigabytes"] > 0
    assert len(machine["load_average"]) == 3 and "numpy" in machine["packages"] and machine["commit"]


def test_the_description_is_plain_data() -> None:
    assert json.loads(json.dumps(describe_machine()))
