"""The doors as one ASGI application. Knows nothing of Ray: tests run it over fakes, in milliseconds."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.gateway.access import Access
from serve_app.gateway.admission import Admission
from serve_app.gateway.avatars import AvatarsDoor
from serve_app.gateway.catalogue import Catalogue
from serve_app.gateway.chat import ChatDoor
from serve_app.gateway.context import DoorContext
from serve_app.gateway.conversation_door import ConversationDoor
from serve_app.gateway.errors_table import Endpoint, answer_http_exception, guarded
from serve_app.gateway.generate import GenerateDoor
from serve_app.gateway.health import HealthDoor
from serve_app.gateway.idle import idle_routes
from serve_app.gateway.ids import HEADER, RequestIds
from serve_app.gateway.meter import Meter, Uncounted
from serve_app.gateway.openai_routes import openai_routes
from serve_app.gateway.page import page_routes
from serve_app.gateway.realtime_door import realtime_routes
from serve_app.gateway.settings import GatewaySettings
from serve_app.gateway.transcribe import TranscribeDoor
from serve_app.gateway.videos import video_routes
from serve_app.gateway.voices import VoicesDoor
from serve_app.stages import Stages

logger = logging.getLogger("ray.serve")


def create_app(
    stages: Stages,
    store: Store,
    settings: GatewaySettings,
    conversation: ConversationSettings,
    meter: Meter | None = None,
    echo_request_id: bool = True,
) -> Starlette:
    """`meter` None counts nothing. `echo_request_id` is False where a proxy in front, as Serve's, adds the header."""
    meter = meter or Uncounted()
    context = DoorContext(
        stages=stages,
        settings=settings,
        conversation=conversation,
        catalogue=Catalogue(stages, store, settings, conversation.languages),
        admission=Admission(settings.max_turns, settings.retry_after_seconds, meter.at_work),
        meter=meter,
    )
    middleware = [
        Middleware(RequestIds, echo=echo_request_id),
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            # whatever an allowed page sends: Idempotency-Key, Range, the dozen headers of OpenAI's own client
            allow_headers=["*"],
            expose_headers=[HEADER, "Server-Timing", "Retry-After", "Location", "Content-Disposition", "Content-Range"],
        ),
        Middleware(Access, keys=settings.key_ring(), origins=settings.cors_origins),
    ]
    return Starlette(
        routes=_routes(context),
        middleware=middleware,
        exception_handlers={HTTPException: answer_http_exception},
        lifespan=_sweeping(context.catalogue, settings.sweep_seconds),
    )


def _routes(context: DoorContext) -> list[BaseRoute]:
    health = HealthDoor(context)
    avatars, voices = AvatarsDoor(context), VoicesDoor(context)

    def door(path: str, method: str, endpoint: Endpoint) -> Route:
        return Route(path, guarded(endpoint, context.meter), methods=[method])

    return [
        door("/", "GET", health.index),
        door("/health", "GET", health.health),
        door("/transcribe", "POST", TranscribeDoor(context).transcribe),
        door("/chat", "POST", ChatDoor(context).chat),
        door("/conversation", "POST", ConversationDoor(context).converse),
        door("/generate", "POST", GenerateDoor(context).generate),
        *_collection("avatars", avatars, context.meter),
        door("/v1/avatars/{id}/portrait", "GET", avatars.portrait),
        *_collection("voices", voices, context.meter),
        *idle_routes(context),
        *openai_routes(context),
        *video_routes(context),
        *realtime_routes(context),
        *page_routes(context),
    ]


def _collection(noun: str, doors: AvatarsDoor | VoicesDoor, meter: Meter) -> list[Route]:
    """One route a path with all its methods, so that a wrong method is told all the right ones."""
    many: dict[str, Endpoint] = {"GET": doors.list, "POST": doors.add}
    one: dict[str, Endpoint] = {"GET": doors.get, "DELETE": doors.delete}
    return [
        Route(f"/v1/{noun}", _by_method(many, meter), methods=list(many)),
        Route(f"/v1/{noun}/{{id}}", _by_method(one, meter), methods=list(one)),
    ]


def _by_method(endpoints: dict[str, Endpoint], meter: Meter) -> Endpoint:
    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await endpoints[method](request)

    return guarded(answer, meter)


def _sweeping(
    catalogue: Catalogue, seconds: float
) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    """Deletes expired uploads every `seconds` while the application runs."""

    async def sweep() -> None:
        while True:
            try:
                if count := await catalogue.sweep():
                    logger.info("deleted %d uploads whose retention time is over", count)
            except Exception:
                logger.exception("expired uploads could not be deleted; the next attempt is in %g s", seconds)
            await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(sweep())
        try:
            yield
        finally:
            task.cancel()

    return lifespan
