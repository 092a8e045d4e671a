"""Tells clients that their jobs have ended: signed as the Standard Webhooks specification says, tried until heard."""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import os
import time
from datetime import UTC, datetime

import httpx
from pydantic import SecretStr

from deployments.errors import AvatarError
from serve_app.jobs.contracts import Callback, JobStatus
from serve_app.jobs.destinations import destination
from serve_app.jobs.presenting import video_object
from serve_app.jobs.settings import JobSettings

logger = logging.getLogger("ray.serve")

SECRET_VARIABLE = "AVATAR_WEBHOOK_SECRET"
_PREFIX = "whsec_"


def secret_of(settings: JobSettings) -> bytes | None:
    """The key that signs, from the settings or the environment; None where there is none, and so no callbacks."""
    given = settings.callback_secret or SecretStr(os.environ.get(SECRET_VARIABLE, ""))
    text = given.get_secret_value()
    if not text:
        return None
    if not text.startswith(_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"the secret of callbacks ({SECRET_VARIABLE}) is not base64 after {_PREFIX!r}") from error


def signed(secret: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a message: HMAC-SHA256 over id, timestamp (Unix seconds) and body (Standard Webhooks 1.0)."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def body_of(callback: Callback, frame_size: tuple[int, int] | None) -> bytes:
    """`type` is video.completed or video.failed, `data` the video object as GET /v1/videos/{id} gives it."""
    job = callback.job
    kind = "video.completed" if job.status is JobStatus.COMPLETED else "video.failed"
    ended = datetime.fromtimestamp(job.completed_at or 0.0, UTC).isoformat(timespec="seconds")
    message = {"type": kind, "timestamp": ended, "data": video_object(job, frame_size)}
    return json.dumps(message, ensure_ascii=False).encode()


class Caller:
    """Makes the calls. No redirects, no proxies, and no answer is read beyond its status."""

    def __init__(self, settings: JobSettings, secret: bytes) -> None:
        self._settings, self._secret = settings, secret
        self._http = httpx.AsyncClient(
            timeout=settings.callback_timeout_seconds, follow_redirects=False, trust_env=False
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def call(self, callback: Callback, frame_size: tuple[int, int] | None) -> bool:
        """Whether the receiver has taken it (any 2xx). Each attempt has the same id and a timestamp of its own."""
        job = callback.job
        body = body_of(callback, frame_size)
        headers = signed(self._secret, f"msg_{job.id}", int(time.time()), body)
        headers |= {"Content-Type": "application/json", "User-Agent": "realtime-avatar"}
        try:
            target = await destination(job.order.callback_url or "", self._settings.callback_private)
            answer = await self._http.send(target.request(self._http, body, headers), stream=True)
            await answer.aclose()
        except (AvatarError, httpx.HTTPError) as error:
            logger.warning("callback of job %s, attempt %d: %r", job.id, callback.attempt, error)
            return False
        if not answer.is_success:
            logger.warning("callback of job %s, attempt %d: %d", job.id, callback.attempt, answer.status_code)
        return answer.is_success
