"""/v1/avatars and /v1/voices: built-ins, uploads with consent, and their end."""

import asyncio
import struct
from datetime import timedelta

import cv2
import numpy as np
from starlette.testclient import TestClient

from deployments.store.store import AVATAR_ENROLMENTS, PORTRAITS, RECORDS, VOICE_ENROLMENTS, Store
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.gateway.uploads import Uploads
from tests.door.conftest import photo, wav
from tests.door.door_stages import DoorStages

CONSENT = {"consent": "true"}


def test_an_uploaded_face_lives_until_it_is_deleted(client: TestClient, store: Store, stages: DoorStages) -> None:
    made = client.post("/v1/avatars", files={"image": ("me.png", photo())}, data=CONSENT | {"name": "Ana"})
    assert made.status_code == 201
    avatar = made.json()
    assert (avatar["name"], avatar["source"]) == ("Ana", "upload")
    assert avatar["expires_at"] > avatar["created_at"]
    assert made.headers["location"] == f"/v1/avatars/{avatar['id']}"
    assert client.get(made.headers["location"]).json() == avatar
    listed = client.get("/v1/avatars").json()["avatars"]
    assert [entry["id"] for entry in listed] == ["grace_hopper", "astronaut", avatar["id"]]
    portrait = client.get(avatar["portrait"])
    assert portrait.headers["content-type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(portrait.content, np.uint8), cv2.IMREAD_COLOR).shape == (128, 128, 3)
    again = client.post("/v1/avatars", files={"image": ("me.png", photo())}, data=CONSENT | {"name": "Bea"})
    assert again.json()["id"] == avatar["id"], "the same photo is the same avatar"
    assert client.delete(made.headers["location"]).status_code == 204
    assert not [store.list(kind) for kind in (RECORDS, PORTRAITS, AVATAR_ENROLMENTS) if store.list(kind)]
    for gone in (client.get(made.headers["location"]), client.delete(made.headers["location"])):
        assert gone.status_code == 404
    assert client.post("/generate", json={"text": "Hi.", "avatar": avatar["id"]}).status_code == 404


def test_an_uploaded_voice_is_matched_and_used(client: TestClient, store: Store, stages: DoorStages) -> None:
    made = client.post("/v1/voices", files={"audio": ("me.wav", wav(3))}, data=CONSENT)
    assert made.status_code == 201
    voice = made.json()
    assert voice["source"] == "upload"
    assert store.get(VOICE_ENROLMENTS, voice["id"]) == b"voice"
    assert client.post("/generate", json={"text": "Hi.", "voice": voice["id"]}).status_code == 200
    assert stages.asked[stages.calls.index("tts")].voice_id == voice["id"]
    short = client.post("/v1/voices", files={"audio": ("me.wav", wav(0.5))}, data=CONSENT)
    assert (short.status_code, short.json()["error"]["code"]) == (400, "bad_input")
    assert [entry["id"] for entry in client.get("/v1/voices").json()["voices"]] == ["af_heart", "ef_dora", voice["id"]]
    assert client.delete(f"/v1/voices/{voice['id']}").status_code == 204
    assert client.get(f"/v1/voices/{voice['id']}").status_code == 404


def test_built_ins_are_shown_and_stay(client: TestClient) -> None:
    assert client.get("/v1/voices/af_heart").json() == {"id": "af_heart", "language": "en", "source": "built-in"}
    assert client.get("/v1/avatars/astronaut").json()["source"] == "built-in"
    assert client.get("/v1/avatars/astronaut/portrait").headers["content-type"] == "image/png"
    for path in ("/v1/avatars/astronaut", "/v1/voices/af_heart"):
        assert client.delete(path).json()["error"]["code"] == "unsupported"


def test_an_avatar_is_not_a_voice(client: TestClient) -> None:
    avatar = client.post("/v1/avatars", files={"image": ("me.png", photo())}, data=CONSENT).json()["id"]
    assert client.get(f"/v1/voices/{avatar}").status_code == 404
    assert client.post("/generate", json={"text": "Hi.", "voice": avatar}).status_code == 404


def test_consent_is_asked_for(client: TestClient, stages: DoorStages) -> None:
    for noun, files in (("avatars", {"image": ("me.png", photo())}), ("voices", {"audio": ("me.wav", wav(3))})):
        answer = client.post(f"/v1/{noun}", files=files)
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, "consent")
    assert not stages.calls


def test_a_photo_from_a_phone_is_turned_upright(client: TestClient) -> None:
    tall = cv2.imdecode(np.frombuffer(photo(), np.uint8), cv2.IMREAD_COLOR)[:, :64]
    data = cv2.imencode(".jpg", cv2.rotate(tall, cv2.ROTATE_90_COUNTERCLOCKWISE))[1].tobytes()
    turn_right = struct.pack(">4sIHHHIHH", b"MM\x00*", 8, 1, 0x0112, 3, 1, 6, 0) + bytes(4)
    exif = b"Exif\x00\x00" + turn_right
    marked = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    made = client.post("/v1/avatars", files={"image": ("me.jpg", marked)}, data=CONSENT)
    assert made.status_code == 201
    kept = client.get(made.json()["portrait"]).content
    assert cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR).shape == (128, 64, 3)
    assert b"Exif" not in kept, "where and when it was taken is nobody's business"


async def test_uploads_expire_and_are_swept(store: Store) -> None:
    uploads = Uploads(store, "avatar", (PORTRAITS,), timedelta(seconds=-1), 10)
    await uploads.add("", "avatar-1", "old", {PORTRAITS: b"photo"})
    assert await uploads.current("") == []
    assert await uploads.sweep() == 1
    assert store.list(PORTRAITS) == []
    assert await uploads.sweep() == 0


def test_the_gateway_sweeps_by_itself(stages: DoorStages, store: Store) -> None:
    settings = GatewaySettings(retention_hours=1e-7, sweep_seconds=0.05)
    with TestClient(create_app(stages, store, settings, ConversationSettings())) as client:
        made = client.post("/v1/voices", files={"audio": ("me.wav", wav(3))}, data=CONSENT)
        assert made.status_code == 201
        client.portal.call(asyncio.sleep, 0.3)  # type: ignore[union-attr]
        assert store.list(RECORDS) == []
