"""A real browser, the page in it, and a server over fakes. Skipped where no chromium is installed."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from starlette.applications import Starlette

from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from tests.browser.talking import TalkingStages
from tests.browser.visit import Visit
from tests.door.live import served_in_thread

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
FLAGS = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=document-user-activation-required",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
]


@pytest.fixture(scope="session")
def chromium() -> str:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    return path


@pytest.fixture(scope="session")
def playwright(chromium: str) -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """One whose microphone beeps and whose camera shows a test picture."""
    with playwright.chromium.launch(executable_path=chromium, args=FLAGS) as started:
        yield started


@pytest.fixture
def browser_hearing(playwright: Playwright, chromium: str) -> Iterator[Callable[[Path], Browser]]:
    """Starts browsers whose microphone is a WAV file, played once from when it is opened."""
    with ExitStack() as stack:

        def start(wav: Path) -> Browser:
            flags = [*FLAGS, f"--use-file-for-fake-audio-capture={wav}%noloop"]
            return stack.enter_context(playwright.chromium.launch(executable_path=chromium, args=flags))

        yield start


@pytest.fixture
def stages() -> TalkingStages:
    return TalkingStages()


@pytest.fixture
def settings() -> GatewaySettings:
    return GatewaySettings()


@pytest.fixture
def app(tmp_path: Path, stages: TalkingStages, settings: GatewaySettings) -> Starlette:
    return create_app(stages, Store(tmp_path / "store"), settings, ConversationSettings())


@pytest.fixture
def address(app: Starlette) -> Iterator[str]:
    with served_in_thread(app) as address:
        yield address


@pytest.fixture
def visit(address: str) -> Iterator[Callable[..., Visit]]:
    """Opens the page and waits until it is ready. At the end no console may have complained, unless a test says so."""
    visits: list[Visit] = []
    with ExitStack() as stack:

        def open_page(
            browser: Browser, viewport: Any = DESKTOP, path: str = "/", ready: bool = True, **options: Any
        ) -> Visit:
            options = {"locale": "en-US", "has_touch": viewport is PHONE, **options}
            context = stack.enter_context(browser.new_context(viewport=viewport, **options))
            page: Page = context.new_page()
            visits.append(Visit(page, address + path))
            visits[-1].open(ready)
            return visits[-1]

        yield open_page
        for one in visits:
            assert one.complaints == [], "the browser's console complains"
