"""Whatever is wrong with a request gets its own typed error, before any stage works."""

import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from deployments.errors import AtCapacity, EngineFailed
from tests.door.conftest import photo, wav
from tests.door.door_stages import DoorStages

AUDIO = {"Content-Type": "audio/wav"}


def not_a_number() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(16_000, np.nan, np.float32), 16_000, format="WAV", subtype="FLOAT")
    return file.getvalue()


def an_hour() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(3600 * 8000, np.int16), 8000, format="FLAC")
    return file.getvalue()


def assert_error(answer: object, status: int, code: str, part: str = "") -> None:
    assert answer.status_code == status, answer.text  # type: ignore[attr-defined]
    error = answer.json()["error"]  # type: ignore[attr-defined]
    assert error["code"] == code
    assert error["message"]
    assert part in error["message"]
    assert error["request_id"] == answer.headers["x-request-id"]  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def next_request_works(client: TestClient, stages: DoorStages) -> Iterator[None]:
    """After every refusal in this module the next, proper request is answered."""
    yield
    stages.fail.clear()
    assert client.post("/chat", json={"text": "Hello."}).status_code == 200


@pytest.mark.parametrize("door", ["/transcribe", "/conversation"])
@pytest.mark.parametrize(
    ("body", "status", "code", "part"),
    [
        pytest.param(b"", 400, "bad_input", "empty", id="empty"),
        pytest.param(wav(2)[: 16_000 * 2], 400, "bad_input", "cut off", id="truncated"),
        pytest.param(b"Dear diary, today I learned of headers. " * 9, 400, "bad_input", "sound", id="text"),
        pytest.param(not_a_number(), 400, "bad_input", "NaN", id="nan"),
        pytest.param(an_hour(), 413, "too_large", "longer than", id="an hour"),
        pytest.param(b"RIFF" + bytes(17_000_000), 413, "too_large", "bytes", id="oversized"),
    ],
)
def test_audio_that_cannot_be_heard(
    client: TestClient, stages: DoorStages, door: str, body: bytes, status: int, code: str, part: str
) -> None:
    assert_error(client.post(door, content=body, headers=AUDIO), status, code, part)
    assert_error(client.post(door, files={"audio": ("speech.wav", body)}), status, code, part)
    assert not stages.calls, "no stage worked"


@pytest.mark.parametrize("query", ["", "?format=fmp4", "?format=events"])
def test_silence_has_its_own_status_in_every_form(client: TestClient, query: str) -> None:
    answer = client.post(f"/conversation{query}", content=wav(level=0.0), headers=AUDIO)
    assert_error(answer, 400, "bad_input", "No speech")


def test_silence_is_no_transcript(client: TestClient) -> None:
    assert_error(client.post("/transcribe", content=wav(level=0.0), headers=AUDIO), 400, "bad_input", "No speech")


def test_eight_channels_are_mixed(client: TestClient) -> None:
    answer = client.post("/transcribe", content=wav(channels=8), headers=AUDIO)
    assert answer.status_code == 200
    assert answer.json()["text"] == "hello"


@pytest.mark.parametrize(
    ("change", "status", "code", "part"),
    [
        ({"avatar": "nobody"}, 404, "not_found", "avatar 'nobody'"),
        ({"avatar": "../../etc/passwd"}, 404, "not_found", "avatar"),
        ({"voice": "nobody"}, 404, "not_found", "voice 'nobody'"),
        ({"language": "tlh"}, 415, "unsupported", "en, es, zh"),
        ({"language": "12"}, 422, "invalid_field", "language"),
        ({"text": ""}, 422, "invalid_field", "text"),
        ({"text": "  \n"}, 422, "invalid_field", "text"),
        ({"text": "a" * 4001}, 413, "too_large", "4000"),
        ({"text": 5}, 422, "invalid_field", "text"),
        ({"seed": -1}, 422, "invalid_field", "seed"),
        ({"colour": "red"}, 422, "invalid_field", "colour"),
        ({"text": "\ud800"}, 422, "invalid_field", "text"),
    ],
)
@pytest.mark.parametrize("door", ["/conversation", "/generate"])
def test_fields(
    client: TestClient, stages: DoorStages, door: str, change: dict, status: int, code: str, part: str
) -> None:
    answer = client.post(
        door, content=json.dumps({"text": "Hello.", **change}), headers={"Content-Type": "application/json"}
    )
    assert_error(answer, status, code, part)
    assert answer.json()["error"].get("field") in (None, *change)
    assert not stages.calls


