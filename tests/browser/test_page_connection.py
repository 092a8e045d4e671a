"""Losing the connection and coming back, and every way in which the server ends one."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, WebSocketRoute

from tests.browser.visit import Visit

QUESTION = "What is the capital of France?"


def test_comes_back_by_itself_with_its_session_and_transcript(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    page.type(QUESTION)
    page.wait_for_answer()
    page.wait_for_rest()
    page.wait_for_state("ready")
    before = page.log()
    page.page.evaluate("window.socket.close()")
    page.wait_for_state("offline")
    page.wait_for_state("ready")
    first, again = (event["session"] for event in page.said("session.created"))
    assert again["id"] == first["id"] and again["avatar"]["resumed"]
    page.page.wait_for_selector("#log li + li", state="attached")
    assert [role for role, _ in page.log()] == [role for role, _ in before]
    assert page.log()[0] == ("user", QUESTION)
    page.type("And now?")
    page.wait_for_answer()


def test_a_reload_goes_on_with_the_session(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    page.type(QUESTION)
    page.wait_for_answer()
    page.wait_for_rest()
    page.wait_for_state("ready")
    page.page.reload()
    page.wait_for_state("ready")
    page.page.wait_for_selector("#log li + li", state="attached")
    assert page.log()[0] == ("user", QUESTION)


def test_what_was_received_is_played_when_the_connection_goes(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    page.type(QUESTION)
    page.wait_for_answer()
    page.page.wait_for_timeout(300)
    page.page.evaluate("window.socket.close()")
    page.page.wait_for_timeout(500)
    assert not page.played()["paused"]
    page.wait_for_rest()
    page.wait_for_state("ready")


@pytest.mark.parametrize(
    ("code", "states", "words"),
    [
        (1012, ("offline", "retrying"), "restarting"),
        (1013, ("offline", "retrying"), "Too many"),
        (4404, ("offline", "retrying"), "could not be continued"),
        (4408, ("offline", "retrying"), "time limit"),
        (4409, ("stopped",), "another window"),
        (4410, ("offline", "retrying"), "not being played"),
        (4429, ("offline", "retrying"), "limit of this key"),
        (4403, ("stopped",), "address"),
    ],
)
def test_close_codes_in_plain_words(
    browser: Browser, visit: Callable[..., Visit], code: int, states: tuple[str, ...], words: str
) -> None:
    page = visit(browser, ready=False)
    page.wait_for_state("ready")
    routes: list[WebSocketRoute] = []

    def close(route: WebSocketRoute) -> None:
        routes.append(route)
        route.close(code=code)

    page.page.route_web_socket("**/v1/realtime**", close)
    page.page.evaluate("window.socket.close()")
    page.page.wait_for_selector(f"#notice-text:has-text('{words}')")
    assert page.state in states
    assert page.page.is_visible("#notice-action") == (states == ("stopped",))


def test_another_window_takes_over_and_may_be_taken_back(browser: Browser, visit: Callable[..., Visit]) -> None:
    page = visit(browser)
    page.page.route_web_socket("**/v1/realtime**", lambda route: route.close(code=4409))
    page.page.evaluate("window.socket.close()")
    page.wait_for_state("stopped")
    page.page.wait_for_timeout(1500)
    assert page.state == "stopped", "it fights for the session"
    page.page.unroute_all()
    page.page.route_web_socket("**/v1/realtime**", lambda route: route.connect_to_server() and None)
    page.page.click("#notice-action")
    page.wait_for_state("ready")
