"""What the video stage's frames depend on besides their audio, as one short text."""

import hashlib
from functools import cache
from pathlib import Path

_STAGE = Path(__file__).resolve().parent


def fingerprint(configuration: bytes) -> str:
    """32 hex digits that change with the engine's `configuration`, with any code or model of this stage and with the
    built-in portraits: what was made under one and is kept may be shown beside what is made under the same."""
    return hashlib.sha256(configuration + _stage_digest()).hexdigest()[:32]


@cache
def _stage_digest() -> bytes:
    """Some ten files of models and sixty of code: 15 ms, once."""
    found = hashlib.sha256()
    for path in sorted(path for path in _STAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        found.update(str(path.relative_to(_STAGE)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.digest()
