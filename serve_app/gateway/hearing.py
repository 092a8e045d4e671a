"""Audio uploads, however they come, to 16 kHz speech."""

import asyncio

from starlette.requests import Request

from deployments.contracts import Pcm
from deployments.errors import Unsupported
from serve_app.gateway.negotiation import FORM_PARAMETERS
from serve_app.gateway.requests import (
    RAW_AUDIO_TYPES,
    Upload,
    content_type_of,
    json_object,
    query_fields,
    read_body,
    read_json,
    read_upload,
    refuse_fields,
)
from serve_app.gateway.settings import GatewaySettings
from serve_app.media.decode import decode_audio


async def read_audio(request: Request, settings: GatewaySettings) -> Upload:
    """A form with the file `audio`, or audio as the bare body with its fields in the query.

    Raises Unsupported for another content type, TooLarge, and BadInput or InvalidField for a bad form.
    """
    kind = content_type_of(request)
    seconds = settings.body_timeout_seconds
    fields = query_fields(request, FORM_PARAMETERS)
    if kind == "multipart/form-data":
        form = await read_upload(request, "audio", settings.media.max_audio_bytes, settings.max_json_bytes, seconds)
        return Upload(form.data, {**fields, **form.fields})
    if kind.startswith(RAW_AUDIO_TYPES):
        return Upload(await read_body(request, settings.media.max_audio_bytes, seconds), fields)
    raise Unsupported(
        f"The content type {kind[:80]!r} is not taken here. Send audio as its own type, such as audio/wav, or as the "
        "file 'audio' of a multipart form."
    )


async def read_asked(request: Request, settings: GatewaySettings, apart: frozenset[str] = frozenset()) -> Upload:
    """A question or a text: JSON, or audio as `read_audio` takes it. Beside JSON the query may have `apart` only.

    Raises BadInput and InvalidField besides what `read_audio` raises.
    """
    if content_type_of(request) != "application/json":
        return await read_audio(request, settings)
    refuse_fields(query_fields(request, apart))
    body = await read_json(request, settings.max_json_bytes, settings.body_timeout_seconds)
    return Upload(None, json_object(body))


async def heard(data: bytes, settings: GatewaySettings) -> Pcm:
    """Any audio file to mono speech at 16 kHz, decoded in a thread. Raises BadInput, TooLarge, Unsupported."""
    return await asyncio.to_thread(decode_audio, data, settings.media)
