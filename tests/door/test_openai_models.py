"""/v1/models, and the shape of errors, through the official client."""

import openai
import pytest

from deployments.llm.settings import LlmSettings
from serve_app.args import AppArgs
from serve_app.gateway.settings import GatewaySettings
from serve_app.served_models import REALTIME, ServedModels


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
