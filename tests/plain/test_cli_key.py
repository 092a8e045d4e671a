"""`avatar key`: what it prints lets its holder in, and nobody else."""

import re

import pytest
import yaml

from serve_app.cli.main import main
from serve_app.gateway.identity import Identity
from serve_app.gateway.settings import GatewaySettings


def test_what_is_printed_is_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    made = {}
    for name, options, limits in (
        ("ana", ["--turns-per-minute", "20", "--max-uploads", "0"], (None, 20, 0)),
        ("ben", [], ()),
    ):
        assert main(["key", name, *options]) == 0
        printed = capsys.readouterr().out
        found = re.search(r"only: ([A-Za-z0-9_-]{32})$", printed, re.MULTILINE)
        assert found is not None
        entry = yaml.safe_load(printed.splitlines()[-1])
        ring = GatewaySettings.model_validate({"keys": entry}).key_ring()
        assert ring.holder(found[1].encode()) == Identity(name, *limits)
        assert found[1] not in str(entry)
        made[found[1]] = name
    assert len(made) == 2


@pytest.mark.parametrize("words", [["a b"], ["ana", "--concurrent-turns", "0"]])
def test_what_cannot_be_a_key(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", *words]) == 1
    told = capsys.readouterr()
    assert not told.out
    assert re.search(r"name|concurrent_turns", told.err)
