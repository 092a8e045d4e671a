"""Who may come in: keys, origins and neighbours, over requests and sockets; what belongs to whom; each key's limits."""

import asyncio
import hashlib
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from deployments.store.store import IDLE_CLIPS, RECORDS, Store
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.identity import identity_of
from serve_app.gateway.settings import GatewaySettings
from tests.door.conftest import photo, wav
from tests.door.door_stages import DoorStages

ANA, BEN, HOUSE = "ana-0123456789abcdef", "ben-0123456789abcdef", "house-0123456789abcdef"
KEYS = (
    {"name": "ana", "key": ANA, "concurrent_turns": 1, "turns_per_minute": 3, "max_uploads": 1},
    {"name": "ben", "sha256": hashlib.sha256(BEN.encode()).hexdigest()},
)
CONSENT = {"consent": "true"}
PAGE = "https://app.example"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def dummy(websocket: WebSocket) -> None:
    """Tells what it sees of the scope."""
    await websocket.accept("realtime" if "realtime" in websocket.scope["subprotocols"] else None)
    identity = identity_of(websocket.scope)
    await websocket.send_json(
        {
            "name": identity.name,
            "limits": [identity.concurrent_turns, identity.turns_per_minute, identity.max_uploads],
            "subprotocols": websocket.scope["subprotocols"],
            "request_id": websocket.scope["request_id"],
        }
    )
    await websocket.close()


@contextmanager
def doors(store: Store, peer: tuple[str, int] = ("testclient", 50_000), **knobs: Any) -> Iterator[TestClient]:
    app = create_app(DoorStages(), store, GatewaySettings(**knobs), ConversationSettings())
    app.router.routes.insert(0, WebSocketRoute("/v1/dummy", dummy))
    with TestClient(app, raise_server_exceptions=False, client=peer) as client:
        yield client


@pytest.fixture
def guarded(store: Store) -> Iterator[TestClient]:
    with doors(store, keys=KEYS, api_key=HOUSE, cors_origins=(PAGE,)) as client:
        yield client


def refused(client: TestClient, **options: Any) -> tuple[int, dict[str, Any], str | None]:
    """The close code, the error that was told before it, and the subprotocol."""
    with client.websocket_connect("/v1/dummy", **options) as socket:
        event = socket.receive_json()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert event["type"] == "error"
        assert event["event_id"]
        return closed.value.code, event["error"], socket.accepted_subprotocol


