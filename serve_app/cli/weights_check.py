"""Whether the weights that a configuration needs are here, asked before anything is started."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deployments.errors import BadInput, NotFound, WeightsMissing
from deployments.weights.manifest import load_manifest
from deployments.weights.resolver import present, require
from deployments.weights.settings import WeightsSettings
from serve_app.args import AppArgs
from serve_app.cli.configuration import DEFAULT_CONFIG, read_config


def needed(args: AppArgs) -> tuple[str, ...]:
    """The weight sets of the configured engines, stage by stage. Those of an uploaded voice's match are among them."""
    names = [args.asr.weights]
    if args.llm.engine == "llama":
        names.append(args.llm.llama.weights)
    match args.tts.engine:
        case "kokoro":
            names += [args.tts.kokoro.weights, args.tts.match.weights]
        case "xtts":
            names.append(args.tts.xtts.weights)
    if args.video.engine == "ditto":  # the portrait engine's graphs come with the package
        names += args.video.ditto.weight_sets
    return tuple(dict.fromkeys(names))


def require_weights(config: Path = DEFAULT_CONFIG) -> None:
    """Raises WeightsMissing, with what is missing, its licence, and one remedy for all of it. Raises BadInput for
    settings that are none."""
    for args in configured(config):
        missing = problems(args)
        if missing:
            raise WeightsMissing("\n".join(missing))


def configured(config: Path) -> list[AppArgs]:
    """The settings of each application of this product in a Serve configuration. Raises BadInput."""
    found: list[AppArgs] = []
    for application in read_config(config, None, None)["applications"] or ():
        if str(application.get("import_path", "")).startswith("serve_app."):
            found.append(_parsed(application.get("args") or {}, config))
    return found


def _parsed(content: dict[str, Any], config: Path) -> AppArgs:
    try:
        return AppArgs.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(place) for place in one['loc'])}: {one['msg']}" for one in error.errors(include_input=False)
        )
        raise BadInput(f"The args of {config} are not understood: {wrong}") from error


def problems(args: AppArgs) -> list[str]:
    """A line for each set that cannot be used, with its licence, and last the command that fetches them all."""
    lines, absent = [], []
    for name in needed(args):
        line = problem(name, args.weights)
        if line is not None:
            lines.append(line)
            absent.append(name)
    if not absent:
        return []
    return [*lines, f"All at once: avatar models pull {' '.join(absent)}"]


def problem(name: str, settings: WeightsSettings) -> str | None:
    """What is wrong with one set: nothing, if it can be used."""
    try:
        require(name, settings)
    except NotFound as error:
        return f"{name}: {error.message}"
    except WeightsMissing as error:
        weight_set = load_manifest().get(name)
        licence = weight_set.licence
        size = "" if present(weight_set, settings) else f", {weight_set.size_bytes / 1e6:.0f} MB"
        consent = f", which wants your consent (--accept-licence {licence.key})" if licence.consent else ""
        return f"{name}: {error.message} (Licence {licence.name}{consent}{size}.)"
    return None
