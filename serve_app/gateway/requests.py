"""From an HTTP request to bytes and checked fields: limits before reading and while reading, then strict models."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from deployments.errors import BadInput, TimedOut, TooLarge, Unsupported
from serve_app.gateway.errors_table import InvalidField

Model = TypeVar("Model", bound=BaseModel)

RAW_AUDIO_TYPES = ("audio/", "video/webm", "video/mp4", "application/ogg", "application/octet-stream")
FORM_OVERHEAD_BYTES = 64 * 2**10
"""Room in a form for boundaries, part headers and the small fields beside the file."""
MOST_FORM_FIELDS = 16


@dataclass(frozen=True, slots=True)
class Upload:
    """A form or a bare body: the file's bytes, if there was one, and the other fields by name."""

    data: bytes | None
    fields: dict[str, object]


def content_type_of(request: Request) -> str:
    """The media type in lower case, without parameters; "" where none was sent."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """The whole body. Raises TooLarge over `limit` bytes, by its announced length before a byte is read,
    and TimedOut where it takes longer than `seconds` to arrive."""
    parts = [part async for part in limited_stream(request, limit, seconds)]
    return b"".join(parts)


async def limited_stream(request: Request, limit: int, seconds: float) -> AsyncGenerator[bytes, None]:
    """The body piece by piece, with the limits of `read_body`."""
    announced = request.headers.get("content-length")
    if announced is not None and (not announced.isdigit() or int(announced) > limit):
        raise TooLarge(f"The body may have {limit} bytes; {announced[:20]} were announced.")
    received = 0
    parts = request.stream()
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                part = await anext(parts)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise TimedOut(f"The body did not arrive within {seconds:g} s.") from error
        received += len(part)
        if received > limit:
            raise TooLarge(f"The body may have {limit} bytes and is longer.")
        yield part


async def read_json(request: Request, limit: int, seconds: float) -> object:
    """The body as JSON. Raises Unsupported for another content type, BadInput where it cannot be parsed."""
    if content_type_of(request) != "application/json":
        raise Unsupported("This door takes JSON: send Content-Type: application/json.")
    return parse_json(await read_body(request, limit, seconds), "The body")


def parse_json(data: bytes | str, what: str) -> object:
    """RFC 8259 JSON: no NaN or Infinity. Raises BadInput."""

    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{what} is not valid JSON: {str(error)[:200] or 'nested too deeply'}.") from error


class _FormParser(MultiPartParser):
    """Starlette's, which takes a form that is cut off for one that ends there. `ended`: the closing boundary came."""

    ended = False

    def on_end(self) -> None:
        self.ended = True


async def read_upload(
    request: Request,
    file_field: str,
    limit: int,
    text_limit: int,
    seconds: float,
    lists: frozenset[str] = frozenset(),
) -> Upload:
    """A multipart form, held in memory: nothing is written to disk.

    Its one file is `file_field`. The fields in `lists` may be repeated, and come as lists. Raises BadInput where it is
    malformed, InvalidField for a second file, another name of the file or a repeated field.
    """

    stream = limited_stream(request, limit + FORM_OVERHEAD_BYTES, seconds)
    parser = _FormParser(request.headers, stream, max_files=1, max_fields=MOST_FORM_FIELDS, max_part_size=text_limit)
    parser.spool_max_size = limit + FORM_OVERHEAD_BYTES
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise BadInput(f"The form cannot be read: {error.message}") from error
    data: bytes | None = None
    fields: dict[str, object] = {}
    try:
        if not parser.ended:
            raise BadInput("The form is cut off: its closing boundary is missing. Send it again.")
        for name, value in form.multi_items():
            if (name in fields and name not in lists) or (name == file_field and data is not None):
                raise InvalidField(f"The field {name[:80]!r} was sent twice.", name[:80])
            if isinstance(value, UploadFile):
                if name != file_field:
                    raise InvalidField(f"A file goes into the field {file_field!r}, not {name[:80]!r}.", name[:80])
                data = await value.read()
                if len(data) > limit:
                    raise TooLarge(f"The file may have {limit} bytes and has {len(data)}.")
            elif name in lists:
                fields[name] = [*many, value] if isinstance(many := fields.get(name, []), list) else [value]
            else:
                fields[name] = value
    finally:
        await form.close()
    return Upload(data, fields)


def parse(model: type[Model], fields: object) -> Model:
    """Checked fields. Raises InvalidField that names the first offender and says what would do."""
    try:
        return model.model_validate(json_object(fields))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])[:200]
        known = ", ".join(model.model_fields)
        reason = f"unknown here; known are: {known}" if first["type"] == "extra_forbidden" else first["msg"]
        raise InvalidField(f"{name}: {reason}." if name else f"{reason}.", name or "body") from error


def json_object(body: object) -> dict[str, object]:
    """Raises BadInput for a body that is no JSON object."""
    if not isinstance(body, dict):
        raise BadInput("The body has to be a JSON object.")
    return body


def required_file(upload: Upload, name: str) -> bytes:
    """Raises InvalidField where a form came without its file."""
    if upload.data is None:
        raise InvalidField(f"{name}: the form has no such file.", name)
    return upload.data


def refuse_fields(fields: dict[str, object]) -> None:
    """Raises InvalidField where a query carries what belongs into the body."""
    for name in fields:
        raise InvalidField(f"{name[:80]}: not a query parameter here; put it into the body.", name[:80])


def query_fields(request: Request, apart: frozenset[str] = frozenset()) -> dict[str, object]:
    """The query parameters but those in `apart`. Raises InvalidField for a repeated one."""
    fields: dict[str, object] = {}
    for name, value in request.query_params.multi_items():
        if name in fields:
            raise InvalidField(f"The query parameter {name[:80]!r} was sent twice.", name[:80])
        fields[name] = value
    return {name: value for name, value in fields.items() if name not in apart}
