"""One look at the page: what a person does there, and what a test sees of it."""

import json
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, WebSocket

WAIT_MS = 12_000

PROBE = """
(() => {
  // What the page says to the server, with the time, kept where a test can read it.
  window.sent = [];
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    window.socket = this;
    const at = performance.now();
    if (typeof data === "string") window.sent.push({ at, ...JSON.parse(data) });
    else window.sent.push({ at, type: "audio", bytes: data.byteLength });
    return send.call(this, data);
  };
})();
"""


class Visit:
    """`complaints` are errors and warnings of the console, and exceptions that nobody caught."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self.events: list[dict[str, Any]] = []
        """What the server said, in order; pieces of media as {"type": "media", "bytes": n}."""
        page.set_default_timeout(WAIT_MS)
        page.add_init_script(PROBE)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("websocket", self._socket)

    def open(self, ready: bool = True) -> None:
        self.page.goto(self.address)
        if ready:
            self.wait_for_state("ready")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "ScriptProcessorNode is deprecated" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _socket(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._frame)

    def _frame(self, payload: str | bytes) -> None:
        self.events.append(
            json.loads(payload) if isinstance(payload, str) else {"type": "media", "bytes": len(payload)}
        )

    def excuse(self, *parts: str) -> None:
        """Forgets complaints that hold one of these: the test brought them about."""
        self.complaints = [said for said in self.complaints if not any(part in said for part in parts)]

    @property
    def state(self) -> str:
        return str(self.page.get_attribute("#state", "data-state"))

    def wait_for_state(self, *states: str) -> None:
        self.page.wait_for_selector(", ".join(f'#state[data-state="{state}"]' for state in states))

    def wait_for_answer(self) -> None:
        """Until its first picture is on the screen."""
        self.page.wait_for_selector('#stage[data-view="answer"]')

    def wait_for_rest(self, timeout_ms: int = 30_000) -> None:
        """Until the answer is over and the face at rest."""
        self.page.wait_for_selector('#stage[data-view="idle"]', timeout=timeout_ms)

    def type(self, text: str) -> None:
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def sent(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the page told the server: all of it, or one type of event. `at` in milliseconds."""
        said: list[dict[str, Any]] = self.page.evaluate("window.sent")
        return [event for event in said if kind in (None, event["type"])]

    def said(self, kind: str) -> list[dict[str, Any]]:
        """What the server told the page, of one type."""
        return [event for event in self.events if event["type"] == kind]

    def log(self) -> list[tuple[str, str]]:
        """The transcript: (role, words)."""
        script = """() => [...document.querySelectorAll("#log li")]
            .map((item) => [item.classList[0], item.querySelector(".words")?.textContent ?? item.textContent])"""
        return [(role, words) for role, words in self.page.evaluate(script)]

    def played(self) -> dict[str, Any]:
        """The answer's video element: its position in seconds, and whether it moves."""
        script = "() => ({ position: answer.currentTime, paused: answer.paused, ready: answer.readyState })"
        state: dict[str, Any] = self.page.evaluate(script)
        return state

    def notice(self) -> str:
        return self.page.inner_text("#notice-text") if self.page.is_visible("#notice") else ""
