"""What a server must refuse over HTTP, and in which words: a catalogue. See docs/http.md, jobs.md and openai.md."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.soak import broken_media as media
from benchmarks.soak.raw_http import RawRequest

VANDAL_NAME = "vandal"
VANDAL_SEED = 4_040_404
"""Every upload that can carry one has this name or this seed, so that what was taken by mistake is found in a list."""
_BOUNDARY = "----soak"
FORM = f"multipart/form-data; boundary={_BOUNDARY}"
JSON = "application/json"
WAV = "audio/wav"
AVATARS, VOICES, VIDEOS = "/v1/avatars", "/v1/voices", "/v1/videos"
TRANSCRIPTIONS = "/v1/audio/transcriptions"
TRANSCRIBE, CONVERSATION, GENERATE = "/transcribe", "/conversation", "/generate"
CHAT, SPEECH = "/v1/chat/completions", "/v1/audio/speech"

Body = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class BadUpload:
    """`body` is made when it is needed: some are large. `status` and `code` are what it has to be answered with; 0 and
    "" for one whose sender hangs up. `announced`, `chunked`, `hangs_up` as in RawRequest."""

    name: str
    path: str
    content_type: str
    body: Body
    status: int = 400
    code: str = "bad_input"
    announced: int | None = None
    chunked: bool = False
    hangs_up: bool = False

    def request(self) -> RawRequest:
        length = self.announced
        return RawRequest("POST", self.path, self.content_type, self.body(), length, self.chunked, self.hangs_up)


def form(file: bytes | None, field: str, filename: str = "upload.bin", /, **fields: str) -> bytes:
    """A multipart form with one file, or none, and texts beside it."""
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    if file is not None:
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{filename}"\r\n\r\n'
        parts.append(head.encode() + file + b"\r\n")
    return b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()


def _enrolment(field: str, file: Body, filename: str = "upload.bin", **fields: str) -> Body:
    given = {"consent": "true", "name": VANDAL_NAME, **fields}
    return lambda: form(file(), field, filename, **given)


def _heard(file: Body | None, **fields: str) -> Body:
    """A form of OpenAI's transcriptions."""
    given = {"model": "whisper-1", **fields}
    return lambda: form(file and file(), "file", "question.wav", **given)


def _asked(file: Body) -> Body:
    """A form that orders the film of an answer."""
    return lambda: form(file(), "audio", "question.wav", seed=str(VANDAL_SEED))


def _ordered(**content: Any) -> Body:
    """The same as JSON."""
    return _json(seed=VANDAL_SEED, **content)


def _json(**content: Any) -> Body:
    return lambda: json.dumps(content).encode()


def _bytes(data: bytes) -> Body:
    return lambda: data


