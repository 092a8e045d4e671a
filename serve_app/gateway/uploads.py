"""Uploaded faces and voices: kept in the store under their content's hash, with consent, until their time is over."""

import asyncio
import hashlib
import hmac
import json
import logging
import math
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from deployments.errors import NotFound, RateLimited, TooLarge
from deployments.store.store import RECORDS, Store

logger = logging.getLogger("ray.serve")

ORPHAN_SECONDS = 60.0
"""How long a blob may be without its record before the sweep deletes it: an upload writes its record last."""
VALID_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class Record:
    """One upload, made with consent. `noun` is avatar or voice; the times are UTC in ISO 8601.

    `owner` is the name of the API key that made it. "" is the house: no keys, or its one key.
    """

    id: str
    noun: str
    name: str
    created_at: str
    expires_at: str
    owner: str = ""

    def expired(self, now: datetime) -> bool:
        return datetime.fromisoformat(self.expires_at) <= now


class Uploads:
    """The uploads of one noun. The record is written last and deleted first: what has no record does not exist.

    Other owners' uploads do not exist either, in the same words. What is derived from an upload lies in `kinds` under
    its id, or under its id, a dot and more.
    """

    def __init__(
        self,
        store: Store,
        noun: str,
        kinds: tuple[str, ...],
        retention: timedelta,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`most` are kept at a time, whoever owns them."""
        self._store = store
        self._noun = noun
        self._kinds = kinds
        self._retention = retention
        self._most = most
        self._clock = clock
        self._adding = asyncio.Lock()
        self._orphans: dict[tuple[str, str], float] = {}

    def id_of(self, owner: str, data: bytes) -> str:
        """The id that these bytes have as this owner's upload. Two owners of the same photo have two ids: what one
        deletes, renames or lets expire stays with the other."""
        # keyed by the owner, so no bytes of one owner can be made to hash as another's
        digest = hmac.digest(owner.encode(), data, "sha256").hex() if owner else hashlib.sha256(data).hexdigest()
        return f"{self._noun}-{digest[:20]}"

    async def require_room(self, owner: str, id: str, most: int | None = None) -> None:
        """For an upload that is not there already: raises RateLimited where its owner has `most`, TooLarge where the
        store holds as many as it may."""
        current = await self._current()
        if id in [record.id for record in current]:
            return
        own = [record for record in current if record.owner == owner]
        if most is not None and len(own) >= most:
            words = f"This key may keep {most} uploaded {self._noun}s at a time. Delete one first."
            raise RateLimited(words, _seconds_until_one_expires(own))
        if len(current) >= self._most:
            remedy = "Delete one first." if own else "Ask whoever runs this server to raise gateway.max_uploads."
            raise TooLarge(f"{self._most} uploaded {self._noun}s are kept at most. {remedy}")

    async def add(self, owner: str, id: str, name: str, blobs: dict[str, bytes], most: int | None = None) -> Record:
        """Stores `blobs` by kind. The same upload again renews its name and its time. Raises as `require_room`."""
        now = datetime.now(UTC).replace(microsecond=0)
        expires = (now + self._retention).isoformat()
        record = Record(id, self._noun, name or id, now.isoformat(), expires, owner)
        async with self._adding:  # or several at once would share the last room
            await self.require_room(owner, id, most)
            for kind, data in blobs.items():
                await asyncio.to_thread(self._store.put, kind, id, data)
            await asyncio.to_thread(self._store.put, RECORDS, id, json.dumps(asdict(record)).encode())
        return record

    async def find(self, owner: str, id: str) -> Record:
        """Raises NotFound for an unknown, another owner's or an expired upload; the last is deleted on this
        occasion."""
        record = await self._read(id)
        if record.owner != owner:
            raise NotFound(self._unknown(id))
        if record.expired(datetime.now(UTC)):
            await self._delete(id)
            raise NotFound(f"The {self._noun} {id!r} was deleted: its retention time is over. Upload it again.")
        return record

    async def current(self, owner: str) -> list[Record]:
        """All of this owner's that have not expired, the oldest first."""
        return [record for record in await self._current() if record.owner == owner]

    async def blob(self, owner: str, id: str, kind: str) -> bytes:
        """Raises NotFound, as `find` does."""
        await self.find(owner, id)
        return await asyncio.to_thread(self._store.get, kind, id)

    async def remove(self, owner: str, id: str) -> None:
        """Deletes all that was derived from the upload. Raises NotFound."""
        await self.find(owner, id)
        await self._delete(id)

    async def sweep(self) -> int:
        """Deletes what has expired, and what a crash has left of a deleted or half-made upload; how many uploads had
        expired."""
        now = datetime.now(UTC)
        expired = [record.id for record in await self._all() if record.expired(now)]
        for id in expired:
            await self._delete(id)
        await self._sweep_orphans()
        return len(expired)

    async def _sweep_orphans(self) -> None:
        """A face without a record is in nobody's list, and would stay for ever."""
        now = self._clock()
        orphans = {}
        for kind in self._kinds:
            for blob in await asyncio.to_thread(self._store.list, kind):
                # asked one by one, after the listing: a record that is written meanwhile counts
                if blob.startswith(f"{self._noun}-") and not await asyncio.to_thread(
                    self._store.exists, RECORDS, blob.split(".")[0]
                ):
                    orphans[kind, blob] = self._orphans.get((kind, blob), now)
        for (kind, blob), since in orphans.items():
            if now - since >= ORPHAN_SECONDS:
                async with self._adding:
                    if not await asyncio.to_thread(self._store.exists, RECORDS, blob.split(".")[0]):
                        logger.warning("%s/%s belongs to no upload and is deleted", kind, blob)
                        await self._delete_blob(kind, blob)
        self._orphans = orphans

    async def _current(self) -> list[Record]:
        now = datetime.now(UTC)
        return sorted(
            (record for record in await self._all() if not record.expired(now)),
            key=lambda record: (record.created_at, record.id),
        )

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
        if not VALID_ID.fullmatch(id) or not id.startswith(f"{self._noun}-"):
            raise NotFound(self._unknown(id))
        try:
            return Record(**json.loads(await asyncio.to_thread(self._store.get, RECORDS, id)))
        except NotFound as error:
            raise NotFound(self._unknown(id)) from error

    def _unknown(self, id: str) -> str:
        return f"There is no {self._noun} {id[:80]!r}. GET /v1/{self._noun}s lists them."

    async def _delete(self, id: str) -> None:
        await self._delete_blob(RECORDS, id)
        for kind in self._kinds:
            for blob in await asyncio.to_thread(self._store.list, kind):
                if blob == id or blob.startswith(f"{id}."):
                    await self._delete_blob(kind, blob)

    async def _delete_blob(self, kind: str, id: str) -> None:
        try:
            await asyncio.to_thread(self._store.delete, kind, id)
        except NotFound:
            logger.info("%s/%s was gone already", kind, id)


def _seconds_until_one_expires(records: list[Record]) -> int:
    """At least 1; a day where none is kept at all, as then no time will help."""
    if not records:
        return 86_400
    first = min(datetime.fromisoformat(record.expires_at) for record in records)
    return max(1, math.ceil((first - datetime.now(UTC)).total_seconds()))
