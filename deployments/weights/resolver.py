"""From the name of a weight set to a verified folder."""

from collections.abc import Callable
from pathlib import Path

from deployments.errors import WeightsMissing
from deployments.weights.digest import mark, marked_sha256, sha256_of
from deployments.weights.manifest import Manifest, WeightFile, WeightSet, load_manifest
from deployments.weights.settings import WeightsSettings


def folder_of(name: str, settings: WeightsSettings) -> Path:
    """Where a set lives: its explicit path if one is set, else its folder in the cache. It need not exist."""
    return settings.paths.get(name, settings.cache_dir / name)


def require(name: str, settings: WeightsSettings, manifest: Manifest | None = None) -> Path:
    """The verified folder of a weight set. Nothing is fetched.

    Each file is hashed once and noted in a marker; later calls compare size and mtime only. Raises NotFound
    for an unknown set, WeightsMissing with the remedy where a file is absent or is not the one it should be.
    """
    weight_set = (manifest or load_manifest()).get(name)
    folder = folder_of(name, settings)
    for file in weight_set.files:
        path = folder / file.name
        if not path.is_file():
            raise WeightsMissing(f"{path} does not exist. {remedy(weight_set, settings)}")
        if marked_sha256(path) != file.sha256:
            check_file(path, file, str(folder))
            mark(path, file.sha256)
    return folder


def present(weight_set: WeightSet, settings: WeightsSettings) -> bool:
    """Whether all files exist. Not whether they are right: `require` and `verify` say that."""
    folder = folder_of(weight_set.name, settings)
    return all((folder / file.name).is_file() for file in weight_set.files)


def verify(
    weight_set: WeightSet, settings: WeightsSettings, advanced: Callable[[int], None] | None = None
) -> tuple[str, ...]:
    """Hash every file of a set anew, markers or not, and say what is wrong with it: nothing, if it is right."""
    folder = folder_of(weight_set.name, settings)
    problems: list[str] = []
    for file in weight_set.files:
        path = folder / file.name
        if not path.is_file():
            problems.append(f"{path} does not exist.")
            continue
        try:
            check_file(path, file, str(folder), advanced)
        except WeightsMissing as error:
            problems.append(error.message)
            continue
        mark(path, file.sha256)
    return tuple(problems)


def check_file(path: Path, file: WeightFile, source: str, advanced: Callable[[int], None] | None = None) -> None:
    """Raises WeightsMissing, naming the file, both hashes and the source, unless the sha256 is the manifest's."""
    found = sha256_of(path, advanced)
    if found != file.sha256:
        raise mismatch(file, found, source)


def mismatch(file: WeightFile, found: str, source: str) -> WeightsMissing:
    return WeightsMissing(
        f"{file.name} from {source} is not the expected file: sha256 {found}, expected {file.sha256}. "
        "Delete it if it is in the cache and pull it again."
    )


def remedy(weight_set: WeightSet, settings: WeightsSettings) -> str:
    if weight_set.name in settings.paths:
        return f"The settings name {settings.paths[weight_set.name]} for the set {weight_set.name}: correct the path."
    return f"Fetch it with: avatar models pull {weight_set.name}"
