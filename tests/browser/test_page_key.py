"""A server that asks for a key: the page asks the person for it, once a tab."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser
from pydantic import SecretStr

from serve_app.gateway.settings import GatewaySettings
from tests.browser.visit import Visit


@pytest.fixture
def settings() -> GatewaySettings:
    return GatewaySettings(api_key=SecretStr("a-key-of-ours"))


def test_asks_for_the_key_and_uses_it_everywhere(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser, ready=False)
    page.page.wait_for_selector("#key[open]")
    page.page.fill("#key-text", "a-wrong-key")
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector("#notice-text:has-text('The key is missing or wrong.')", state="attached")
    page.page.wait_for_selector("#key[open]")
    page.page.fill("#key-text", "a-key-of-ours")
    page.page.keyboard.press("Enter")
    page.wait_for_state("ready")
    page.page.wait_for_selector("#portrait[src^='blob:']", state="attached")
    page.page.wait_for_selector("#stage[data-clip='there']")
    page.type("Hello?")
    page.wait_for_answer()
    page.page.reload()
    page.wait_for_state("ready")
    assert page.page.evaluate("[localStorage, sessionStorage].map((s) => 'avatar.key' in s)") == [False, True]
    page.excuse("401")
