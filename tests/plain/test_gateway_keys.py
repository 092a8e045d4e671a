"""The keys of a configuration: what is taken, what is refused; uploads that race, expire or are left behind."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from deployments.errors import NotFound, RateLimited, TooLarge
from deployments.store.store import AVATAR_ENROLMENTS, IDLE_CLIPS, PORTRAITS, RECORDS, Store
from serve_app.gateway.identity import Identity
from serve_app.gateway.keys import KeyRing
from serve_app.gateway.settings import GatewaySettings
from serve_app.gateway.uploads import ORPHAN_SECONDS, Uploads

SECRET = "0123456789abcdef"
HASH = hashlib.sha256(SECRET.encode()).hexdigest()
WEEK = timedelta(days=7)


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"keys": [{"name": "a"}]}, "either key or sha256"),
        ({"keys": [{"name": "a", "key": SECRET, "sha256": HASH}]}, "either key or sha256"),
        ({"keys": [{"name": "a", "key": "short"}]}, "16"),
        ({"keys": [{"name": "a", "sha256": "abc"}]}, "sha256"),
        ({"keys": [{"name": "", "key": SECRET}]}, "name"),
        ({"keys": [{"name": "a b", "key": SECRET}]}, "name"),
        ({"keys": [{"name": "a", "key": SECRET}, {"name": "a", "key": SECRET + "x"}]}, "name 'a'"),
        ({"keys": [{"name": "a", "key": SECRET}, {"name": "b", "sha256": HASH}]}, "same secret"),
        ({"keys": [{"name": "a", "key": SECRET}], "api_key": SECRET}, "same secret"),
        ({"keys": [{"name": "a", "key": SECRET, "concurrent_turns": 0}]}, "concurrent_turns"),
        ({"keys": [{"name": "a", "key": SECRET, "turns_per_hour": 1}]}, "turns_per_hour"),
    ],
)
def test_what_is_no_set_of_keys(knobs: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as refused:
        GatewaySettings.model_validate(knobs)
    assert SECRET not in str(refused.value)


def test_a_ring_of_keys() -> None:
    knobs = {"keys": [{"name": "a", "sha256": HASH, "turns_per_minute": 6}], "api_key": "house"}
    ring = GatewaySettings.model_validate(knobs).key_ring()
    assert len(ring) == 2
    assert ring.holder(SECRET.encode()) == Identity("a", turns_per_minute=6)
    assert ring.holder(b"house") == Identity()
    assert ring.holder(HASH.encode()) is ring.holder(b"") is None
    assert not KeyRing()
    assert not KeyRing(SecretStr(""))
    assert "house" not in repr(GatewaySettings.model_validate(knobs))


async def test_the_last_room_is_given_once(tmp_path: Any) -> None:
    uploads = Uploads(Store(tmp_path), "avatar", (PORTRAITS,), WEEK, 10)
    tries = [uploads.add("ana", f"avatar-{number}", "", {PORTRAITS: b"photo"}, 2) for number in range(5)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, RateLimited) for result in done) == 3
    assert len(await uploads.current("ana")) == 2
    with pytest.raises(RateLimited) as none:
        await uploads.require_room("ben", "avatar-9", 0)
    assert none.value.retry_after_seconds > 0
    full = Uploads(Store(tmp_path), "avatar", (PORTRAITS,), WEEK, 2)
    with pytest.raises(TooLarge):
        await full.add("ben", "avatar-9", "", {PORTRAITS: b"photo"})


async def test_ids_do_not_meet(tmp_path: Any) -> None:
    uploads = Uploads(Store(tmp_path), "avatar", (PORTRAITS,), WEEK, 10)
    pairs = [("", b"photo"), ("a", b"photo"), ("b", b"photo"), ("", b"aphoto"), ("ap", b"hoto"), ("aphoto", b"")]
    assert len({uploads.id_of(owner, data) for owner, data in pairs}) == len(pairs)
    assert uploads.id_of("", b"photo") == f"avatar-{hashlib.sha256(b'photo').hexdigest()[:20]}"


async def test_what_is_derived_goes_with_the_face(tmp_path: Any) -> None:
    store = Store(tmp_path)
    kinds = (AVATAR_ENROLMENTS, PORTRAITS, IDLE_CLIPS)
    uploads = Uploads(store, "avatar", kinds, WEEK, 10)
    for id in ("avatar-1", "avatar-12"):
        await uploads.add("ana", id, "", {PORTRAITS: b"photo", AVATAR_ENROLMENTS: b"face"})
        store.put(IDLE_CLIPS, f"{id}.0123", b"clip")
    with pytest.raises(NotFound):
        await uploads.remove("ben", "avatar-1")
    await uploads.remove("ana", "avatar-1")
    left = {kind: store.list(kind) for kind in (*kinds, RECORDS)}
    assert left == {
        AVATAR_ENROLMENTS: ["avatar-12"],
        PORTRAITS: ["avatar-12"],
        IDLE_CLIPS: ["avatar-12.0123"],
        RECORDS: ["avatar-12"],
    }


async def test_a_face_without_a_record_does_not_stay_for_ever(tmp_path: Any) -> None:
    """A crash between two writes, or an idle clip that was ready only after its avatar had been deleted."""
    store, now = Store(tmp_path), [0.0]
    uploads = Uploads(store, "avatar", (PORTRAITS, IDLE_CLIPS), WEEK, 10, clock=lambda: now[0])
    store.put(PORTRAITS, "avatar-1", b"photo")
    store.put(IDLE_CLIPS, "avatar-1.0123", b"clip")
    store.put(IDLE_CLIPS, "grace_hopper.0123", b"clip")
    await uploads.sweep()
    now[0] = ORPHAN_SECONDS - 1
    await uploads.sweep()
    assert store.list(PORTRAITS) == ["avatar-1"], "it may be an upload on its way"
    now[0] = ORPHAN_SECONDS
    await uploads.sweep()
    assert (store.list(PORTRAITS), store.list(IDLE_CLIPS)) == ([], ["grace_hopper.0123"])
    store.put(PORTRAITS, "avatar-2", b"photo")
    await uploads.sweep()
    await uploads.add("", "avatar-2", "", {PORTRAITS: b"photo"})
    now[0] *= 9
    await uploads.sweep()
    assert store.list(PORTRAITS) == ["avatar-2"]
