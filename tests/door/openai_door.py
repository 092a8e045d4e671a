"""The OpenAI-shaped doors over fakes, behind a real socket, as the official client sees them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import openai
import pytest

from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from tests.door.live import served_in_thread
from tests.fakes.openai_stages import OpenAiStages


@pytest.fixture
def scripted() -> OpenAiStages:
    return OpenAiStages()


@pytest.fixture
def address(scripted: OpenAiStages, tmp_path: Path) -> Iterator[str]:
    app = create_app(scripted, Store(tmp_path / "store"), GatewaySettings(), ConversationSettings())
    with served_in_thread(app) as url:
        yield f"{url}/v1"


@pytest.fixture
def program(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=address, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def async_program(address: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=address, api_key="none", max_retries=0) as client:
        yield client
