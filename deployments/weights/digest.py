"""sha256 of files, and a marker that spares hashing half a gigabyte at every replica's start."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger("ray.serve")

MARKER_NAME = ".verified.json"
_BLOCK_BYTES = 1 << 20


def sha256_of(path: Path, advanced: Callable[[int], None] | None = None) -> str:
    """Hex sha256 of a file. `advanced` is told the number of bytes of each block read. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            if advanced is not None:
                advanced(len(block))
    return digest.hexdigest()


def marked_sha256(path: Path) -> str | None:
    """The hash noted for this very file; None where it changed since (by size or mtime) or was never hashed."""
    noted = _read_marker(path.parent).get(path.name)
    if noted is None:
        return None
    status = path.stat()
    same = noted.get("size") == status.st_size and noted.get("mtime_ns") == status.st_mtime_ns
    return str(noted.get("sha256")) if same else None


def mark(path: Path, sha256: str) -> None:
    """Note the hash beside the file. A folder that cannot be written to only costs a re-hash at the next start."""
    status = path.stat()
    noted = _read_marker(path.parent)
    noted[path.name] = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": sha256}
    marker = path.parent / MARKER_NAME
    # A name of its own per writer, so that two replicas that start together cannot tear each other's marker.
    temporary = marker.with_name(f"{MARKER_NAME}.{status.st_ino}.{id(noted)}")
    try:
        temporary.write_text(json.dumps(noted, indent=1), "utf-8")
        temporary.replace(marker)
    except OSError as error:
        logger.info("No marker written beside %s (%s); it will be hashed again.", path, error)


def _read_marker(folder: Path) -> dict[str, dict[str, object]]:
    marker = folder / MARKER_NAME
    if not marker.is_file():
        return {}
    try:
        content = json.loads(marker.read_text("utf-8"))
    except (OSError, ValueError) as error:
        logger.warning("Unreadable marker %s (%s); its files will be hashed again.", marker, error)
        return {}
    return content if isinstance(content, dict) else {}
