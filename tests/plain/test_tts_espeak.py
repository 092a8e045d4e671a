"""espeak-ng as a process of its own: found, missing, dead, silent."""

import sys
from pathlib import Path

import pytest

from deployments.errors import EngineFailed, WeightsMissing
from deployments.tts import espeak
from deployments.tts.espeak import EspeakChild, EspeakProgram, open_espeak
from deployments.tts.settings import EspeakSettings

pytestmark = pytest.mark.plain


def program(folder: Path, body: str) -> str:
    path = folder / "espeak-ng"
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_without_program_and_extra_the_error_names_the_remedy() -> None:
    with pytest.raises(WeightsMissing, match="apt-get install espeak-ng"):
        open_espeak(EspeakSettings(program="no-such-program", extra=False))


def test_the_program_is_preferred_and_the_extra_is_announced_by_its_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = open_espeak(EspeakSettings(program=program(tmp_path, "pass")))
    assert isinstance(found, EspeakProgram)
    monkeypatch.setattr(espeak, "find_spec", lambda name: None)
    with pytest.raises(WeightsMissing):
        open_espeak(EspeakSettings(program="no-such-program"))


def test_a_line_for_a_phrase(tmp_path: Path) -> None:
    echo = program(tmp_path, "sys.stdout.write(sys.stdin.read().upper())")
    assert EspeakProgram(echo, 5).spell(["one two", "three"], "en-us") == ["ONE TWO", "THREE"]


def test_phrases_that_come_back_in_several_lines_are_asked_for_one_by_one(tmp_path: Path) -> None:
    breaks = program(tmp_path, "sys.stdout.write(sys.stdin.read().replace(' ', chr(10)))")
    assert EspeakProgram(breaks, 5).spell(["one two", "three"], "en-us") == ["one two", "three"]


def test_a_program_that_fails_or_hangs_is_an_engine_failure(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="twice"):
        EspeakProgram(program(tmp_path, "sys.exit(3)"), 5).spell(["one"], "es")
    with pytest.raises(EngineFailed, match="twice"):
        EspeakProgram(program(tmp_path, "time.sleep(30)"), 0.2).spell(["one"], "es")


@pytest.mark.skipif(espeak.find_spec("espeakng_loader") is None, reason="the espeakng-loader extra is not installed")
def test_the_child_answers_and_is_replaced_when_it_dies() -> None:
    child = EspeakChild(10)
    try:
        assert child.spell(["hello there"], "en-us") == ["həlˈo^ʊ ðˈɛ^ɹ"]
        process = child._process
        assert process is not None
        process.kill()
        process.wait()
        assert child.spell(["hola"], "es") == ["ˈola"]
        with pytest.raises(EngineFailed, match="twice"):
            child.spell(["hello"], "no-such-voice")
        assert child.spell(["hello"], "en")
    finally:
        child.close()


def test_nothing_of_espeak_is_loaded_into_this_process() -> None:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("no /proc here")
    assert "espeak" not in maps.read_text()
