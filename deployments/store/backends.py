"""Two places for bytes under a name: a folder, written atomically, and anything fsspec can reach."""

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

TEMPORARY_PREFIX = ".writing-"
_ABANDONED_SECONDS = 3600.0


class Backend(Protocol):
    """Bytes by folder and name. Names are checked by the caller. Missing ones raise FileNotFoundError."""

    def write(self, folder: str, name: str, data: bytes) -> None: ...

    def read(self, folder: str, name: str) -> bytes: ...

    def exists(self, folder: str, name: str) -> bool: ...

    def remove(self, folder: str, name: str) -> None: ...

    def names(self, folder: str) -> list[str]: ...


class Folder:
    """A local folder. A reader sees a whole file or none: writes go to a hidden name, are synced and renamed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, folder: str, name: str, data: bytes) -> None:
        target = self._root / folder / name
        # Uploaded faces and voices are personal: readable by their owner only.
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._clear_abandoned(target.parent)
        handle, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def read(self, folder: str, name: str) -> bytes:
        return (self._root / folder / name).read_bytes()

    def exists(self, folder: str, name: str) -> bool:
        return (self._root / folder / name).is_file()

    def remove(self, folder: str, name: str) -> None:
        (self._root / folder / name).unlink()

    def names(self, folder: str) -> list[str]:
        path = self._root / folder
        if not path.is_dir():
            return []
        return [entry.name for entry in path.iterdir() if not entry.name.startswith(".") and entry.is_file()]

    @staticmethod
    def _clear_abandoned(folder: Path) -> None:
        """Drop what a killed writer left. Younger files may belong to a writer that is at work."""
        oldest = time.time() - _ABANDONED_SECONDS
        for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
            with contextlib.suppress(FileNotFoundError):  # another writer cleared it first
                if path.stat().st_mtime < oldest:
                    path.unlink()


class Remote:
    """Any fsspec file system. Object stores put whole objects, so a write is atomic there by nature."""

    def __init__(self, url: str) -> None:
        import fsspec

        self._files: Any
        self._files, root = fsspec.core.url_to_fs(url)
        self._root: str = str(root).rstrip("/")

    def write(self, folder: str, name: str, data: bytes) -> None:
        self._files.makedirs(f"{self._root}/{folder}", exist_ok=True)
        self._files.pipe_file(f"{self._root}/{folder}/{name}", data)

    def read(self, folder: str, name: str) -> bytes:
        return bytes(self._files.cat_file(f"{self._root}/{folder}/{name}"))

    def exists(self, folder: str, name: str) -> bool:
        self._files.invalidate_cache()
        return bool(self._files.isfile(f"{self._root}/{folder}/{name}"))

    def remove(self, folder: str, name: str) -> None:
        self._files.rm_file(f"{self._root}/{folder}/{name}")
        self._files.invalidate_cache()

    def names(self, folder: str) -> list[str]:
        self._files.invalidate_cache()  # other replicas write too
        path = f"{self._root}/{folder}"
        if not self._files.isdir(path):
            return []
        return [str(entry).rsplit("/", 1)[-1] for entry in self._files.ls(path, detail=False)]
