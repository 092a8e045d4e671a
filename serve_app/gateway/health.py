"""GET /health and GET /: whether each stage works, and which doors there are."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deployments.errors import AvatarError
from serve_app.gateway.context import DoorContext
from serve_app.stages import StageHealth

DOORS = {
    "POST /transcribe": "audio in, its words out",
    "POST /chat": "text in, the reply's text out, at once or streamed",
    "POST /conversation": "audio or text in, a talking video of the answer out",
    "POST /generate": "text in, a talking video of it out",
    "GET|POST /v1/avatars": "list the avatars; upload a portrait",
    "GET|DELETE /v1/avatars/{id}": "one avatar; delete an upload",
    "GET /v1/avatars/{id}/portrait": "its picture",
    "GET /v1/avatars/{id}/idle": "a few seconds of it listening, to be looped",
    "GET|POST /v1/voices": "list the voices; upload a sample of another",
    "GET|DELETE /v1/voices/{id}": "one voice; delete an upload",
    "POST /v1/audio/transcriptions": "OpenAI's: audio in, its words out",
    "POST /v1/audio/speech": "OpenAI's: text in, its sound out while it is made",
    "POST /v1/chat/completions": "OpenAI's: text in, the reply's text out",
    "GET /v1/models, /v1/models/{id}": "OpenAI's: what runs here",
    "WS /v1/realtime": "a conversation, in OpenAI's realtime events and with a face",
    "GET|POST /v1/videos": "jobs: list them; order a talking video",
    "GET|DELETE /v1/videos/{id}": "one job; withdraw it, and delete its film",
    "GET /v1/videos/{id}/content": "its film",
    "GET /health": "whether each stage and the coordinator work",
}


class HealthDoor:
    """Answers 200 while every stage works and 503 otherwise, with the reason by stage.

    Without the Coordinator people are still answered: 200 then too, but "degraded". `turns` are this gateway's own,
    `people` those of all gateways at the last sign of life.
    """

    def __init__(self, context: DoorContext) -> None:
        self._context = context

    async def health(self, request: Request) -> Response:
        stages = await self._stages()
        places = self._context.places
        ok = bool(stages) and all(stage.ok for stage in stages.values())
        away = "" if places.connected else "it does not answer; turns go on without it, sessions and jobs wait for it"
        body = {
            "status": ("ok" if places.connected else "degraded") if ok else "unavailable",
            "stages": {name: {"ok": stage.ok, "detail": stage.detail} for name, stage in stages.items()},
            "coordinator": {"ok": places.connected, "detail": away},
            "gateway": self._context.replica_id,
            "turns": {"now": places.now, "most": places.load.capacity},
            "people": {"answered": places.load.answered, "waiting": places.load.waiting},
        }
        return JSONResponse(body, 200 if ok else 503, {"Cache-Control": "no-store"})

    async def index(self, request: Request) -> Response:
        return JSONResponse({"name": "Realtime Avatar", "doors": DOORS})

    async def _stages(self) -> dict[str, StageHealth]:
        seconds = self._context.settings.health_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._context.stages.health()
        except TimeoutError:
            return {"stages": StageHealth(False, f"no answer within {seconds:g} s")}
        except AvatarError as error:
            return {"stages": StageHealth(False, error.message)}