_TEXT = _bytes(b"Dear diary, today I learned of headers. " * 20)
_PLAYLIST = _bytes(b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
_LITTLE = _bytes(b"RIFF")
_SAID = [{"role": "user", "content": "Hi."}]
_photo = partial(_enrolment, "image")
_sample = partial(_enrolment, "audio")

PHOTOS = (
    BadUpload("photo: cut in half", AVATARS, FORM, _photo(media.cut_photo)),
    BadUpload("photo: nothing", AVATARS, FORM, _photo(_bytes(b""))),
    BadUpload("photo: of 60000×60000", AVATARS, FORM, _photo(partial(media.png, 60_000, 60_000)), 413, "too_large"),
    BadUpload("photo: of 16×16", AVATARS, FORM, _photo(partial(media.plain_picture, 16))),
    BadUpload("photo: no face", AVATARS, FORM, _photo(partial(media.plain_picture, 256))),
    BadUpload("photo: rows that cannot be unpacked", AVATARS, FORM, _photo(partial(media.png, 256, 256))),
    BadUpload("photo: text", AVATARS, FORM, _photo(_TEXT, "me.png"), 415, "unsupported"),
    BadUpload("photo: without consent", AVATARS, FORM, _photo(_LITTLE, consent="false"), 422, "invalid_field"),
    BadUpload("photo: an unknown field", AVATARS, FORM, _photo(_LITTLE, colour="red"), 422, "invalid_field"),
    BadUpload("photo: in another field", AVATARS, FORM, _enrolment("photo", _LITTLE), 422, "invalid_field"),
    BadUpload("photo: a form that is cut off", AVATARS, FORM, lambda: _photo(media.cut_photo, colour="red")()[:-3]),
    BadUpload("photo: as JSON", AVATARS, JSON, _json(image="aGVsbG8="), 415, "unsupported"),
    BadUpload("photo: a gigabyte announced", AVATARS, FORM, _photo(_LITTLE), 413, "too_large", announced=10**9),
    BadUpload("photo: the sender hangs up", AVATARS, FORM, _photo(_LITTLE), 0, "", 500_000, hangs_up=True),
)
SAMPLES = (
    BadUpload("voice: nothing", VOICES, FORM, _sample(_bytes(b""))),
    BadUpload("voice: a header and no sound", VOICES, FORM, _sample(media.empty_sound)),
    BadUpload("voice: a header that lies", VOICES, FORM, _sample(media.lying_sound)),
    BadUpload("voice: samples that are no numbers", VOICES, FORM, _sample(media.not_a_number)),
    BadUpload("voice: five minutes", VOICES, FORM, _sample(media.too_long), 413, "too_large"),
    BadUpload("voice: text", VOICES, FORM, _sample(_TEXT)),
    BadUpload("voice: a playlist of the server's files", VOICES, FORM, _sample(_PLAYLIST)),
    BadUpload("voice: bare", VOICES, WAV, partial(media.silence, 1.0), 415, "unsupported"),
    BadUpload("voice: no file", VOICES, FORM, lambda: form(None, "", consent="true"), 422, "invalid_field"),
    BadUpload(
        "voice: 17 MB of unknown length",
        VOICES,
        FORM,
        _sample(partial(bytes, 17_000_000)),
        413,
        "too_large",
        chunked=True,
    ),
    BadUpload("voice: the sender hangs up", VOICES, FORM, _sample(_LITTLE), 0, "", 500_000, hangs_up=True),
)
QUESTIONS = (
    BadUpload("question: nothing", TRANSCRIBE, WAV, _bytes(b""), announced=0),
    BadUpload("question: text", TRANSCRIBE, WAV, _TEXT),
    BadUpload("question: silence", TRANSCRIBE, WAV, partial(media.silence, 1.0)),
    BadUpload("question: samples that are no numbers", CONVERSATION, WAV, media.not_a_number),
    BadUpload("question: five minutes", CONVERSATION, WAV, media.too_long, 413, "too_large"),
    BadUpload("question: text/plain", CONVERSATION, "text/plain", _TEXT, 415, "unsupported"),
    BadUpload("question: another language", f"{TRANSCRIBE}?language=tlh", WAV, _LITTLE, 415, "unsupported"),
    BadUpload("question: the sender hangs up", TRANSCRIBE, WAV, _LITTLE, 0, "", 100_000, hangs_up=True),
    BadUpload("transcription: a header that lies", TRANSCRIPTIONS, FORM, _heard(media.lying_sound)),
    BadUpload("transcription: five minutes", TRANSCRIPTIONS, FORM, _heard(media.too_long), 413, "too_large"),
    BadUpload("transcription: no file", TRANSCRIPTIONS, FORM, _heard(None), 422, "invalid_field"),
    BadUpload("transcription: hints", TRANSCRIPTIONS, FORM, _heard(_LITTLE, prompt="Ray"), 400, "unsupported"),
    BadUpload("transcription: an unknown field", TRANSCRIPTIONS, FORM, _heard(_LITTLE, fps="9"), 422, "invalid_field"),
    BadUpload("transcription: no boundary", TRANSCRIPTIONS, "multipart/form-data", _heard(_LITTLE)),
    BadUpload("transcription: half a form", TRANSCRIPTIONS, FORM, lambda: _heard(_TEXT)()[:200]),
    BadUpload("transcription: bare", TRANSCRIPTIONS, WAV, media.empty_sound, 415, "unsupported"),
)
ORDERS = (
    BadUpload("video: broken JSON", VIDEOS, JSON, _bytes(b'{"prompt": "Hello')),
    BadUpload("video: nothing to say", VIDEOS, JSON, _ordered(), 422, "invalid_field"),
    BadUpload("video: seconds", VIDEOS, JSON, _ordered(prompt="Hi.", seconds=4), 422, "invalid_field"),
    BadUpload("video: an unknown field", VIDEOS, JSON, _ordered(prompt="Hi.", fps=60), 422, "invalid_field"),
    BadUpload("video: nobody's face", VIDEOS, JSON, _ordered(prompt="Hi.", avatar="nobody"), 404, "not_found"),
    BadUpload("video: a book", VIDEOS, JSON, _ordered(prompt="word " * 2100), 413, "too_large"),
    BadUpload("video: a header that lies", VIDEOS, FORM, _asked(media.lying_sound)),
    BadUpload("video: five minutes", VIDEOS, FORM, _asked(media.too_long), 413, "too_large"),
    BadUpload("video: the sender hangs up", VIDEOS, JSON, _bytes(b'{"prompt": "'), 0, "", 1000, hangs_up=True),
)
TEXTS = (
    BadUpload("script: broken JSON", GENERATE, JSON, _bytes(b'{"text": ')),
    BadUpload("script: nested a hundred thousand deep", GENERATE, JSON, lambda: b"[" * 100_000),
    BadUpload("script: no UTF-8", GENERATE, JSON, _bytes(b"\xff\xfe\x00")),
    BadUpload("script: no object", GENERATE, JSON, _bytes(b"[1, 2]")),
    BadUpload("script: NaN", GENERATE, JSON, _bytes(b'{"text": "a", "seed": NaN}')),
    BadUpload("script: empty", GENERATE, JSON, _json(text=" \n"), 422, "invalid_field"),
    BadUpload("script: half a character", GENERATE, JSON, _json(text="\ud800"), 422, "invalid_field"),
    BadUpload("script: 4001 characters", GENERATE, JSON, _json(text="a" * 4001), 413, "too_large"),
    BadUpload("script: two megabytes", GENERATE, JSON, lambda: _json(text="a" * 2_000_000)(), 413, "too_large"),
    BadUpload("script: nobody's voice", GENERATE, JSON, _json(text="Hi.", voice="nobody"), 404, "not_found"),
    BadUpload("script: in Klingon", GENERATE, JSON, _json(text="Hi.", language="tlh"), 415, "unsupported"),
    BadUpload("script: a path", GENERATE, JSON, _json(text="Hi.", avatar="../../etc/passwd"), 404, "not_found"),
    BadUpload("script: as text", GENERATE, "text/plain", _TEXT, 415, "unsupported"),
    BadUpload("chat: tools", CHAT, JSON, _json(model="x", messages=_SAID, tools=[{"type": "x"}]), 400, "unsupported"),
    BadUpload("chat: nobody speaks", CHAT, JSON, _json(model="x", messages=[]), 422, "invalid_field"),
    BadUpload("speech: sung", SPEECH, JSON, _json(model="x", input="Hi.", instructions="Sing."), 400, "unsupported"),
    BadUpload("speech: nobody's voice", SPEECH, JSON, _json(model="x", input="Hi.", voice="x"), 422, "invalid_field"),
)
BAD_UPLOADS = (*PHOTOS, *SAMPLES, *QUESTIONS, *ORDERS, *TEXTS)
