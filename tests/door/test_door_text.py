"""/transcribe, /chat, /health and who may come in."""

import json
import logging

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deployments.errors import EngineFailed
from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from tests.door.conftest import wav
from tests.door.door_stages import DoorStages


def test_speech_becomes_words(client: TestClient, stages: DoorStages) -> None:
    answer = client.post(
        "/transcribe?language=es", content=wav(1.5, rate_hz=44_100), headers={"Content-Type": "audio/wav"}
    )
    body = answer.json()
    assert (body["text"], body["language"]) == ("hello", "es")
    assert body["words"] == [{"text": "hello", "start_seconds": 0.0, "end_seconds": 0.5}]
    assert body["seconds"] == pytest.approx(1.5, abs=0.01)
    assert "asr;dur=" in answer.headers["server-timing"]
    assert stages.asked[0].pcm.rate_hz == 16_000
    unknown = client.post("/transcribe?language=xx", content=wav(), headers={"Content-Type": "audio/wav"})
    assert unknown.status_code == 415


def test_chat_answers_at_once_or_in_pieces(client: TestClient, stages: DoorStages) -> None:
    answer = client.post("/chat", json={"text": "Hello.", "language": "en", "max_tokens": 20})
    assert answer.json()["reply"] == "".join(stages.pieces)
    assert "llm;dur=" in answer.headers["server-timing"]
    assert stages.asked[0].max_tokens == 20
    for body, headers in (
        ({"stream": True}, {}),
        ({}, {"Accept": "text/event-stream"}),
    ):
        streamed = client.post("/chat", json={"text": "Hello.", **body}, headers=headers)
        blocks = streamed.text.strip().split("\n\n")
        assert [block.split("\n")[0] for block in blocks] == ["event: reply"] * 3 + ["event: done"]
        assert json.loads(blocks[-1].split("data: ")[1])["reply"] == "".join(stages.pieces)


def test_a_long_history_is_passed_on(client: TestClient, stages: DoorStages) -> None:
    turns = [{"role": role, "content": f"{role} {n}"} for n in range(100) for role in ("user", "assistant")]
    assert client.post("/chat", json={"messages": [*turns, {"role": "user", "content": "And?"}]}).status_code == 200
    assert len(stages.asked[0].messages) == 201
    long = client.post("/chat", json={"messages": turns * 6 + turns[:1]})
    assert long.status_code == 413


def test_health_tells_each_stage_and_can_fail(client: TestClient, stages: DoorStages) -> None:
    well = client.get("/health")
    assert (well.status_code, well.json()["status"]) == (200, "ok")
    assert set(well.json()["stages"]) == {"asr", "llm", "tts", "video"}
    stages.ill["tts"] = "no replica is running"
    ill = client.get("/health")
    assert (ill.status_code, ill.json()["status"]) == (503, "unavailable")
    assert ill.json()["stages"]["tts"] == {"ok": False, "detail": "no replica is running"}
    stages.fail["health"] = EngineFailed("The controller does not answer.")
    assert client.get("/health").status_code == 503


def test_the_index_names_the_doors(client: TestClient) -> None:
    assert "POST /conversation" in client.get("/").json()["doors"]


def test_a_foreign_page_is_refused(client: TestClient) -> None:
    foreign = client.post("/chat", json={"text": "Hi."}, headers={"Origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "forbidden")
    own = client.post("/chat", json={"text": "Hi."}, headers={"Origin": "http://testserver"})
    assert own.status_code == 200
    assert "access-control-allow-origin" not in own.headers


def test_an_allowed_page_may_come(stages: DoorStages, store: Store) -> None:
    settings = GatewaySettings(cors_origins=("https://app.example",))
    with TestClient(create_app(stages, store, settings, ConversationSettings())) as client:
        answer = client.post("/chat", json={"text": "Hi."}, headers={"Origin": "https://app.example"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example"


def test_a_key_is_asked_for_where_one_is_set(stages: DoorStages, store: Store) -> None:
    settings = GatewaySettings(api_key="s3cret")  # type: ignore[arg-type]
    with TestClient(create_app(stages, store, settings, ConversationSettings())) as client:
        assert client.get("/health").status_code == 200
        refused = client.post("/chat", json={"text": "Hi."})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorised")
        assert refused.headers["www-authenticate"] == "Bearer"
        wrong = client.post("/chat", json={"text": "Hi."}, headers={"Authorization": "Bearer nö".encode()})
        assert wrong.status_code == 401
        assert client.post("/chat", json={"text": "Hi."}, headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_the_log_has_what_the_answer_hides(
    client: TestClient, stages: DoorStages, caplog: pytest.LogCaptureFixture
) -> None:
    stages.fail["llm"] = ZeroDivisionError("secret")
    with caplog.at_level(logging.ERROR, "ray.serve"):
        answer = client.post("/chat", json={"text": "Hi."}, headers={"X-Request-ID": "find-me"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "find-me" in caplog.text
    assert "ZeroDivisionError: secret" in caplog.text


def test_without_a_key_only_this_machine_is_served(app: Starlette) -> None:
    for address, status in (("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("192.168.1.7", 401)):
        with TestClient(app, client=(address, 4711)) as client:
            assert client.post("/chat", json={"text": "Hi."}).status_code == status
            assert client.get("/health").status_code == 200
