"""What a client orders of /v1/videos, checked before anything is kept."""

import hashlib
import json
import re
import uuid
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from deployments.errors import InvalidField, TooLarge
from serve_app.gateway.context import DoorContext
from serve_app.gateway.fields import Identifier, Language, Text
from serve_app.gateway.hearing import heard, read_asked
from serve_app.gateway.identity import identity_of
from serve_app.gateway.requests import Upload, parse
from serve_app.jobs.callbacks import secret_of
from serve_app.jobs.contracts import NewJob
from serve_app.jobs.destinations import destination
from serve_app.served_models import REALTIME

IDEMPOTENCY_HEADER = "Idempotency-Key"
_VALID_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class VideoFields(BaseModel):
    """OpenAI's fields, of which `size`, `seconds` and `model` are taken where they ask for what is made anyway, and
    ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Text | None = None
    model: Text | None = None
    size: Text | None = None
    seconds: Text | int | None = None
    language: Language | None = None
    voice: Identifier | None = None
    avatar: Identifier | None = None
    seed: int = Field(0, ge=0, lt=2**32)
    callback_url: Text | None = None


@dataclass(frozen=True, slots=True)
class VideoOrder:
    """`audio` is the question's file, decoded once to see that it can be."""

    job: NewJob
    audio: bytes | None


async def video_order(request: Request, context: DoorContext) -> VideoOrder:
    """Raises InvalidField, BadInput, TooLarge, Unsupported and NotFound; nothing is kept of what is refused."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is not None and not _VALID_KEY.fullmatch(key):
        raise InvalidField(f"{IDEMPOTENCY_HEADER}: 1 to 255 visible ASCII characters.", IDEMPOTENCY_HEADER)
    upload = await read_asked(request, context.settings)
    fields = parse(VideoFields, upload.fields)
    await _refuse_impossible(fields, context)
    script = None if upload.data is not None and not fields.prompt else _script(fields, upload, context)
    owner = identity_of(request.scope).name
    choice = await context.catalogue.choose(owner, fields.avatar, fields.voice, fields.language)
    if fields.callback_url is not None:
        await _check_callback(fields.callback_url, context)
    if upload.data is not None:
        await heard(upload.data, context.settings)
    job_id = f"video_{uuid.uuid4().hex}"
    job = NewJob(
        id=job_id,
        owner=owner,
        script=script,
        audio_key=None if upload.data is None else job_id,
        language=choice.language,
        voice_id=choice.voice_id,
        avatar_id=choice.avatar_id,
        seed=fields.seed,
        callback_url=fields.callback_url,
        idempotency_key=key,
        fingerprint=_fingerprint(fields, upload.data),
    )
    return VideoOrder(job, upload.data)


async def _refuse_impossible(fields: VideoFields, context: DoorContext) -> None:
    if fields.model not in (None, REALTIME, context.settings.models.showing):
        raise InvalidField(f"model: videos are made by {REALTIME!r}. Name it, or leave it out.", "model")
    if fields.seconds is not None:
        raise InvalidField("seconds: a video is as long as its text takes to say. Leave it out.", "seconds")
    if fields.size is not None:
        width, height = (await context.stages.describe_video()).frame_size
        if fields.size != f"{width}x{height}":
            raise InvalidField(f"size: videos are {width}x{height} here. Leave it out.", "size")


def _script(fields: VideoFields, upload: Upload, context: DoorContext) -> str:
    text = (fields.prompt or "").strip()
    if upload.data is not None or not text:
        raise InvalidField("prompt: send either the text to be spoken or a question as the file 'audio'.", "prompt")
    most = context.jobs.max_script_characters
    if len(text) > most:
        raise TooLarge(f"prompt: at most {most} characters; {len(text)} were sent. Order several videos.")
    return text


async def _check_callback(url: str, context: DoorContext) -> None:
    if secret_of(context.jobs) is None:
        raise InvalidField(
            "callback_url: this server has no secret to sign calls with. Set AVATAR_WEBHOOK_SECRET, or ask again "
            "until the video is done.",
            "callback_url",
        )
    await destination(url, context.jobs.callback_private)


def _fingerprint(fields: VideoFields, audio: bytes | None) -> str:
    """Of all that was ordered: the same order has the same one."""
    ordered = fields.model_dump() | {"audio": None if audio is None else hashlib.sha256(audio).hexdigest()}
    return hashlib.sha256(json.dumps(ordered, sort_keys=True).encode()).hexdigest()
