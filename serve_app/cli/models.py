"""`avatar models list | pull | verify`: the model files on this machine."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from deployments.weights.consent import Ask, accepted, require_consent
from deployments.weights.manifest import Manifest, WeightFile, WeightSet, load_manifest
from deployments.weights.pull import Puller
from deployments.weights.resolver import folder_of, present, verify
from deployments.weights.settings import WeightsSettings
from serve_app.cli.consent import asking, known_keys

_TENTHS = 10


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; its namespace gets `run`, a function of the namespace that returns the exit status."""
    parser = subparsers.add_parser("models", help="list, fetch and verify the model files")
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="what there is, what is here, under which licence")
    listing.set_defaults(run=list_models)
    pulling = actions.add_parser("pull", help="fetch what is missing; without names, what the default profile needs")
    pulling.add_argument("--offline", action="store_true", help="fetch nothing, only say what is missing")
    pulling.add_argument(
        "--accept-licence",
        action="append",
        default=[],
        metavar="KEY",
        help="agree to a licence that asks for it, such as cpml; otherwise it is asked at the terminal",
    )
    pulling.set_defaults(run=pull_models)
    verifying = actions.add_parser("verify", help="hash every file anew; without names, all sets that are here")
    verifying.add_argument(
        "--record",
        action="store_true",
        help="trust files as they are for which no sha256 is listed and which were not fetched here",
    )
    verifying.set_defaults(run=verify_models)
    for action in (listing, pulling, verifying):
        action.add_argument("--cache-dir", type=Path, default=None, help="folder of the weights")
    for action in (pulling, verifying):
        action.add_argument("names", nargs="*", metavar="NAME", help="a set, as `avatar models list` names it")


def list_models(arguments: argparse.Namespace) -> int:
    """Print every set with its size, state, licence, and whether that wants consent."""
    settings, manifest = _settings(arguments), load_manifest()
    width = max(len(weight_set.name) for weight_set in manifest.sets)
    for weight_set in manifest.sets:
        state = "here" if present(weight_set, settings) else ("needed" if weight_set.default else "optional")
        size = f"{weight_set.size_bytes / 1e6:6.0f} MB"
        about = f"{weight_set.licence.name:<18}  {_consent(weight_set, settings):<16}  {weight_set.summary}"
        print(f"{weight_set.name:<{width}}  {size}  {state:<8}  {about}")
    print(f"in {settings.cache_dir}")
    return 0


def _consent(weight_set: WeightSet, settings: WeightsSettings) -> str:
    if not weight_set.licence.consent:
        return ""
    return "accepted" if accepted(weight_set.licence, folder_of(weight_set.name, settings)) else "asks for consent"


def pull_models(arguments: argparse.Namespace) -> int:
    """Fetch sets, with a progress bar. Raises NotFound for an unknown name, WeightsMissing where one cannot be had,
    its kind ConsentMissing where a licence was not accepted."""
    manifest = load_manifest()
    ask = asking(known_keys(arguments.accept_licence, manifest))
    fetch(_chosen(arguments, manifest, manifest.defaults()), _settings(arguments), ask)
    return 0


def fetch(sets: Sequence[WeightSet], settings: WeightsSettings, ask: Ask) -> None:
    """Fetches what is missing of these sets, and shows it. Raises as `pull_models` does."""
    puller = Puller(settings)
    for weight_set in sets:  # all questions come before the first download
        require_consent(weight_set, folder_of(weight_set.name, settings), ask)
    for weight_set in sets:
        with _Bars() as bars:
            puller.pull(weight_set, bars.show, _announce, ask)
    names = ", ".join(weight_set.name for weight_set in sets)
    print(f"Weights are ready in {settings.cache_dir}: {names}", flush=True)


def verify_models(arguments: argparse.Namespace) -> int:
    """Hash sets anew. Exit status 1 where a file is missing or wrong. Raises NotFound for an unknown name."""
    settings, manifest = _settings(arguments), load_manifest()
    here = tuple(weight_set for weight_set in manifest.sets if present(weight_set, settings))
    sets = _chosen(arguments, manifest, here)
    wrong = False
    for weight_set in sets:
        with tqdm(total=weight_set.size_bytes, desc=weight_set.name, disable=None, **_BAR) as bar:
            problems = verify(weight_set, settings, bar.update, trusting=arguments.record)
        wrong = wrong or bool(problems)
        print(f"{weight_set.name}: " + ("ok" if not problems else f"in {folder_of(weight_set.name, settings)}"))
        for problem in problems:
            print(f"  {problem}", file=sys.stderr)
    return int(wrong)


_BAR = {"unit": "B", "unit_scale": True, "leave": False}


class _Bars:
    """A bar per file on a terminal; a line for each tenth of it elsewhere, where a bar would fill the log."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        self._file: WeightFile | None = None
        self._tenths = 0

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, file: WeightFile, done_bytes: int) -> None:
        if file != self._file:
            self.__exit__()
            self._file, self._tenths = file, 0
            self._bar = tqdm(total=file.size_bytes, desc=f"  {file.name}", disable=None, **_BAR)
        if self._bar is None or self._bar.disable:
            tenths = _TENTHS * done_bytes // file.size_bytes
            if tenths > self._tenths:
                self._tenths = tenths
                print(f"  {file.name}: {10 * tenths} % of {file.size_bytes / 1e6:.0f} MB", flush=True)
            return
        self._bar.n = done_bytes
        self._bar.refresh()


def _announce(weight_set: WeightSet) -> None:
    licence = weight_set.licence
    print(f"Fetching {weight_set.name}: {weight_set.summary} ({weight_set.size_bytes / 1e6:.0f} MB)")
    print(f"  Licence {licence.name} ({licence.url}): {licence.notice}", flush=True)


def _settings(arguments: argparse.Namespace) -> WeightsSettings:
    settings = WeightsSettings(offline=getattr(arguments, "offline", False))
    if arguments.cache_dir is None:
        return settings
    return settings.model_copy(update={"cache_dir": arguments.cache_dir.expanduser().absolute()})


def _chosen(
    arguments: argparse.Namespace, manifest: Manifest, otherwise: tuple[WeightSet, ...]
) -> tuple[WeightSet, ...]:
    return tuple(manifest.get(name) for name in arguments.names) or otherwise
