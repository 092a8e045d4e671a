"""GET /v1/avatars/{id}/idle: a short silent clip of the avatar, to be looped while it listens."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serve_app.gateway.byte_ranges import file_answer
from serve_app.gateway.context import DoorContext
from serve_app.gateway.errors_table import guarded
from serve_app.gateway.identity import identity_of
from serve_app.gateway.idle_clips import IdleClips
from serve_app.gateway.streaming import unless_hung_up


class IdleDoor:
    """video/mp4 without an audio track, a few seconds that join without a seam."""

    def __init__(self, clips: IdleClips) -> None:
        self._clips = clips

    async def idle(self, request: Request) -> Response:
        making = self._clips.clip(request.path_params["id"], identity_of(request.scope))
        return file_answer(request, await unless_hung_up(request, making), "video/mp4")


def idle_routes(context: DoorContext) -> list[BaseRoute]:
    door = IdleDoor(IdleClips(context))
    return [Route("/v1/avatars/{id}/idle", guarded(door.idle, context.meter), methods=["GET"])]
