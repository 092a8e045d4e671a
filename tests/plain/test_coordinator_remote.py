"""The line to the Coordinator: time limits, patience over a restart, and whose errors come through."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve.handle import DeploymentHandle

from deployments.errors import AtCapacity, CoordinatorAway, NotFound
from serve_app.coordinator.contracts import Coordination, PlaceRequest, SessionSnapshot, Standing
from serve_app.coordinator.remote import remote_coordination
from serve_app.coordinator.settings import CoordinatorSettings

HASTY = CoordinatorSettings(answer_seconds=0.05, restart_seconds=0.6)
REQUEST = PlaceRequest("p1", "g1")
SNAPSHOT = SessionSnapshot("s1", "secret", "", 0)


class Response:
    """What a handle's call gives: awaited for its answer, or cancelled."""

    def __init__(self, answer: Awaitable[Any]) -> None:
        self.answer = answer
        self.cancelled = 0

    def __await__(self) -> Any:
        return self.answer.__await__()

    def cancel(self) -> None:
        self.cancelled += 1


class Handle:
    """Answers one call after the other from a list; the last one for all that follow."""

    def __init__(self, *answers: Callable[[], Awaitable[Any]]) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[Any, ...]] = []
        self.responses: list[Response] = []

    @property
    def call(self) -> "Handle":
        return self

    def remote(self, *arguments: Any) -> Response:
        self.calls.append(arguments)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.responses.append(Response(answer()))
        return self.responses[-1]


def desks(handle: Handle, settings: CoordinatorSettings = HASTY) -> Coordination:
    return remote_coordination(cast("DeploymentHandle[Any]", handle), settings)


def says(value: Any) -> Callable[[], Awaitable[Any]]:
    async def answer() -> Any:
        return value

    return answer


def raises(error: Exception) -> Callable[[], Awaitable[Any]]:
    async def answer() -> Any:
        raise error

    return answer


async def silence() -> Any:
    await asyncio.sleep(60)


async def test_a_question_goes_to_its_desk() -> None:
    handle = Handle(says(Standing(True)))
    assert await desks(handle).people.ask(REQUEST, 0.5, queue=False) == Standing(True)
    assert handle.calls == [("people", "ask", (REQUEST, 0.5, False))]


A_BUG = RayTaskError("call", "its traceback", RuntimeError("a bug"))


@pytest.mark.parametrize("answer", [silence, raises(ActorDiedError()), raises(A_BUG)])
async def test_places_are_asked_for_once(answer: Callable[[], Awaitable[Any]]) -> None:
    handle = Handle(answer)
    began = time.monotonic()
    with pytest.raises(CoordinatorAway, match="does not answer"):
        await desks(handle).people.ask(REQUEST)
    assert time.monotonic() - began < 0.5
    assert len(handle.calls) == 1
    assert handle.responses[0].cancelled == 1, "nobody waits for it any more"


async def test_patience_is_given_to_the_question_beyond_the_usual_limit() -> None:
    async def late() -> Standing:
        await asyncio.sleep(0.1)
        return Standing(False, 1, 2.0)

    with pytest.raises(CoordinatorAway):
        await desks(Handle(late)).people.ask(REQUEST)
    assert (await desks(Handle(late)).people.ask(REQUEST, 0.2)).position == 1


async def test_history_is_asked_for_again_while_it_restarts() -> None:
    handle = Handle(raises(ActorDiedError()), raises(ActorDiedError()), says(True))
    assert await desks(handle).sessions.save(SNAPSHOT)
    assert len(handle.calls) == 3


async def test_patience_has_an_end() -> None:
    handle = Handle(raises(ActorDiedError()))
    with pytest.raises(CoordinatorAway):
        await desks(handle, CoordinatorSettings(restart_seconds=0)).sessions.save(SNAPSHOT)
    assert len(handle.calls) == 1
    with pytest.raises(CoordinatorAway):
        await desks(handle).sessions.save(SNAPSHOT)
    assert len(handle.calls) >= 3


@pytest.mark.parametrize("error", [NotFound("gone"), AtCapacity("full", 7, 3)])
async def test_our_errors_come_through_as_they_are(error: Exception) -> None:
    handle = Handle(raises(RayTaskError("call", "…", error)))
    with pytest.raises(type(error)) as raised:
        await desks(handle).sessions.resume("s1", "secret", "")
    assert raised.value is error and len(handle.calls) == 1


async def test_every_verb_of_the_desks_has_its_line() -> None:
    """What the contracts promise, the line does too."""
    for name, contract in Coordination.__annotations__.items():
        desk = getattr(desks(Handle(silence)), name)
        verbs = [verb for verb in vars(contract) if not verb.startswith("_")]
        assert verbs and all(callable(getattr(desk, verb, None)) for verb in verbs), name
