"""Uploaded faces and voices: kept in the store under their content's hash, with consent, until their time is over."""

import asyncio
import hashlib
import json
import logging
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from deployments.errors import NotFound, TooLarge
from deployments.store.store import RECORDS, Store

logger = logging.getLogger("ray.serve")

VALID_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class Record:
    """One upload, made with consent. `noun` is avatar or voice; the times are UTC in ISO 8601."""

    id: str
    noun: str
    name: str
    created_at: str
    expires_at: str

    def expired(self, now: datetime) -> bool:
        return datetime.fromisoformat(self.expires_at) <= now


class Uploads:
    """The uploads of one noun. The record is written last and deleted first: what has no record does not exist."""

    def __init__(self, store: Store, noun: str, kinds: tuple[str, ...], retention: timedelta, most: int) -> None:
        self._store = store
        self._noun = noun
        self._kinds = kinds
        self._retention = retention
        self._most = most

    def id_of(self, data: bytes) -> str:
        """The id that these bytes have as an upload."""
        return f"{self._noun}-{hashlib.sha256(data).hexdigest()[:20]}"

    async def require_room(self, id: str) -> None:
        """Raises TooLarge where the store holds as many as it may, and not this one already."""
        known = [record.id for record in await self.current()]
        if id not in known and len(known) >= self._most:
            raise TooLarge(f"{self._most} uploaded {self._noun}s are kept at most. Delete one first.")

    async def add(self, id: str, name: str, blobs: dict[str, bytes]) -> Record:
        """Stores `blobs` by kind. The same upload again renews its name and its time."""
        now = datetime.now(UTC).replace(microsecond=0)
        expires = (now + self._retention).isoformat()
        record = Record(id, self._noun, name or id, now.isoformat(), expires)
        for kind, data in blobs.items():
            await asyncio.to_thread(self._store.put, kind, id, data)
        await asyncio.to_thread(self._store.put, RECORDS, id, json.dumps(asdict(record)).encode())
        return record

    async def find(self, id: str) -> Record:
        """Raises NotFound for an unknown or expired upload; the latter is deleted on this occasion."""
        record = await self._read(id)
        if record.expired(datetime.now(UTC)):
            await self._delete(id)
            raise NotFound(f"The {self._noun} {id!r} was deleted: its retention time is over. Upload it again.")
        return record

    async def current(self) -> list[Record]:
        """All that have not expired, the oldest first."""
        now = datetime.now(UTC)
        return sorted(
            (record for record in await self._all() if not record.expired(now)),
            key=lambda record: (record.created_at, record.id),
        )

    async def blob(self, id: str, kind: str) -> bytes:
        await self.find(id)
        return await asyncio.to_thread(self._store.get, kind, id)

    async def remove(self, id: str) -> None:
        """Deletes all that was derived from the upload. Raises NotFound."""
        await self.find(id)
        await self._delete(id)

    async def sweep(self) -> int:
        """Deletes what has expired; how many that were."""
        now = datetime.now(UTC)
        expired = [record.id for record in await self._all() if record.expired(now)]
        for id in expired:
            await self._delete(id)
        return len(expired)

    async def _all(self) -> list[Record]:
        ids = await asyncio.to_thread(self._store.list, RECORDS)
        records = []
        for id in ids:
            if not id.startswith(f"{self._noun}-"):
                continue
            try:
                records.append(await self._read(id))
            except NotFound:
                logger.info("%s was deleted while being listed", id)
        return records

    async def _read(self, id: str) -> Record:
        unknown = f"There is no {self._noun} {id[:80]!r}. GET /v1/{self._noun}s lists them."
        if not VALID_ID.fullmatch(id) or not id.startswith(f"{self._noun}-"):
            raise NotFound(unknown)
        try:
            return Record(**json.loads(await asyncio.to_thread(self._store.get, RECORDS, id)))
        except NotFound as error:
            raise NotFound(unknown) from error

    async def _delete(self, id: str) -> None:
        for kind in (RECORDS, *self._kinds):
            try:
                await asyncio.to_thread(self._store.delete, kind, id)
            except NotFound:
                logger.info("%s/%s was gone already", kind, id)
