"""The catalogues of what must be refused, and what is said of what is not."""

import random

import pytest

from benchmarks.soak.bad_messages import BAD_MESSAGES
from benchmarks.soak.bad_uploads import AVATARS, BAD_UPLOADS, FORM, VIDEOS, VOICES, BadUpload, form
from benchmarks.soak.diary import Diary
from benchmarks.soak.excuses import AFTER_DEATH_SECONDS, excused
from benchmarks.soak.raw_http import RawAnswer, RawRequest, typed_code
from benchmarks.soak.vandals import Vandal


def test_each_trick_has_a_name_of_its_own_and_what_it_is_to_be_met_with() -> None:
    names = [each.name for each in (*BAD_UPLOADS, *BAD_MESSAGES)]
    assert len(set(names)) == len(names)
    for upload in BAD_UPLOADS:
        assert upload.hangs_up or (400 <= upload.status < 500 and upload.code), upload
    for message in BAD_MESSAGES:
        assert bool(message.code) != bool(message.close), message
    assert {AVATARS, VOICES, VIDEOS} <= {upload.path for upload in BAD_UPLOADS}


def test_requests_say_what_they_are_to_say() -> None:
    head = RawRequest("POST", "/x", "a/b", b"abc", announced=9).head("here").decode()
    assert head.startswith("POST /x HTTP/1.1\r\nHost: here\r\n") and head.endswith("Content-Length: 9\r\n\r\n")
    assert "Transfer-Encoding: chunked" in RawRequest("POST", "/", "a/b", b"abc", chunked=True).head("h").decode()
    assert "Content-Length" not in RawRequest("GET", "/").head("here").decode()
    body = form(b"data", "image", "me.png", name="x")
    assert body.count(b"------soak") == 3 and b'filename="me.png"\r\n\r\ndata\r\n' in body


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"error": {"message": "m", "type": "T", "param": null, "code": "bad_input", "request_id": "r"}}', ""),
        (500, b"Internal Server Error", ""),
        (400, b'{"detail": "no"}', ""),
        (400, b"[]", ""),
    ],
)
def test_an_error_of_another_shape_is_untyped(status: int, body: bytes, code: str) -> None:
    assert typed_code(status, body) == code
    good = body.replace(b'"T"', b'"invalid_request_error"')
    assert good == body or typed_code(status, good) == "bad_input"


def test_what_happens_after_a_death_is_excused_and_nothing_else() -> None:
    now = 0.0
    diary = Diary(lambda: now)
    diary.note_killed("TTS")
    excused(diary, "a thing", "trouble")
    assert not diary.wrong and diary.troubles["trouble"] == 1
    assert diary.as_json()["excused"] == ["0.0 min: a thing"], "who reads the result sees what was excused"
    now = AFTER_DEATH_SECONDS + 1
    excused(diary, "a thing", "trouble")
    assert "a thing" in diary.wrong[0]


@pytest.mark.parametrize(
    ("answer", "killed", "wrong"),
    [
        (RawAnswer(201, "", b"{}"), True, True),
        (RawAnswer(400, "", b"no"), True, True),
        (RawAnswer(413, "too_large", b""), True, True),
        (RawAnswer(500, "internal_error", b""), False, True),
        (RawAnswer(500, "", b""), True, False),
        (RawAnswer(502, "engine_failed", b""), True, False),
        (RawAnswer(503, "at_capacity", b""), False, False),
        (RawAnswer(503, "weights_missing", b""), False, True),
        (RawAnswer(400, "bad_input", b""), False, False),
    ],
)
async def test_what_a_vandal_finds_wrong(
    monkeypatch: pytest.MonkeyPatch, answer: RawAnswer, killed: bool, wrong: bool
) -> None:
    async def exchange(*ask: object) -> RawAnswer:
        return answer

    monkeypatch.setattr("benchmarks.soak.vandals.exchange", exchange)
    diary = Diary()
    if killed:
        diary.note_killed("Gateway")
    await Vandal("http://nowhere", diary, random.Random(1), busy_seconds=0).play(BadUpload("x", "/x", FORM, bytes))
    assert bool(diary.wrong) == wrong, diary.wrong
    assert diary.uploads == {("x", str(answer.status)): 8 if answer.code == "at_capacity" else 1}


async def test_what_finds_no_place_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [RawAnswer(503, "at_capacity", b""), RawAnswer(503, "coordinator_away", b""), RawAnswer(201, "", b"")]

    async def exchange(*ask: object) -> RawAnswer:
        return answers.pop(0)

    monkeypatch.setattr("benchmarks.soak.vandals.exchange", exchange)
    diary = Diary()
    await Vandal("http://nowhere", diary, random.Random(1), busy_seconds=0).play(BadUpload("x", "/x", FORM, bytes))
    assert diary.uploads == {("x", "503"): 2, ("x", "201"): 1} and "answered 201" in diary.wrong[0]
