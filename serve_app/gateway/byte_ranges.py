"""One file in memory as an answer: with its ETag, unchanged or in part, as players ask for it (RFC 9110 §13, §14)."""

import hashlib
import re

from starlette.requests import Request
from starlette.responses import Response

_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def file_answer(request: Request, data: bytes, media_type: str) -> Response:
    """200 with all of it, 304 for who has it, 206 for one range (Safari plays no video without), 416 outside.

    Clients keep it and ask each time whether it is still the same: what it shows can be deleted.
    """
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Accept-Ranges": "bytes"}
    if _names(request.headers.get("if-none-match", ""), tag):
        return Response(None, 304, headers)
    wanted = request.headers.get("range", "")
    condition = request.headers.get("if-range", tag)
    found = _ONE_RANGE.fullmatch(wanted.replace(" ", "")) if condition == tag else None
    if found is None or not any(found.groups()):
        return Response(data, 200, headers, media_type)  # several ranges, too: a server may answer with all
    first, last = _bounds(found.group(1), found.group(2), len(data))
    if first > last:
        return Response(None, 416, headers | {"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], 206, headers, media_type)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """First and last byte; the first is after the last where there are none."""
    if not first:  # the last so many
        count = min(int(last), size)
        return size - count, size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def _names(header: str, tag: str) -> bool:
    given = [part.strip().removeprefix("W/") for part in header.split(",")]
    return tag in given or "*" in given
