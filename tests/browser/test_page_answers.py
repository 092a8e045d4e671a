"""A typed question: the face moves while it speaks, captions appear with the words, and it comes to rest again."""

import itertools
import statistics
from collections.abc import Callable

from playwright.sync_api import Browser

from tests.browser.talking import LONG_REPLY, TalkingStages
from tests.browser.visit import Visit
from tests.browser.watching import heard, onsets, seen, watch

REPLY = "Paris is the capital of France, and it has been for long."


def test_the_mouth_moves_while_there_is_sound(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    watch(page.page)
    page.type("What is the capital of France?")
    page.wait_for_answer()
    page.page.wait_for_timeout(2200)
    frames, blocks = seen(page.page), heard(page.page)
    assert len(frames) > 30, "pictures stand still"
    assert min(frame["light"] for frame in frames) > 20, "black pictures"
    assert statistics.pstdev(frame["mouth"] for frame in frames) > 5, "the mouth does not move"
    assert statistics.pstdev(frame["light"] for frame in frames) < 8, "all of the picture flickers"
    assert sum(block["loud"] > 0.02 for block in blocks) > 60, "nothing can be heard"
    page.wait_for_rest()
    page.wait_for_state("ready")
    assert page.log()[0] == ("user", "What is the capital of France?")
    assert page.log()[1][1].startswith(REPLY)


def test_sound_and_picture_are_together(browser: Browser, visit: Callable[..., Visit], stages: TalkingStages) -> None:
    """Each clause's beep and the white patch of its frames, at the loudspeaker and on the screen: within 80 ms."""
    stages.reply_pieces = LONG_REPLY
    page = visit(browser)
    watch(page.page)
    page.type("What is the capital of France?")
    page.wait_for_answer()
    page.wait_for_rest()
    # Not the first clause: its picture is there, and waits, before the sound begins.
    frames = [frame for frame in seen(page.page) if frame["mediaTime"] > 0.5]
    blocks = [block for block in heard(page.page) if block["position"] > 0.5]
    flashes = onsets([frame["at"] for frame in frames], [frame["corner"] for frame in frames], 180)
    beeps = onsets([block["at"] for block in blocks], [block["beep"] for block in blocks], 0.12)
    assert len(flashes) == len(beeps) >= 3
    offsets = [beep - flash for flash, beep in zip(flashes, beeps, strict=True)]
    print(f"sound after picture, ms: {', '.join(f'{offset:.0f}' for offset in offsets)}")
    assert abs(statistics.median(offsets)) <= 80
    assert max(map(abs, offsets)) <= 120, "one refresh of the screen and a busy machine come on top"


def test_captions_appear_as_the_words_are_spoken(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    page.type("What is the capital of France?")
    page.wait_for_answer()
    shown: list[str] = []
    for _ in range(30):
        text = page.page.evaluate(
            "[...document.querySelectorAll('#captions .said')].map((e) => e.textContent).join('')"
        )
        if not shown or shown[-1] != text:
            shown.append(text)
        page.page.wait_for_timeout(100)
    first = [text for text in shown if text and REPLY.startswith(text)]
    assert len(first) >= 4, f"the first clause came all at once: {shown}"
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(first))
    page.wait_for_rest()
    assert page.page.inner_text("#captions") == ""


def test_reports_how_far_it_has_played(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    page.type("What is the capital of France?")
    page.wait_for_answer()
    page.wait_for_rest()
    reports = page.sent("avatar.playback")
    gaps = [later["at"] - earlier["at"] for earlier, later in itertools.pairwise(reports)]
    assert max(gaps) <= 500
    assert [report["played_ms"] for report in reports] == sorted(report["played_ms"] for report in reports)
    response = page.said("response.created")[-1]["response"]["id"]
    assert {report["response_id"] for report in reports} == {response}
    seconds = (
        page.page.evaluate("answer.currentTime")
        - page.said("response.created")[-1]["response"]["avatar"]["start_seconds"]
    )
    assert abs(reports[-1]["played_ms"] / 1000 - seconds) < 0.3


def test_answers_follow_each_other_on_one_timeline(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    for question in ("One?", "Two?"):
        page.type(question)
        page.wait_for_answer()
        page.page.wait_for_timeout(600)
        assert page.played()["position"] >= page.said("response.created")[-1]["response"]["avatar"]["start_seconds"]
        page.wait_for_rest()
    assert [role for role, _ in page.log()] == ["user", "assistant"] * 2
    assert page.page.evaluate("answer.error") is None


def test_tells_where_the_time_went(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    assert not page.page.is_visible("#latency")
    page.type("What is the capital of France?")
    page.wait_for_answer()
    page.wait_for_rest()
    page.wait_for_state("ready")
    rows = page.page.locator("#latency-rows tr").all_inner_texts()
    assert any(row.startswith("Voice") for row in rows) and any(row.startswith("Picture") for row in rows)
    assert page.page.inner_text("#latency-total").endswith(" s")
