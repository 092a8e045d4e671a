"""Speaking to the page: hands-free and push-to-talk, interrupting by voice and by button, and a missing microphone."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.sounds import QUESTION, recording
from tests.browser.talking import LONG_REPLY, TalkingStages
from tests.browser.visit import Visit

Hearing = Callable[[Path], Browser]


def test_speaks_hands_free_and_sends_only_what_can_be_heard(
    browser_hearing: Hearing, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    wav = recording(tmp_path / "question.wav", 3.0, QUESTION, 12.0)
    page = visit(browser_hearing(wav))
    page.page.click("#hands-free")
    page.page.wait_for_timeout(1500)
    assert page.sent("audio") == [], "silence was sent"
    page.wait_for_state("listening")
    page.wait_for_answer()
    page.wait_for_rest()
    seconds = sum(block["bytes"] for block in page.sent("audio")) / 2 / 16_000
    assert 2.5 < seconds < 6.5, f"{seconds:.1f} s were sent of a question of 3.5 s"
    quiet_from = page.sent("audio")[-1]["at"]
    page.page.wait_for_timeout(1000)
    assert page.sent("audio")[-1]["at"] == quiet_from
    assert page.log()[0] == ("user", "What is the capital of France?")
    assert page.log()[1][1].startswith("Paris is the capital")


def test_interrupts_by_voice(
    browser_hearing: Hearing, visit: Callable[..., Visit], stages: TalkingStages, tmp_path: Path
) -> None:
    stages.reply_pieces = LONG_REPLY
    wav = recording(tmp_path / "questions.wav", 0.5, QUESTION, 3.5, QUESTION, 20.0)
    page = visit(browser_hearing(wav))
    page.page.click("#hands-free")
    page.wait_for_answer()
    page.wait_for_state("listening")
    assert page.played()["paused"], "it goes on talking"
    assert page.page.get_attribute("#stage", "data-view") == "idle"
    page.wait_for_answer()
    roles = [role for role, _ in page.log()]
    assert roles == ["user", "assistant", "user", "assistant"]
    heard = page.log()[1][1]
    assert "Paris" in heard and "the others" not in heard
    assert page.page.locator("#log li").nth(1).locator(".note").inner_text().endswith("interrupted")


def test_holds_the_button_to_talk(browser_hearing: Hearing, visit: Callable[..., Visit], tmp_path: Path) -> None:
    page = visit(browser_hearing(recording(tmp_path / "question.wav", QUESTION, 20.0)))
    talk = page.page.locator("#talk")
    talk.hover()
    page.page.mouse.down()
    page.wait_for_state("listening")
    page.page.wait_for_timeout(1500)
    page.page.mouse.up()
    page.wait_for_answer()
    kinds = [event["type"] for event in page.sent() if event["type"] not in ("session.update", "avatar.playback")]
    assert kinds[0] == "input_audio_buffer.clear"
    assert kinds[1] == "audio" and kinds[-2:] == ["input_audio_buffer.commit", "response.create"]
    count = len(page.sent("audio"))
    page.wait_for_rest()
    assert len(page.sent("audio")) == count, "it went on listening"


def test_holds_the_space_bar_to_talk_and_escape_interrupts(
    browser_hearing: Hearing, visit: Callable[..., Visit], stages: TalkingStages, tmp_path: Path
) -> None:
    stages.reply_pieces = LONG_REPLY
    page = visit(browser_hearing(recording(tmp_path / "question.wav", QUESTION, 20.0)))
    page.page.keyboard.down("Space")
    page.wait_for_state("listening")
    page.page.wait_for_timeout(1200)
    page.page.keyboard.up("Space")
    page.wait_for_answer()
    page.page.wait_for_timeout(1000)
    page.page.keyboard.press("Escape")
    page.wait_for_rest(1000)
    assert page.played()["paused"]
    truncated = page.sent("conversation.item.truncate")[-1]
    assert 500 < truncated["audio_end_ms"] < 4000
    assert page.sent("response.cancel") != []
    page.wait_for_state("ready")
    position = page.played()["position"]
    page.page.wait_for_timeout(500)
    assert page.played()["position"] == position


def test_interrupts_by_button_and_goes_on(browser: Browser, visit: Callable[..., Visit], stages: TalkingStages) -> None:
    stages.reply_pieces = LONG_REPLY
    page = visit(browser)
    assert page.page.is_disabled("#interrupt")
    page.type("What is the capital of France?")
    page.wait_for_answer()
    page.page.wait_for_timeout(700)
    page.page.click("#interrupt")
    page.wait_for_rest(500)
    page.type("And of Spain?")
    page.wait_for_answer()
    page.page.wait_for_timeout(500)
    start = page.said("response.created")[-1]["response"]["avatar"]["start_seconds"]
    assert page.played()["position"] >= start
    assert not page.played()["paused"]


def test_a_short_press_says_what_to_do(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    # down and up without the way through the driver between them, which on a busy machine is a long press
    page.page.evaluate("""() => {
      const press = (kind) => new PointerEvent(kind, { bubbles: true, button: 0, pointerId: 1, isPrimary: true });
      const button = document.getElementById("talk");
      for (const kind of ["pointerdown", "pointerup"]) button.dispatchEvent(press(kind));
    }""")
    page.page.wait_for_selector("#notice:not([hidden])")
    assert "Hold the button" in page.notice()
    assert page.sent("input_audio_buffer.commit") == []


def test_a_refused_microphone_is_told_and_text_still_works(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser, ready=False)
    for error, words in (("NotAllowedError", "refused"), ("NotFoundError", "No microphone")):
        page.page.evaluate(
            "(name) => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', name)); }",
            error,
        )
        page.page.click("#hands-free")
        page.page.wait_for_selector(f"#notice-text:has-text('{words}')")
        assert page.page.get_attribute("#hands-free", "aria-checked") == "false"
        assert page.page.evaluate("document.activeElement.id") == "text"
    page.type("Can you read?")
    page.wait_for_answer()