def test_each_key_opens_and_nothing_else_does(guarded: TestClient) -> None:
    for key in (ANA, BEN, HOUSE):
        assert guarded.get("/v1/avatars", headers=bearer(key)).status_code == 200
        assert guarded.get("/v1/avatars", headers={"Authorization": f"bearer {key}"}).status_code == 200
    digest = hashlib.sha256(BEN.encode()).hexdigest()
    wrong = ({}, bearer(""), bearer(ANA + "x"), bearer(ANA[:-1]), bearer(digest), {"Authorization": f"Basic {ANA}"})
    for headers in wrong:
        answer = guarded.get("/v1/avatars", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorised")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]


def test_what_is_open_needs_no_key(guarded: TestClient) -> None:
    assert guarded.get("/").status_code == guarded.get("/health").status_code == 200
    assert guarded.get("/page/nothing.js").status_code != 401
    assert guarded.get("/pages").status_code == 401
    assert guarded.get("/no/such/door").status_code == 401, "a stranger does not learn what there is"


@pytest.mark.parametrize(("key", "name", "limits"), [(ANA, "ana", [1, 3, 1]), (BEN, "ben", [None] * 3)])
def test_a_socket_knows_whose_it_is(guarded: TestClient, key: str, name: str, limits: list[int | None]) -> None:
    with guarded.websocket_connect("/v1/dummy", headers={**bearer(key), "X-Request-ID": "mine"}) as socket:
        seen = socket.receive_json()
        assert (seen["name"], seen["limits"], seen["request_id"]) == (name, limits, "mine")
        assert dict(socket.extra_headers)[b"x-request-id"] == b"mine"
    protocols = ["realtime", f"openai-insecure-api-key.{key}", "openai-beta.realtime-v1"]
    with guarded.websocket_connect("/v1/dummy", subprotocols=protocols) as socket:
        seen = socket.receive_json()
        assert seen["name"] == name
        assert seen["subprotocols"] == ["realtime", "openai-beta.realtime-v1"], "no door can echo the secret"
        assert len(seen["request_id"]) == 32
        assert socket.accepted_subprotocol == "realtime"


def test_a_refused_socket_is_told_why(guarded: TestClient) -> None:
    for options in ({}, {"headers": bearer("wrong")}, {"subprotocols": ["realtime"]}):
        code, error, protocol = refused(guarded, **options)  # type: ignore[arg-type]
        assert (code, error["code"], error["type"]) == (4401, "unauthorised", "authentication_error")
        assert "Authorization" in error["message"]
        assert protocol == ("realtime" if "subprotocols" in options else None)
    wrong = refused(guarded, subprotocols=["realtime", "openai-insecure-api-key.wrong"])
    assert (wrong[0], wrong[2]) == (4401, "realtime")
    code, error, _ = refused(guarded, headers={**bearer(ANA), "Origin": "https://evil.example"})
    assert (code, error["code"]) == (4403, "forbidden")
    assert refused(guarded, headers={**bearer(ANA), "Origin": "null"})[0] == 4403, "a page in a sandbox"


def test_a_socket_of_an_allowed_page_or_of_our_own(guarded: TestClient) -> None:
    for origin in (PAGE, "http://testserver"):
        with guarded.websocket_connect("/v1/dummy", headers={**bearer(ANA), "Origin": origin}) as socket:
            assert socket.receive_json()["name"] == "ana"


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.0.0.1", {"Host": "localhost:8000"}, 200),
        ("127.0.0.1", {"Host": "127.0.0.1:8000"}, 200),
        ("::1", {"Host": "[::1]:8000"}, 200),
        ("127.0.0.1", {"Host": "avatar.localhost"}, 200),
        ("192.168.1.7", {}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 401),
        ("127.0.0.1", {"Host": "evil.example:8000"}, 403),
        ("127.0.0.1", {"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}, 403),
    ],
)
def test_without_keys_only_this_machine_is_served(
    store: Store, address: str, headers: dict[str, str], status: int
) -> None:
    with doors(store, peer=(address, 4711)) as client:
        assert client.get("/v1/avatars", headers=headers).status_code == status
        if status == 200:
            with client.websocket_connect("/v1/dummy", headers=headers) as socket:
                assert socket.receive_json()["name"] == ""
        else:
            assert refused(client, headers=headers)[0] == 4000 + status


def test_pages_of_elsewhere_are_shut_out_unless_named(store: Store, guarded: TestClient) -> None:
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    asks["Access-Control-Request-Headers"] = "authorization,content-type,idempotency-key,x-stainless-lang"
    paths = ("/v1/videos", "/v1/audio/speech", "/v1/chat/completions", "/v1/avatars")
    with doors(store) as closed:
        for path in paths:
            answer = closed.options(path, headers=asks)
            assert answer.status_code == 400
            assert "access-control-allow-origin" not in answer.headers
        assert closed.post("/v1/avatars", headers={"Origin": PAGE}).status_code == 403
        assert refused(closed, headers={"Origin": PAGE})[0] == 4403
    for path in paths:
        answer = guarded.options(path, headers=asks)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
        assert "idempotency-key" in answer.headers["access-control-allow-headers"].lower()
    told = guarded.get("/v1/avatars", headers={**bearer(ANA), "Origin": PAGE})
    assert {"Retry-After", "X-Request-ID", "Location"} <= set(
        told.headers["access-control-expose-headers"].replace(",", " ").split()
    )
    evil = guarded.get("/v1/avatars", headers={**bearer(ANA), "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in evil.headers


def upload(client: TestClient, noun: str, key: str, content: bytes, name: str = "") -> Any:
    file = {"image": ("me.png", content)} if noun == "avatars" else {"audio": ("me.wav", content)}
    return client.post(f"/v1/{noun}", files=file, data=CONSENT | {"name": name}, headers=bearer(key))


@pytest.mark.parametrize(("noun", "content"), [("avatars", photo()), ("voices", wav(3))])
def test_an_upload_is_its_owners_alone(guarded: TestClient, noun: str, content: bytes) -> None:
    made = upload(guarded, noun, ANA, content, "Ana")
    assert made.status_code == 201
    id, path = made.json()["id"], made.headers["location"]
    assert "owner" not in made.json()
    for other in (BEN, HOUSE):
        missing = id[:-1] + ("0" if id[-1] != "0" else "1")
        unknown = guarded.get(path.replace(id, missing), headers=bearer(other)).json()["error"]["message"]
        for method in ("GET", "DELETE"):
            answer = guarded.request(method, path, headers=bearer(other))
            assert answer.status_code == 404
            assert answer.json()["error"]["message"] == unknown.replace(missing, id), "not even that it exists"
        assert guarded.get(f"{path}/portrait", headers=bearer(other)).status_code == 404
        assert id not in [entry["id"] for entry in guarded.get(f"/v1/{noun}", headers=bearer(other)).json()[noun]]
        turn = guarded.post("/generate", json={"text": "Hi.", noun[:-1]: id}, headers=bearer(other))
        assert turn.json()["error"]["message"] == unknown.replace(missing, id)
    assert guarded.get(path, headers=bearer(ANA)).json()["name"] == "Ana"
    assert id in [entry["id"] for entry in guarded.get(f"/v1/{noun}", headers=bearer(ANA)).json()[noun]]
    if noun == "voices":  # the fake animator knows the built-in faces only
        assert guarded.post("/generate", json={"text": "Hi.", "voice": id}, headers=bearer(ANA)).status_code == 200
    assert guarded.delete(path, headers=bearer(ANA)).status_code == 204


def test_the_same_photo_of_two_owners_is_two_avatars(guarded: TestClient, store: Store) -> None:
    ids = {key: upload(guarded, "avatars", key, photo()).json()["id"] for key in (ANA, BEN, HOUSE)}
    assert len(set(ids.values())) == 3
    assert guarded.delete(f"/v1/avatars/{ids[ANA]}", headers=bearer(ANA)).status_code == 204
    for key in (BEN, HOUSE):
        assert guarded.get(f"/v1/avatars/{ids[key]}/portrait", headers=bearer(key)).status_code == 200
    assert sorted(store.list(RECORDS)) == sorted([ids[BEN], ids[HOUSE]])


def test_the_idle_clip_of_a_face_is_its_owners_too(guarded: TestClient, store: Store) -> None:
    id = upload(guarded, "avatars", ANA, photo()).json()["id"]
    described = asyncio.run(DoorStages().describe_video())
    store.put(IDLE_CLIPS, f"{id}.{described.fingerprint}", b"clip")
    assert guarded.get(f"/v1/avatars/{id}/idle", headers=bearer(ANA)).content == b"clip"
    for headers, status in ((bearer(BEN), 404), (bearer(HOUSE), 404), ({}, 401)):
        assert guarded.get(f"/v1/avatars/{id}/idle", headers=headers).status_code == status


def test_built_ins_are_everyones(guarded: TestClient) -> None:
    for key in (ANA, BEN):
        listed = guarded.get("/v1/avatars", headers=bearer(key)).json()["avatars"]
        assert [entry["id"] for entry in listed] == ["grace_hopper", "astronaut"]


def test_what_was_made_without_keys_is_the_houses(store: Store) -> None:
    with doors(store) as client:
        old = client.post("/v1/avatars", files={"image": ("me.png", photo())}, data=CONSENT).json()["id"]
    record = store.get(RECORDS, old)
    store.put(RECORDS, old, record.replace(b', "owner": ""', b""))  # as it was written before there were owners
    assert b"owner" not in store.get(RECORDS, old)
    with doors(store, keys=KEYS, api_key=HOUSE) as client:
        assert client.get(f"/v1/avatars/{old}", headers=bearer(HOUSE)).status_code == 200
        assert client.get(f"/v1/avatars/{old}", headers=bearer(ANA)).status_code == 404


def test_a_new_secret_of_the_same_name_keeps_the_uploads(store: Store) -> None:
    with doors(store, keys=KEYS) as client:
        id = upload(client, "avatars", ANA, photo()).json()["id"]
    with doors(store, keys=({"name": "ana", "key": "another-secret-of-ana"},)) as client:
        assert client.get(f"/v1/avatars/{id}", headers=bearer("another-secret-of-ana")).status_code == 200
        assert client.get(f"/v1/avatars/{id}", headers=bearer(ANA)).status_code == 401


@pytest.mark.parametrize(("noun", "contents"), [("avatars", (photo(), photo(160))), ("voices", (wav(3), wav(4)))])
def test_each_key_keeps_as_many_uploads_as_it_may(
    guarded: TestClient, noun: str, contents: tuple[bytes, bytes]
) -> None:
    first = upload(guarded, noun, ANA, contents[0])
    assert first.status_code == 201
    full = upload(guarded, noun, ANA, contents[1])
    assert (full.status_code, full.json()["error"]["code"]) == (429, "rate_limited")
    assert 0 < int(full.headers["retry-after"]) <= 7 * 24 * 3600
    assert upload(guarded, noun, ANA, contents[0]).status_code == 201, "renewed"
    assert upload(guarded, noun, BEN, contents[1]).status_code == 201, "another key has its own room"
    guarded.delete(first.headers["location"], headers=bearer(ANA))
    assert upload(guarded, noun, ANA, contents[1]).status_code == 201


def test_the_house_has_an_end_too(store: Store) -> None:
    with doors(store, keys=KEYS, max_uploads=1) as client:
        assert upload(client, "avatars", BEN, photo()).status_code == 201
        for key, remedy in ((ANA, "gateway.max_uploads"), (BEN, "Delete one")):
            full = upload(client, "avatars", key, photo(160))
            assert (full.status_code, full.json()["error"]["code"]) == (413, "too_large")
            assert remedy in full.json()["error"]["message"]


def test_an_expired_face_is_gone_from_the_next_turn(store: Store) -> None:
    """Also before the sweep comes by, with all that was made of it."""
    with doors(store, keys=KEYS, retention_hours=0.3 / 3600, sweep_seconds=3600.0) as client:
        id = upload(client, "avatars", BEN, photo()).json()["id"]
        store.put(IDLE_CLIPS, f"{id}.abc", b"clip")
        client.portal.call(asyncio.sleep, 1.1)  # type: ignore[union-attr]
        answer = client.post("/generate", json={"text": "Hi.", "avatar": id}, headers=bearer(BEN))
        assert (answer.status_code, "retention" in answer.json()["error"]["message"]) == (404, True)
        assert not [kind for kind in ("records", "portraits", "avatar-enrolments", "idle-clips") if store.list(kind)]


def test_each_key_begins_as_many_turns_a_minute_as_it_may(guarded: TestClient) -> None:
    def chat(key: str) -> Any:
        return guarded.post("/chat", json={"text": "Hi."}, headers=bearer(key))

    assert [chat(ANA).status_code for _ in range(3)] == [200] * 3
    over = chat(ANA)
    assert (over.status_code, over.json()["error"]["code"]) == (429, "rate_limited")
    assert 50 <= int(over.headers["retry-after"]) <= 60
    assert [chat(key).status_code for key in (BEN, HOUSE)] == [200, 200], "another key has its own minute"
    spoken = guarded.post("/generate", json={"text": "Hi."}, headers=bearer(ANA))
    assert (spoken.status_code, spoken.headers["retry-after"].isdigit()) == (429, True), "whichever door it comes to"
    assert guarded.get("/v1/avatars", headers=bearer(ANA)).status_code == 200, "a list is no turn"


async def test_each_key_has_as_many_turns_at_once_as_it_may(store: Store) -> None:
    stages = DoorStages()
    stages.gate = asyncio.Event()
    settings = GatewaySettings.model_validate({"keys": KEYS})
    app = create_app(stages, store, settings, ConversationSettings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:

        def chat(key: str) -> Coroutine[Any, Any, httpx.Response]:
            return client.post("/chat", json={"text": "Hi."}, headers=bearer(key))

        first = asyncio.create_task(chat(ANA))
        await asyncio.wait_for(stages.at_gate.wait(), 5)
        over = await chat(ANA)
        assert (over.status_code, over.json()["error"]["code"]) == (429, "rate_limited")
        assert int(over.headers["retry-after"]) > 0
        other = asyncio.create_task(chat(BEN))
        await asyncio.sleep(0.05)
        stages.gate.set()
        assert [(await first).status_code, (await other).status_code, (await chat(ANA)).status_code] == [200] * 3
