"""GET /authority.crt: the authority behind a self-signed certificate, for phones that are to trust it."""

import os
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from serve_app.authority import AUTHORITY_PATH, AUTHORITY_VARIABLE

MEDIA_TYPE = "application/x-x509-ca-cert"
"""By which phones offer to install it."""


def authority_routes() -> list[BaseRoute]:
    """One route where there is such a file, else none."""
    named = os.environ.get(AUTHORITY_VARIABLE)
    if not named or not Path(named).is_file():
        return []

    async def authority(request: Request) -> Response:
        return FileResponse(named, media_type=MEDIA_TYPE, filename="realtime-avatar.crt")

    return [Route(AUTHORITY_PATH, authority, methods=["GET"])]
