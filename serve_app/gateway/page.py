"""GET / and /page/…: the web page for browsers. Its files are read once and known by name: no path reaches the disk."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import serve_app.page
from serve_app.gateway.context import DoorContext
from serve_app.gateway.errors_table import guarded
from serve_app.gateway.health import HealthDoor

FOLDER = Path(serve_app.page.__file__).parent
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
INDEX = "index.html"
PAGE_PREFIX = "/page/"
"""Below this lies nothing but the page's own files: open to all, like the page."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # A file is asked for again each time and answered 304 while it is the same: an upgrade is never half loaded.
    "Cache-Control": "no-cache",
}
PAGE_HEADERS = {
    # The portraits, clips and answers are blobs: they were fetched with the key, or come over the socket.
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            "connect-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    ),
    "Permissions-Policy": "microphone=(self), camera=(self), geolocation=()",
    "Vary": "Accept",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file as it is sent. `etag` is strong: a hash of the content."""

    content: bytes
    media_type: str
    etag: str


def page_files(folder: Path = FOLDER) -> dict[str, PageFile]:
    """The page's files by name."""
    files = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in MEDIA_TYPES:
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            files[path.name] = PageFile(content, MEDIA_TYPES[path.suffix], etag)
    return files


class PageDoor:
    """Gives browsers the page, and everyone else the list of doors."""

    def __init__(self, context: DoorContext) -> None:
        self._doors = HealthDoor(context)
        self._files = page_files()

    async def index(self, request: Request) -> Response:
        if not wants_page(request.headers.get("accept", "")):
            answer = await self._doors.index(request)
            answer.headers["Vary"] = "Accept"
            return answer
        return _sent(self._files[INDEX], request, PAGE_HEADERS)

    async def file(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404, "The page has no file of that name.")
        return _sent(file, request, {})


def wants_page(accept: str) -> bool:
    """Whether HTML is named. `*/*` alone, as curl sends it, does not ask for a page."""
    named = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    return "text/html" in named


def _sent(file: PageFile, request: Request, more: dict[str, str]) -> Response:
    headers = {**HEADERS, **more, "ETag": file.etag}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if file.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def page_routes(context: DoorContext) -> list[BaseRoute]:
    door = PageDoor(context)
    return [
        Route("/", guarded(door.index, context.meter), methods=["GET"]),
        Route(PAGE_PREFIX + "{name}", guarded(door.file, context.meter), methods=["GET"]),
    ]
