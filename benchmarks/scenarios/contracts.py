"""What a scenario is, what it is given, and what it gives back."""

import importlib
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from benchmarks.application import Application, running_application
from benchmarks.configuration import DEFAULT, changed_configuration
from benchmarks.record import Measure
from deployments.errors import BadInput, EngineFailed


@dataclass(frozen=True, slots=True)
class Option:
    """A knob of a scenario. Its kind is that of its default: a number, a text, or several numbers."""

    name: str
    default: int | float | str | tuple[int, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scenario found: measures, and figures that say more about them."""

    measures: Sequence[Measure]
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """`module` has a function `run(Bench) -> Outcome`; it is loaded when it is needed. `minutes` on the two cores of
    the default profile. `remote`: it can measure a server that is running already."""

    name: str
    summary: str
    module: str
    options: tuple[Option, ...]
    minutes: float
    remote: bool = True

    def load(self) -> Callable[["Bench"], Outcome]:
        return cast(Callable[["Bench"], Outcome], importlib.import_module(self.module).run)


@dataclass(slots=True)
class Bench:
    """What a run has: the server's address or the configuration to start one with, its options, and somebody to be told
    how far it is."""

    options: Mapping[str, Any]
    tell: Callable[[str], None]
    url: str | None = None
    config: Path = DEFAULT
    port: int = 8000
    changes: dict[str, Any] = field(default_factory=dict)
    """What of the configuration's `args` was changed, by the name of the application where there are several."""

    @contextmanager
    def application(
        self,
        changes: Mapping[str, Any] | None = None,
        deployments: Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "",
    ) -> Iterator[Application]:
        """The server that was named, or one that is started with these changes for the length of the block. Raises
        EngineFailed where it does not come up, BadInput where changes are needed and a server was named."""
        if self.url is not None:
            if deployments:
                raise BadInput("This scenario starts the application itself, each time another one. Leave out --url.")
            yield Application(self.url, 0, 0.0)
            return
        said = dict(changes or {}) | ({"deployments": dict(deployments)} if deployments else {})
        self.changes |= {name: said} if name else said
        self.tell("starting the application")
        with changed_configuration(changes or {}, self.config, deployments) as config:
            starting = running_application(config, self.port)
            try:
                application = starting.__enter__()
            except RuntimeError as error:
                raise EngineFailed(f"The application could not be started: {error}") from error
            try:
                yield application
            finally:
                self.tell("stopping the application")
                try:
                    starting.__exit__(None, None, None)
                except subprocess.TimeoutExpired:
                    # what was measured is worth more than a clean end
                    self.tell("the application does not stop; it may still be there")