@pytest.mark.parametrize(
    ("door", "body"),
    [
        ("/conversation", {"history": []}),
        ("/conversation", {"text": "Hi.", "history": [{"role": "pirate", "content": "Arr."}]}),
        ("/conversation", {"text": "Hi.", "history": [{"role": "user"}]}),
        ("/generate", {}),
        ("/chat", {}),
        ("/chat", {"text": "Hi.", "messages": [{"role": "user", "content": "Hi."}]}),
        ("/chat", {"messages": [{"role": "assistant", "content": "Hi."}]}),
        ("/chat", {"text": "Hi.", "temperature": 1}),
    ],
)
def test_bodies_that_do_not_fit(client: TestClient, stages: DoorStages, door: str, body: dict) -> None:
    assert_error(client.post(door, json=body), 422, "invalid_field")
    assert not stages.calls


@pytest.mark.parametrize("door", ["/conversation", "/generate", "/chat"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"text": ', id="half"),
        pytest.param(b'{"text": "a", "seed": NaN}', id="nan"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"\xff\xfe\x00", id="no utf-8"),
        pytest.param(b"[1, 2]", id="no object"),
    ],
)
def test_malformed_json(client: TestClient, door: str, body: bytes) -> None:
    assert_error(
        client.post(door, content=body, headers={"Content-Type": "application/json"}), 400, "bad_input", "JSON"
    )


@pytest.mark.parametrize("door", ["/conversation", "/generate", "/chat"])
def test_json_that_is_too_long(client: TestClient, door: str) -> None:
    body = json.dumps({"text": "a" * 2_000_000})
    answer = client.post(door, content=body, headers={"Content-Type": "application/json"})
    assert_error(answer, 413, "too_large", "1048576")


def test_a_body_that_lies_about_its_length_is_cut_off(client: TestClient) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(40):
            yield bytes(50_000)

    answer = client.post("/chat", content=parts(), headers={"Content-Type": "application/json"})
    assert_error(answer, 413, "too_large", "longer")


@pytest.mark.parametrize(
    ("door", "kind"), [("/conversation", "text/plain"), ("/transcribe", "application/json"), ("/generate", "audio/wav")]
)
def test_content_types(client: TestClient, door: str, kind: str) -> None:
    assert_error(client.post(door, content=b"x", headers={"Content-Type": kind}), 415, "unsupported", "end")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"no boundary at all", "multipart/form-data"),
        (b"--x\r\nrubbish", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\nabc',
            "multipart/form-data; boundary=x",
        ),
    ],
)
def test_malformed_forms(client: TestClient, content: bytes, kind: str) -> None:
    answer = client.post("/transcribe", content=content, headers={"Content-Type": kind})
    assert_error(answer, 400, "bad_input")


@pytest.mark.parametrize("end", ["", "\r\n"])
def test_a_form_that_is_cut_off_is_not_taken_for_a_shorter_one(
    client: TestClient, stages: DoorStages, end: str
) -> None:
    head = '--x\r\nContent-Disposition: form-data; name="'
    photograph = f'{head}image"; filename="me.png"\r\n\r\n'.encode() + photo()
    whole = photograph + f'\r\n{head}consent"\r\n\r\ntrue\r\n{head}name"\r\n\r\nAna\r\n--x--{end}'.encode()
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    for left in range(len(photograph) + 2, len(whole) - len(end), 7):
        assert_error(client.post("/v1/avatars", content=whole[:left], headers=form), 400, "bad_input", "cut off")
    assert not stages.calls, "no stage worked"
    assert client.post("/v1/avatars", content=whole, headers=form).json()["name"] == "Ana"


