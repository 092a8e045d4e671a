"""GET /v1/models and /v1/models/{id}: what runs here.

The other OpenAI-shaped routes take any model name, so that programs run unchanged, and answer with the name of what
did run.
"""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deployments.errors import NotFound
from serve_app.gateway.context import DoorContext

_OWNER = "realtime-avatar"


class ModelNotFound(NotFound):
    """The name that OpenAI's clients know for it."""

    code = "model_not_found"


class ModelsDoor:
    """`created` is when this gateway started: of its weights nobody knows."""

    def __init__(self, context: DoorContext) -> None:
        self._models = context.settings.models
        self._created = int(time.time())

    async def list(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._entry(id) for id in self._models.ids()]})

    async def get(self, request: Request) -> Response:
        id = request.path_params["id"]
        if id not in self._models.ids():
            raise ModelNotFound(f"There is no model {id[:80]!r}. There are: {', '.join(self._models.ids())}.")
        return JSONResponse(self._entry(id))

    def _entry(self, id: str) -> dict[str, object]:
        return {"id": id, "object": "model", "created": self._created, "owned_by": _OWNER}
