"""The default configuration with a few things changed, for benchmarks that need it."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

DEFAULT = Path(__file__).resolve().parent.parent / "serve_config.yaml"


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, mapping by mapping."""
    result = dict(base)
    for key, value in changes.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def default_args(changes: Mapping[str, Any], base: Path = DEFAULT) -> dict[str, Any]:
    """The `args` of serve_config.yaml, or of another configuration, with changes."""
    return merged(yaml.safe_load(base.read_text())["applications"][0].get("args") or {}, changes)


@contextmanager
def changed_configuration(
    changes: Mapping[str, Any], base: Path = DEFAULT, deployments: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[str]:
    """Path of a copy of serve_config.yaml, or of another configuration, whose `args` are changed, and with them the
    options of `deployments` by name; it is deleted at the end."""
    config = yaml.safe_load(base.read_text())
    application = config["applications"][0]
    application["args"] = default_args(changes, base)
    options = {one["name"]: one for one in application.get("deployments") or []}
    for name, change in (deployments or {}).items():
        options[name] = merged(options.get(name, {"name": name}), change)
    application["deployments"] = list(options.values())
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(config, file)
        file.flush()
        yield file.name
