"""Blobs by (kind, id), in a folder or behind a URL. Content without a name of its own goes by its sha256."""

import hashlib
import re
from pathlib import Path

from deployments.errors import BadInput, NotFound
from deployments.store.backends import Backend, Folder, Remote

AVATAR_ENROLMENTS = "avatar-enrolments"
VOICE_ENROLMENTS = "voice-enrolments"
PORTRAITS = "portraits"
IDLE_CLIPS = "idle-clips"
RECORDS = "records"
JOB_AUDIO = "job-audio"
JOB_PARTS = "job-parts"
FILMS = "films"

_KIND = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Store:
    """Bytes by kind and id. Safe to share between threads and processes: a blob is there whole or not at all."""

    def __init__(self, url: str | Path) -> None:
        """`url` is a folder (a leading ~ is expanded; file:// is allowed) or an fsspec URL."""
        self._backend = _backend(str(url))

    def put(self, kind: str, id: str, data: bytes) -> None:
        """Keep `data` under an id, in place of what was there. Raises BadInput for what cannot be an id."""
        _check(kind, id)
        self._backend.write(kind, id, data)

    def add(self, kind: str, data: bytes) -> str:
        """Keep `data` under its sha256 (64 hex digits), which is returned."""
        id = hashlib.sha256(data).hexdigest()
        if not self.exists(kind, id):
            self._backend.write(kind, id, data)
        return id

    def get(self, kind: str, id: str) -> bytes:
        """The bytes. Raises NotFound, or BadInput where `id` cannot be an id."""
        _check(kind, id)
        try:
            return self._backend.read(kind, id)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFound(f"There is no {id!r} among the {kind}.") from error

    def exists(self, kind: str, id: str) -> bool:
        _check(kind, id)
        return self._backend.exists(kind, id)

    def delete(self, kind: str, id: str) -> None:
        """Raises NotFound, or BadInput where `id` cannot be an id."""
        _check(kind, id)
        try:
            self._backend.remove(kind, id)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFound(f"There is no {id!r} among the {kind}.") from error

    def list(self, kind: str) -> list[str]:
        """All ids of a kind, sorted."""
        _check_kind(kind)
        return sorted(name for name in self._backend.names(kind) if _ID.fullmatch(name))


def _backend(url: str) -> Backend:
    if "://" in url and not url.startswith("file://"):
        return Remote(url)
    return Folder(Path(url.removeprefix("file://")).expanduser().absolute())


def _check_kind(kind: str) -> None:
    if not _KIND.fullmatch(kind):
        raise ValueError(f"{kind!r} is not a kind: lower case letters, digits and hyphens")


def _check(kind: str, id: str) -> None:
    # Ids come from requests: nothing but a plain file name may reach the file system.
    _check_kind(kind)
    if not _ID.fullmatch(id):
        raise BadInput(f"{id[:140]!r} is not an id: 1 to 128 letters, digits, dots, hyphens or underscores.")
