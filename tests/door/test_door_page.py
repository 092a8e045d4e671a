"""The page's files: for browsers, by name alone, known again by their content, open to all."""

import re

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.page import FOLDER, page_files
from serve_app.gateway.settings import GatewaySettings
from tests.door.door_stages import DoorStages

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
MAX_LINES = 250


def test_browsers_get_the_page_and_programs_the_list_of_doors(client: TestClient) -> None:
    page, doors = client.get("/", headers=BROWSER), client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8" and "<main>" in page.text
    assert "doors" in doors.json()
    assert "Accept" in page.headers["vary"] and "Accept" in doors.headers["vary"]


def test_the_page_may_load_nothing_from_elsewhere(client: TestClient) -> None:
    policy = client.get("/", headers=BROWSER).headers["content-security-policy"]
    assert "default-src 'self'" in policy and "media-src 'self' blob:" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    for name, file in page_files().items():
        text = file.content.decode()
        assert not re.search(r"(?:src|href|from|import|url)\s*[=(]?\s*[\"'](?:https?:)?//", text), name
        assert not re.search(r"<script>|<style| on\w+=| style=", text), f"{name} has inline code or style"


def test_files_are_known_by_their_content(client: TestClient) -> None:
    first = client.get("/page/app.js")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["cache-control"] == "no-cache" and first.headers["x-content-type-options"] == "nosniff"
    tag = first.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    again = client.get("/page/app.js", headers={"If-None-Match": tag})
    assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == tag
    assert client.get("/page/app.js", headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.head("/page/style.css").headers["content-type"] == "text/css; charset=utf-8"


def test_every_file_that_is_named_is_there(client: TestClient) -> None:
    for name, file in page_files().items():
        text = file.content.decode()
        named = re.findall(r'"(?:\./|page/)([\w.]+)"', text)
        for other in named:
            assert client.get(f"/page/{other}").status_code == 200, f"{name} names {other}"


@pytest.mark.parametrize(
    "path", ["../__init__.py", "..%2f__init__.py", "__init__.py", "%2e%2e/app.py", "nothing.js", ""]
)
def test_nothing_else_can_be_read(client: TestClient, path: str) -> None:
    answer = client.get(f"/page/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_needs_no_key(store: Store) -> None:
    settings = GatewaySettings(api_key=SecretStr("secret"))
    with TestClient(create_app(DoorStages(), store, settings, ConversationSettings())) as client:
        assert client.get("/", headers=BROWSER).status_code == 200
        assert client.get("/page/app.js").status_code == 200
        assert client.get("/v1/avatars").status_code == 401


def test_modules_are_short() -> None:
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in FOLDER.iterdir() if path.is_file()}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_each_text_exists_in_each_language() -> None:
    source = (FOLDER / "words.js").read_text("utf-8")
    blocks = re.split(r"^  (?:en|es|zh): \{$", source, flags=re.MULTILINE)[1:]
    names = [re.findall(r"(\w+): \"", block) for block in blocks]
    assert len(names) == 3 and len(names[0]) > 60
    assert set(names[0]) == set(names[1]) == set(names[2])
    used = {
        name for path in FOLDER.glob("*.html") for name in re.findall(r'data-words[\w-]*="(\w+)"', path.read_text())
    }
    assert used <= set(names[0])
