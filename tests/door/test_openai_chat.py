"""/v1/chat/completions through the official client."""

import time
from typing import Any

import openai
import pytest

from deployments.contracts import Message, ReplyEnd, ReplyRequest, Sampling
from deployments.errors import EngineFailed
from tests.fakes.openai_stages import OpenAiStages

ASK: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Where is the Louvre?"}]}
ANSWER = "Well, that is Paris, of course. Have you been there?"


def asked(stages: OpenAiStages) -> ReplyRequest:
    request = stages.asked("reply")[-1]
    assert isinstance(request, ReplyRequest)
    return request


def test_an_answer_at_once(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    answer = program.chat.completions.create(**ASK)
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-")
    assert answer.model == "qwen2.5-coder-0.5b-instruct"  # what did run
    assert abs(answer.created - time.time()) < 60
    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", ANSWER, "stop")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (11, 7, 18)
    assert asked(scripted).messages == (Message("user", "Where is the Louvre?"),)
    assert asked(scripted).instructions is None and asked(scripted).language is None


async def test_the_same_from_an_async_program(async_program: openai.AsyncOpenAI) -> None:
    answer = await async_program.chat.completions.create(**ASK)
    assert answer.choices[0].message.content == ANSWER
    stream = await async_program.chat.completions.create(**ASK, stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == ANSWER


def test_an_answer_piece_by_piece(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    chunks = list(program.chat.completions.create(**ASK, stream=True))
    assert [chunk.choices[0].delta.content for chunk in chunks] == [*scripted.reply_pieces, None]
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[1].choices[0].delta.role is None
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"} and len({chunk.id for chunk in chunks}) == 1
    assert not any("usage" in chunk.model_fields_set for chunk in chunks)


def test_the_usage_is_streamed_where_that_is_asked(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    options: Any = {"stream": True, "stream_options": {"include_usage": True}}
    *chunks, last = list(program.chat.completions.create(**ASK, **options))
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in chunks)
    assert last.choices == [] and last.usage is not None and last.usage.total_tokens == 18
    scripted.end = ReplyEnd(True)
    *_, reason, last = list(program.chat.completions.create(**ASK, **options))
    assert reason.choices[0].finish_reason == "length"
    assert last.usage is None  # nobody counted


def test_the_helper_for_streams_understands_it(program: openai.OpenAI) -> None:
    with program.chat.completions.stream(**ASK) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content == ANSWER


def test_what_is_given_is_passed_on(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    program.chat.completions.create(
        model="x",
        messages=[
            {"role": "developer", "content": "Be a pirate."},
            {"role": "system", "content": [{"type": "text", "text": "Of the "}, {"type": "text", "text": "north."}]},
            {"role": "user", "content": "Ahoy?"},
            {"role": "assistant", "content": "Ahoy."},
            {"role": "system", "content": "Now whisper."},
            {"role": "user", "content": [{"type": "text", "text": "Where to?"}]},
        ],
        max_completion_tokens=40,
        temperature=0.5,
        top_p=0.8,
        seed=-1,
        stop="#",
        extra_body={"language": "es"},
    )
    request = asked(scripted)
    assert request.instructions == "Be a pirate.\n\nOf the north."
    assert [message.role for message in request.messages] == ["user", "assistant", "system", "user"]
    assert request.messages[-1].content == "Where to?"
    assert (request.max_tokens, request.language) == (40, "es")
    assert request.sampling == Sampling(0.5, 0.8, 2**32 - 1, ("#",))
    program.chat.completions.create(**ASK, max_tokens=9, stop=["a", "b"])
    assert asked(scripted).max_tokens == 9 and asked(scripted).sampling == Sampling(stop=("a", "b"))


def test_an_answer_can_be_part_of_the_next_question(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    message = program.chat.completions.create(**ASK).choices[0].message
    again = [*ASK["messages"], message, {"role": "user", "content": "No."}]
    program.chat.completions.create(model="x", messages=again)
    assert asked(scripted).messages[1] == Message("assistant", ANSWER)


def test_harmless_values_are_taken(program: openai.OpenAI) -> None:
    harmless: Any = {
        "n": 1,
        "logprobs": False,
        "frequency_penalty": 0,
        "presence_penalty": 0.0,
        "response_format": {"type": "text"},
        "tools": [],
        "tool_choice": "auto",
        "user": "me",
        "metadata": {"a": "b"},
        "store": False,
        "logit_bias": None,
        "modalities": ["text"],
    }
    assert program.chat.completions.create(**ASK, **harmless).choices


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"n": True}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logprobs": True}, "logprobs"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "4", "tool_call_id": "1"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "x", "name": "Bo"}]}, "messages.0.name"),
    ],
)
def test_what_is_not_offered_is_refused(program: openai.OpenAI, more: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        program.chat.completions.create(**(ASK | more))
    error = refused.value
    assert (error.code, error.param, error.type) == ("unsupported", param, "invalid_request_error")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "sailor", "content": "x"}]}, "messages.0.role"),
        ({"extra_body": {"colour": "red"}}, "colour"),
        ({"model": ""}, "model"),
    ],
)
def test_bad_fields_are_named(program: openai.OpenAI, more: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        program.chat.completions.create(**(ASK | more))
    assert (refused.value.code, refused.value.param) == ("invalid_field", param)


def test_failures_before_and_after_the_first_piece(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    scripted.errors["reply"] = EngineFailed("It broke.")
    for more in ({}, {"stream": True}):
        with pytest.raises(openai.InternalServerError) as failed:
            program.chat.completions.create(**ASK, **more)
        assert (failed.value.status_code, failed.value.code, failed.value.type) == (
            502,
            "engine_failed",
            "server_error",
        )
    scripted.errors, scripted.delays["reply_piece"] = {}, 0.1
    stream = program.chat.completions.create(**ASK, stream=True)
    assert next(stream).choices[0].delta.content
    scripted.errors["reply_piece"] = EngineFailed("It broke.")
    with pytest.raises(openai.APIError, match="It broke"):
        list(stream)


def test_hanging_up_stops_the_work(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    scripted.delays["reply_piece"] = 0.1
    stream = program.chat.completions.create(**ASK, stream=True)
    next(stream)
    stream.close()
    deadline = time.monotonic() + 5
    while scripted.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert scripted.running == 0
