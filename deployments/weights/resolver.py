"""From the name of a weight set to a verified folder."""

from collections.abc import Callable
from pathlib import Path

from deployments.errors import WeightsMissing
from deployments.weights.consent import require_consent
from deployments.weights.digest import mark, marked_sha256, sha256_of
from deployments.weights.manifest import Manifest, WeightFile, WeightSet, load_manifest
from deployments.weights.record import Recorded, record, settled
from deployments.weights.settings import WeightsSettings


def folder_of(name: str, settings: WeightsSettings) -> Path:
    """Where a set lives: its explicit path if one is set, else its folder in the cache. It need not exist."""
    return settings.paths.get(name, settings.cache_dir / name)


def require(name: str, settings: WeightsSettings, manifest: Manifest | None = None) -> Path:
    """The verified folder of a weight set. Nothing is fetched.

    Each file is hashed once and noted in a marker; later calls compare size and mtime only. Raises NotFound
    for an unknown set, WeightsMissing with the remedy where a file is absent or is not the one it should be, and
    its kind ConsentMissing where the licence asks for consent and nobody gave it.
    """
    weight_set = (manifest or load_manifest()).get(name)
    folder = folder_of(name, settings)
    for listed in weight_set.files:
        path = folder / listed.name
        if not path.is_file():
            raise WeightsMissing(f"{path} does not exist. {remedy(weight_set, settings)}")
        file = settled(listed, folder)
        if file.sha256 is None or marked_sha256(path) != file.sha256:
            mark(path, check_file(path, file, str(folder)))
    require_consent(weight_set, folder)
    return folder


def present(weight_set: WeightSet, settings: WeightsSettings) -> bool:
    """Whether all files exist. Not whether they are right: `require` and `verify` say that."""
    folder = folder_of(weight_set.name, settings)
    return all((folder / file.name).is_file() for file in weight_set.files)


def verify(
    weight_set: WeightSet,
    settings: WeightsSettings,
    advanced: Callable[[int], None] | None = None,
    trusting: bool = False,
) -> tuple[str, ...]:
    """Hash every file of a set anew, markers or not, and say what is wrong with it: nothing, if it is right.

    `trusting` writes down the digests of files for which neither the manifest nor a download gave one: whoever says so
    has them from a source they trust.
    """
    folder = folder_of(weight_set.name, settings)
    problems: list[str] = []
    for listed in weight_set.files:
        path = folder / listed.name
        if not path.is_file():
            problems.append(f"{path} does not exist.")
            continue
        file = settled(listed, folder)
        try:
            if trusting and file.sha256 is None:
                mark(path, _trusted(path, file, advanced))
            else:
                mark(path, check_file(path, file, str(folder), advanced))
        except WeightsMissing as error:
            problems.append(error.message)
    return tuple(problems)


def check_file(path: Path, file: WeightFile, source: str, advanced: Callable[[int], None] | None = None) -> str:
    """The sha256 of the file, if it is the one that the manifest lists or a download recorded.

    Raises WeightsMissing otherwise, naming the file, both hashes and the source.
    """
    if file.sha256 is None:
        raise WeightsMissing(
            f"{path} has no sha256 to be checked against: it was not fetched here. Fetch it with: avatar models pull "
            f"{path.parent.name}; or, if you have it from a source you trust: avatar models verify --record "
            f"{path.parent.name}"
        )
    found = sha256_of(path, advanced)
    if found != file.sha256:
        raise mismatch(file, found, source)
    return found


def _trusted(path: Path, file: WeightFile, advanced: Callable[[int], None] | None) -> str:
    entry = Recorded(sha256=sha256_of(path, advanced), size_bytes=path.stat().st_size, source="recorded by hand")
    try:
        record(path.parent, file.name, entry)
    except OSError as error:
        raise WeightsMissing(f"The digest of {path} cannot be kept beside it ({error.strerror}).") from error
    return entry.sha256


def mismatch(file: WeightFile, found: str, source: str) -> WeightsMissing:
    return WeightsMissing(
        f"{file.name} from {source} is not the expected file: sha256 {found}, expected {file.sha256}. "
        "Delete it if it is in the cache and pull it again."
    )


def remedy(weight_set: WeightSet, settings: WeightsSettings) -> str:
    if weight_set.name in settings.paths:
        return f"The settings name {settings.paths[weight_set.name]} for the set {weight_set.name}: correct the path."
    return f"Fetch it with: avatar models pull {weight_set.name}"
