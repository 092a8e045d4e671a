"""Adding a face and a voice: with consent, after a look or a listen; refusals in plain words."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser

from deployments.errors import BadInput
from tests.browser.sounds import QUESTION
from tests.browser.talking import TalkingStages
from tests.browser.visit import Visit


def photo(path: Path, flat: bool = False) -> Path:
    """A picture that the fake takes for a face, or one without."""
    rows = np.full(128, 90, np.uint8) if flat else np.linspace(0, 255, 128, dtype=np.uint8)
    cv2.imwrite(str(path), np.dstack([np.tile(rows, (128, 1))] * 3))
    return path


def test_uploads_a_face_and_is_seen_with_it(browser: Browser, visit: Callable[..., Visit], tmp_path: Path) -> None:
    page = visit(browser)
    page.page.click("#add-avatar")
    page.page.set_input_files("#upload-file", photo(tmp_path / "me.png"))
    page.page.wait_for_selector("#upload-preview img")
    page.page.fill("#upload-name", "Ana")
    page.page.click("#upload-submit")
    assert "consent" in page.page.inner_text("#upload-refusal")
    page.page.check("#upload-consent")
    page.page.click("#upload-submit")
    page.page.wait_for_selector("#avatars .choice:has-text('Ana') :checked", state="attached")
    assert not page.page.is_visible("#upload")
    page.page.wait_for_selector("#portrait[alt='Ana']", state="attached")
    chosen = [
        update["session"]["avatar"]["id"]
        for update in page.sent("session.update")
        if "id" in update["session"].get("avatar", {})
    ]
    page.type("Who are you?")
    page.wait_for_answer()
    page.page.click("[aria-label='Delete Ana']")
    page.page.wait_for_selector("#avatars .choice:has-text('Ana')", state="detached")
    assert chosen[-1] not in (chosen[0], "grace_hopper")


def test_refusals_are_shown_as_the_server_says_them(
    browser: Browser, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    page = visit(browser)
    page.page.click("#add-avatar")
    page.page.click("#upload-submit")
    assert page.page.inner_text("#upload-refusal") != ""
    page.page.set_input_files("#upload-file", photo(tmp_path / "wall.png", flat=True))
    page.page.check("#upload-consent")
    page.page.click("#upload-submit")
    page.page.wait_for_selector("#upload-refusal:has-text('There is no face in this picture.')")
    (tmp_path / "notes.png").write_bytes(b"these are no pixels")
    page.page.set_input_files("#upload-file", tmp_path / "notes.png")
    page.page.click("#upload-submit")
    page.page.wait_for_selector("#upload-refusal:not(:has-text('There is no face')):visible")
    page.page.keyboard.press("Escape")
    assert not page.page.is_visible("#upload")
    page.excuse("400", "415", "ERR_")


def test_uploads_a_voice_and_is_heard_with_it(
    browser: Browser, visit: Callable[..., Visit], stages: TalkingStages
) -> None:
    page = visit(browser)
    page.page.click("#add-voice")
    page.page.set_input_files("#upload-file", QUESTION)
    page.page.wait_for_selector("#upload-preview audio")
    page.page.fill("#upload-name", "Mine")
    page.page.check("#upload-consent")
    stages.errors["enrol_voice"] = BadInput("The sample is too short: at least 5 seconds of speech are needed.")
    page.page.click("#upload-submit")
    page.page.wait_for_selector("#upload-refusal:has-text('at least 5 seconds')")
    stages.errors.clear()
    page.page.click("#upload-submit")
    page.page.wait_for_selector("#voices .choice:has-text('Mine') :checked", state="attached")
    assert page.sent("session.update")[-1]["session"]["audio"]["output"]["voice"] not in ("default", "af_heart")
    page.excuse("400")


def test_takes_a_photo_and_records_a_voice(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    page.page.click("#add-avatar")
    page.page.click("#upload-capture")
    page.page.wait_for_selector("#upload-preview video")
    page.page.wait_for_timeout(500)
    page.page.click("#upload-preview button")
    page.page.wait_for_selector("#upload-preview img")
    page.page.check("#upload-consent")
    page.page.click("#upload-submit")
    page.page.wait_for_selector("#avatars .removable")
    page.page.click("#add-voice")
    page.page.click("#upload-capture")
    page.page.wait_for_selector("#upload-preview:has-text('2 s')")
    page.page.click("#upload-capture")
    page.page.wait_for_selector("#upload-preview audio")
    page.page.check("#upload-consent")
    page.page.click("#upload-submit")
    page.page.wait_for_selector("#voices .removable")
