"""POST /conversation and /generate: the same turn in three forms."""

import base64
import json

import pytest
from starlette.testclient import TestClient

from serve_app.media.boxes import read_boxes
from serve_app.media.synthetic import is_marked_synthetic
from serve_app.turn_report import report_in
from tests.door.conftest import wav
from tests.door.door_stages import DoorStages
from tests.fakes.frames import decoded

AUDIO = {"Content-Type": "audio/wav"}
REPLY = "Hello there, I can hear you well. Ask me anything you like."


def events_in(body: str) -> list[tuple[str, dict]]:
    blocks = [block.split("\n") for block in body.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_a_spoken_question_is_answered_with_a_whole_marked_mp4(client: TestClient) -> None:
    answer = client.post("/conversation", content=wav(), headers=AUDIO)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    report = report_in(answer.content)
    assert report is not None
    assert (report.transcript, report.reply, report.language) == ("hello", REPLY, "en")
    assert report.turn_id == answer.headers["x-request-id"]
    for stage in ("asr", "llm", "tts", "video", "total"):
        assert stage in report.timings
        assert f"{stage};dur=" in answer.headers["server-timing"]
    video, audio = decoded(answer.content)
    assert len(video) == round(25 * report.media_seconds) > 0
    assert audio
    assert is_marked_synthetic(answer.content)
    assert [kind for kind, _ in read_boxes(answer.content)].index(b"moov") < 3, "a whole MP4 starts with its index"


@pytest.mark.parametrize(
    ("query", "accept"),
    [("?format=fmp4", None), ("", "video/mp4; fragmented=true"), ("", "video/iso.segment"), ("?format=fmp4", "*/*")],
)
def test_fragments_stream_and_end_with_the_report(client: TestClient, query: str, accept: str | None) -> None:
    answer = client.post(f"/conversation{query}", content=wav(), headers=AUDIO | ({"Accept": accept} if accept else {}))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    assert "content-length" not in answer.headers
    kinds = [kind for kind, _ in read_boxes(answer.content)]
    assert kinds.count(b"moof") > 1
    assert kinds[-1] == b"uuid"
    report = report_in(answer.content)
    assert report is not None
    assert report.reply == REPLY
    assert len(decoded(answer.content)[0]) == round(25 * report.media_seconds)
    assert is_marked_synthetic(answer.content)
    assert "first_media;dur=" in answer.headers["server-timing"]


def test_events_carry_text_and_media(client: TestClient) -> None:
    answer = client.post("/conversation", content=wav(), headers=AUDIO | {"Accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_in(answer.text)
    names = [name for name, _ in events]
    assert names[0] == "transcript"
    assert names[-1] == "done"
    assert "".join(content["text"] for name, content in events if name == "reply") == REPLY
    media = [content for name, content in events if name == "media"]
    assert media[0]["kind"] == "init"
    assert media[0]["media_type"].startswith('video/mp4; codecs="avc1.')
    film = b"".join(base64.b64decode(content["data"]) for content in media)
    assert len(decoded(film)[0]) == round(25 * events[-1][1]["media_seconds"])
    assert events[-1][1]["timings"]["total"] > 0
    spoken = [content for name, content in events if name == "speaking"]
    assert spoken[0]["start_seconds"] == 0
    assert names.index("speaking") < names.index("media")


@pytest.mark.parametrize(("media", "kinds"), [("mp4", ["mp4"]), ("none", [])])
def test_events_with_another_kind_of_media(client: TestClient, media: str, kinds: list[str]) -> None:
    answer = client.post(f"/conversation?format=events&media={media}", content=wav(), headers=AUDIO)
    events = events_in(answer.text)
    assert [content["kind"] for name, content in events if name == "media"] == kinds
    assert "progress" in [name for name, _ in events]
    assert events[-1][0] == "done"


def test_typed_text_and_history_reach_the_model(client: TestClient, stages: DoorStages) -> None:
    history = [{"role": "user", "content": "My name is Ana."}, {"role": "assistant", "content": "Hi Ana."}]
    body = {"text": "What is my name?", "history": history, "language": "es", "voice": "ef_dora", "avatar": "astronaut"}
    assert client.post("/conversation", json=body).status_code == 200
    ask = stages.asked[stages.calls.index("llm")]
    assert [message.content for message in ask.messages] == ["My name is Ana.", "Hi Ana.", "What is my name?"]
    assert ask.language == "es"
    assert stages.asked[stages.calls.index("tts")].voice_id == "ef_dora"
    assert stages.asked[stages.calls.index("video")].avatar_id == "astronaut"
    assert "asr" not in stages.calls


def test_a_form_carries_audio_and_fields(client: TestClient, stages: DoorStages) -> None:
    fields = {"language": "en-GB", "seed": "7", "history": json.dumps([{"role": "user", "content": "Hello."}])}
    answer = client.post("/conversation", files={"audio": ("question.wav", wav(), "audio/wav")}, data=fields)
    assert answer.status_code == 200
    assert stages.asked[0].language == "en"
    assert len(stages.asked[stages.calls.index("llm")].messages) == 2
    assert stages.asked[stages.calls.index("video")].seed == 7


def test_generate_says_the_text_as_it_is(client: TestClient, stages: DoorStages) -> None:
    answer = client.post("/generate", json={"text": "Good morning to all of you.", "voice": "af_heart"})
    assert answer.status_code == 200
    report = report_in(answer.content)
    assert report is not None
    assert report.reply == "Good morning to all of you."
    assert "llm" not in stages.calls


def test_ids_are_echoed_and_made(client: TestClient) -> None:
    assert client.get("/", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    made = {client.get("/").headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2
    answer = client.get("/nowhere", headers={"X-Request-ID": "abc-2"})
    assert answer.json()["error"]["request_id"] == "abc-2"
    refused = client.get("/", headers={"X-Request-ID": "no blanks please"})
    assert refused.status_code == 422
    assert refused.json()["error"]["field"] == "X-Request-ID"