def test_forms_with_the_wrong_parts(client: TestClient) -> None:
    sound = ("a.wav", wav(), "audio/wav")
    assert_error(client.post("/transcribe", files={"sound": sound}), 422, "invalid_field", "'audio'")
    assert_error(client.post("/transcribe", files={"audio": sound}, data={"lang": "en"}), 422, "invalid_field", "lang")
    both = client.post("/conversation", files={"audio": sound}, data={"text": "Hello."})
    assert_error(both, 422, "invalid_field", "either audio or text")


@pytest.mark.parametrize(
    ("query", "accept", "status", "code"),
    [
        ("?format=avi", "*/*", 422, "invalid_field"),
        ("?format=events&media=gif", "*/*", 422, "invalid_field"),
        ("?colour=red", "*/*", 422, "invalid_field"),
        ("?format=mp4&format=fmp4", "*/*", 422, "invalid_field"),
        ("", "application/pdf", 406, "not_acceptable"),
    ],
)
def test_forms_of_the_answer(client: TestClient, query: str, accept: str, status: int, code: str) -> None:
    answer = client.post(f"/conversation{query}", content=wav(), headers=AUDIO | {"Accept": accept})
    assert_error(answer, status, code)


def test_unknown_doors_and_methods(client: TestClient) -> None:
    assert_error(client.get("/nowhere"), 404, "not_found", "/nowhere")
    answer = client.get("/conversation")
    assert_error(answer, 405, "method_not_allowed", "POST")
    assert answer.headers["allow"] == "POST"
    assert_error(client.put("/v1/avatars"), 405, "method_not_allowed", "POST")


@pytest.mark.parametrize(
    ("error", "status", "code", "headers"),
    [
        (EngineFailed("The voice engine failed twice. Try again."), 502, "engine_failed", {}),
        (AtCapacity("All busy.", 7), 503, "at_capacity", {"retry-after": "7"}),
        (ZeroDivisionError("secret path /root"), 500, "internal_error", {}),
    ],
)
@pytest.mark.parametrize("query", ["?format=mp4", "?format=fmp4"])
def test_a_failing_stage_has_its_status(
    client: TestClient, stages: DoorStages, error: Exception, status: int, code: str, headers: dict, query: str
) -> None:
    stages.fail["tts"] = error
    answer = client.post(f"/generate{query}", json={"text": "Hello."})
    assert_error(answer, status, code)
    assert "secret" not in answer.text
    assert {name: answer.headers[name] for name in headers} == headers


def test_an_error_after_the_first_event_is_an_event(client: TestClient, stages: DoorStages) -> None:
    stages.fail["tts"] = EngineFailed("The voice engine failed twice. Try again.")
    answer = client.post("/conversation?format=events", content=wav(), headers=AUDIO)
    assert answer.status_code == 200
    last = answer.text.strip().split("\n\n")[-1]
    assert last.startswith("event: error\n")
    assert '"engine_failed"' in last


def test_photos(client: TestClient, stages: DoorStages) -> None:
    def upload(data: bytes, **fields: str) -> object:
        return client.post("/v1/avatars", files={"image": ("me.png", data)}, data={"consent": "true"} | fields)

    assert_error(upload(b""), 400, "bad_input", "empty")
    assert_error(upload(b"not a photo at all"), 415, "unsupported")
    assert_error(upload(photo()[:60]), 400, "bad_input")
    assert_error(upload(photo(16)), 400, "bad_input", "16×16")
    bomb = bytearray(photo())
    bomb[16:24] = (20_000).to_bytes(4, "big") * 2
    assert_error(upload(bytes(bomb)), 413, "too_large", "20000×20000")
    assert_error(upload(photo(), consent="false"), 422, "invalid_field", "consent")
    assert_error(upload(photo(), name="x" * 81), 422, "invalid_field", "name")
    assert not stages.calls
