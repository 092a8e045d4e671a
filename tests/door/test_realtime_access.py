"""Keys over the realtime socket: whose session it is, what it may use, and what it loses when that is gone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.typing import Subprotocol

from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from tests.door.conftest import wav
from tests.door.realtime_line import line, served
from tests.door.test_door_access import ANA, BEN, KEYS, bearer
from tests.fakes.stages import FakeStages


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    settings = GatewaySettings.model_validate({"keys": KEYS})
    async with served(create_app(FakeStages(), Store(tmp_path), settings, ConversationSettings())) as url:
        yield url


async def uploaded(url: str, key: str) -> httpx.Response:
    door = url.replace("ws:", "http:").replace("/realtime", "/voices")
    async with httpx.AsyncClient() as client:
        return await client.post(
            door, files={"audio": ("me.wav", wav(3))}, data={"consent": "true"}, headers=bearer(key)
        )


def spoken_by(voice: str) -> dict[str, Any]:
    return {"type": "realtime", "audio": {"output": {"voice": voice}}}


ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}


async def test_the_key_of_a_browser_opens_the_socket(url: str) -> None:
    protocols = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{ANA}")]
    async with line(url, subprotocols=protocols) as talk:
        assert talk.socket.subprotocol == "realtime"
        await talk.send("conversation.item.create", item=ITEM)
        await talk.send("response.create", response={"output_modalities": ["text"]})
        assert (await talk.until("response.done"))["response"]["status"] == "completed"


async def test_a_session_has_its_own_keys_uploads_and_no_others(url: str) -> None:
    voice = (await uploaded(url, ANA)).json()["id"]
    async with line(url, additional_headers=bearer(BEN)) as talk:
        await talk.send("session.update", session=spoken_by(voice))
        assert (await talk.until("error"))["error"]["code"] == "not_found"
        await talk.send("conversation.item.create", item=ITEM)
        await talk.send("response.create", response={"audio": {"output": {"voice": voice}}})
        assert (await talk.until("error"))["error"]["code"] == "not_found"
    async with line(url, spoken_by(voice), additional_headers=bearer(ANA)) as talk:
        await talk.send("conversation.item.create", item=ITEM)
        await talk.send("response.create")
        assert (await talk.until("response.done"))["response"]["status"] == "completed"


async def test_a_voice_that_is_deleted_is_not_used_for_the_next_answer(url: str) -> None:
    made = await uploaded(url, ANA)
    async with line(url, spoken_by(made.json()["id"]), additional_headers=bearer(ANA)) as talk:
        async with httpx.AsyncClient() as client:
            where = url.replace("ws:", "http:").replace("/v1/realtime", made.headers["location"])
            assert (await client.delete(where, headers=bearer(ANA))).status_code == 204
        await talk.send("conversation.item.create", item=ITEM)
        await talk.send("response.create")
        done = (await talk.until("response.done"))["response"]
        assert (done["status"], done["status_details"]["error"]["code"]) == ("failed", "not_found")
        await talk.send("session.update", session=spoken_by("default"))
        await talk.until("session.updated")
        await talk.send("response.create")
        assert (await talk.until("response.done"))["response"]["status"] == "completed"


async def test_another_key_does_not_get_a_session_back(url: str) -> None:
    async with line(url, additional_headers=bearer(ANA)) as talk:
        session = talk.events[0]["session"]
        await talk.send("conversation.item.create", item=ITEM)
        await talk.until("conversation.item.done")
    back = f"{url}?session_id={session['id']}&resume_token={session['avatar']['resume_token']}"
    with pytest.raises(AssertionError, match="4404"):
        async with line(back, additional_headers=bearer(BEN)):
            pass
    async with line(back, additional_headers=bearer(ANA)) as talk:
        assert talk.events[0]["session"]["avatar"]["resumed"]


async def test_a_keys_limits_hold_on_the_socket_too(url: str) -> None:
    async with line(url, additional_headers=bearer(ANA)) as talk:
        for status in ("completed", "completed", "completed", "failed"):
            await talk.send("conversation.item.create", item=ITEM)
            await talk.send("response.create", response={"output_modalities": ["text"]})
            done = (await talk.until("response.done"))["response"]
            assert done["status"] == status
        assert done["status_details"]["error"]["code"] == "rate_limited"
        error = talk.of("error")[-1]["error"]
        assert (error["code"], error["type"]) == ("rate_limited", "rate_limit_error")
        assert 50 <= error["retry_after_seconds"] <= 60
        assert talk.closed is None, "the conversation goes on"
