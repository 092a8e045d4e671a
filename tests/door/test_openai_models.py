"""/v1/models, and the shape of errors, through the official client."""

from pathlib import Path
from typing import Any

import openai
import pytest

from deployments.llm.settings import LlmSettings
from deployments.store.store import Store
from serve_app.args import AppArgs
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.served_models import REALTIME, ServedModels
from tests.door.conftest import wav
from tests.door.live import served_in_thread
from tests.fakes.openai_stages import OpenAiStages


def test_what_runs_is_listed(program: openai.OpenAI) -> None:
    listed = program.models.list().data
    assert [model.id for model in listed] == list(ServedModels().ids())
    assert listed[0].id == REALTIME
    assert program.models.retrieve("whisper-base") == next(model for model in listed if model.id == "whisper-base")


async def test_an_async_program_lists_them_too(async_program: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in async_program.models.list()] == list(ServedModels().ids())


def test_the_names_follow_the_settings() -> None:
    assert AppArgs().doors().models == ServedModels()
    llm = LlmSettings.model_validate({"engine": "openai", "openai": {"model": "meta/llama"}})
    assert AppArgs(llm=llm).doors().models.thinking == "meta/llama"
    named = GatewaySettings(models=ServedModels(thinking="ada"))
    assert AppArgs(llm=llm, gateway=named).doors().models.thinking == "ada"


def test_unknown_models_doors_and_methods_are_typed_errors(program: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        program.models.retrieve("meta/llama")
    assert (unknown.value.code, unknown.value.type) == ("model_not_found", "invalid_request_error")
    with pytest.raises(openai.NotFoundError) as no_door:
        program.embeddings.create(model="x", input="y")
    assert no_door.value.code == "not_found" and no_door.value.param is None
    with pytest.raises(openai.APIStatusError) as wrong_method:
        program.models.delete("whisper-base")
    assert (wrong_method.value.status_code, wrong_method.value.code) == (405, "method_not_allowed")
    body = wrong_method.value.body
    assert isinstance(body, dict) and {"message", "type", "param", "code", "request_id"} <= set(body)
    assert wrong_method.value.type == "invalid_request_error"


def test_a_full_house_is_told_and_waited_out(scripted: OpenAiStages, tmp_path: Path) -> None:
    settings = CoordinatorSettings(max_people=1, turn_seconds=1)
    app = create_app(scripted, Store(tmp_path), GatewaySettings(), ConversationSettings(), coordinator=settings)
    scripted.delays["reply_piece"] = 0.2
    ask: Any = {"model": "x", "messages": [{"role": "user", "content": "Hello?"}]}
    with served_in_thread(app) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as program:
        under_way = program.chat.completions.create(**ask, stream=True)
        next(under_way)
        for refused in (
            lambda: program.chat.completions.create(**ask),
            lambda: program.audio.speech.create(model="x", voice="alloy", input="Hello."),
            lambda: program.audio.transcriptions.create(model="x", file=("x.wav", wav())),
        ):
            with pytest.raises(openai.InternalServerError) as full:
                refused()
            assert (full.value.status_code, full.value.code) == (503, "at_capacity")
            assert int(full.value.response.headers["retry-after"]) >= 1
        patient = program.with_options(max_retries=4)
        assert patient.chat.completions.create(**ask).choices[0].message.content  # the client waits by itself
        under_way.close()
