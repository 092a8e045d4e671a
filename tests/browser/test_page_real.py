"""The page on the whole application with its real weights: a spoken question, a face that answers, an interruption."""

import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.sounds import QUESTION, recording
from tests.browser.visit import Visit
from tests.browser.watching import heard, seen, watch
from tests.door.real import real_application

pytestmark = [pytest.mark.weights, pytest.mark.timeout(400)]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as ray_folder,
        real_application(tmp_path, ray_folder) as url,
    ):
        yield url


def until(page: Visit, true: Callable[[], bool], complaint: str) -> None:
    """The page's own rules forbid Playwright's way of waiting for an expression."""
    for _ in range(300):
        if true():
            return
        page.page.wait_for_timeout(100)
    raise AssertionError(complaint)


def test_asks_aloud_is_answered_and_interrupts(
    browser_hearing: Callable[[Path], Browser], visit: Callable[..., Visit], tmp_path: Path
) -> None:
    second = QUESTION.parent / "en-sky.wav"
    page = visit(browser_hearing(recording(tmp_path / "questions.wav", 1.0, QUESTION, 9.0, second, 60.0)))
    page.page.set_default_timeout(60_000)
    page.page.wait_for_selector("#stage[data-clip='there']")
    watch(page.page)
    page.page.click("#hands-free")
    page.wait_for_state("listening")
    page.wait_for_answer()
    until(page, lambda: page.page.inner_text("#captions") != "", "the answer has no captions")
    # how many of twenty-five pictures a second the browser draws is the machine's affair
    until(page, lambda: len(seen(page.page)) > 12, "nothing can be seen")
    until(page, lambda: sum(block["loud"] > 0.02 for block in heard(page.page)) > 60, "nothing can be heard")
    frames = seen(page.page)
    assert min(frame["light"] for frame in frames) > 20
    assert statistics.pstdev(frame["mouth"] for frame in frames) > 1, "the mouth does not move"
    page.wait_for_state("listening", "ready")
    page.page.wait_for_selector("#log li:nth-child(4)")
    page.wait_for_rest(60_000)
    (_, asked), (_, answer), (_, asked_again), (_, last) = page.log()[:4]
    assert "capital of france" in asked.lower() and "paris" in answer.lower()
    assert "sky" in asked_again.lower() and last
    assert page.page.is_visible("#latency")
