"""The motion of several streams in lockstep: what they ask of the same network goes through it in one call.

A stream asks for one thing at a time, so a call never holds two requests of one stream: alone, a stream is always
computed in batches of one, however its audio was cut. Nobody waits for company: only streams that are here take part.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from deployments.contracts import Float32
from deployments.errors import AvatarError
from deployments.video.ditto.faults import typed
from deployments.video.ditto.motion.stage import Diffuse, Hear
from deployments.video.ditto.types import Diffuser, Hearer
from deployments.video.failures import DeviceFailed

Result = TypeVar("Result")
Request = Hear | Diffuse
Motions = Generator[Request, Float32, Result]
"""Asks, is sent what it asked for, and returns."""


@dataclass(slots=True, eq=False)
class Run(Generic[Result]):
    """One stream's way through. `answer`: what it returned, or `failure`: why it did not. `seconds`: by part; those of
    a shared call in equal parts."""

    motions: Motions[Result]
    asked: Request | None = None
    answer: Result | None = None
    failure: AvatarError | None = None
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("analyse", "hear", "diffuse"), 0.0))

    def advance(self, value: Float32 | None, clock: Callable[[], float]) -> None:
        """To what it asks for next, or to its end."""
        began = clock()
        try:
            # a generator begins with None, whatever it is sent later
            self.asked = next(self.motions) if value is None else self.motions.send(value)
        except StopIteration as end:
            self.asked, self.answer = None, end.value
        except Exception as error:
            self.fail(error)
        self.seconds["analyse"] += clock() - began

    def fail(self, error: Exception) -> None:
        self.asked, self.failure = None, typed(error)
        self.motions.close()


def drive(
    streams: Sequence[Motions[Result]], hearer: Hearer, diffuser: Diffuser, clock: Callable[[], float]
) -> list[Run[Result]]:
    """Runs all to their ends. One that fails spares the others."""
    runs = [Run(motions) for motions in streams]
    for run in runs:
        run.advance(None, clock)
    while True:
        hearing = [run for run in runs if isinstance(run.asked, Hear)]
        if hearing:
            _together(hearing, "hear", lambda some: _heard(some, hearer), clock)
            continue
        # once nobody has anything left to hear, as many as can be diffuse together
        diffusing = [run for run in runs if isinstance(run.asked, Diffuse)]
        if not diffusing:
            return runs
        steps = _steps(diffusing[0])
        alike = [run for run in diffusing if _steps(run) == steps]
        _together(alike, "diffuse", lambda some: _diffused(some, diffuser), clock)


def _together(
    runs: list[Run[Result]], part: str, call: Callable[[list[Run[Result]]], Float32], clock: Callable[[], float]
) -> None:
    """One call for all; where it fails, one for each, so that only who is to blame fails. A device that failed is not
    asked again."""
    began = clock()
    values: list[Float32 | Exception]
    try:
        values = list(call(runs))
    except Exception as error:
        failure = typed(error)
        hopeless = len(runs) == 1 or isinstance(failure, DeviceFailed)
        values = [failure for _ in runs] if hopeless else [_alone(run, call) for run in runs]
    spent = (clock() - began) / len(runs)
    for run, value in zip(runs, values, strict=True):
        run.seconds[part] += spent
        if isinstance(value, Exception):
            run.fail(value)
        else:
            run.advance(value, clock)


def _alone(run: Run[Result], call: Callable[[list[Run[Result]]], Float32]) -> Float32 | Exception:
    try:
        found: Float32 = call([run])[0]
        return found
    except Exception as error:
        return typed(error)


def _heard(runs: list[Run[Result]], hearer: Hearer) -> Float32:
    return hearer.features(np.stack([run.asked.window for run in runs if isinstance(run.asked, Hear)]))


def _diffused(runs: list[Run[Result]], diffuser: Diffuser) -> Float32:
    asked = [run.asked for run in runs if isinstance(run.asked, Diffuse)]
    conditions, first = (np.stack([getattr(each, name) for each in asked]) for name in ("conditions", "first"))
    return diffuser.sample(conditions, first, np.stack([each.noise for each in asked], axis=1))


def _steps(run: Run[Result]) -> int:
    assert isinstance(run.asked, Diffuse)
    return len(run.asked.noise)
