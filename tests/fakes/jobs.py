"""Orders of jobs, and a clock to be moved by hand."""

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from serve_app.jobs.contracts import NewJob


@dataclass
class Clock:
    """Unix seconds that pass only when a test says so."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def order(script: str | None = "Good morning to you. How are you today?", **fields: Any) -> NewJob:
    """An order of ana's. Orders of the same words have the same fingerprint."""
    known: dict[str, Any] = {
        "id": f"video_{uuid.uuid4().hex}",
        "owner": "ana",
        "audio_key": None,
        "language": None,
        "voice_id": None,
        "avatar_id": None,
        "seed": 0,
        "callback_url": None,
        "idempotency_key": None,
        "fingerprint": hashlib.sha256(f"{script}".encode()).hexdigest(),
    }
    return NewJob(script=script, **(known | fields))
