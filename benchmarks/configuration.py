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


def default_args(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The `args` of serve_config.yaml with changes."""
    return merged(yaml.safe_load(DEFAULT.read_text())["applications"][0]["args"], changes)


@contextmanager
def changed_configuration(changes: Mapping[str, Any]) -> Iterator[str]:
    """Path of a copy of serve_config.yaml whose `args` are changed; it is deleted at the end."""
    config = yaml.safe_load(DEFAULT.read_text())
    config["applications"][0]["args"] = default_args(changes)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(config, file)
        file.flush()
        yield file.name
