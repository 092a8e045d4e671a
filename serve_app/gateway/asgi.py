"""The doors as one ASGI application. Knows nothing of Ray: tests run it over fakes, in milliseconds."""

import asyncio
import contextlib
import logging
import uuid
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
from serve_app.coordinator.contracts import Coordination
from serve_app.coordinator.desks import desks_in_memory
from serve_app.coordinator.places import Places
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.access import Access
from serve_app.gateway.authority import authority_routes
from serve_app.gateway.avatars import AvatarsDoor
from serve_app.gateway.catalogue import Catalogue
from serve_app.gateway.chat import ChatDoor
from serve_app.gateway.context import DoorContext
from serve_app.gateway.conversation_door import ConversationDoor
from serve_app.gateway.errors_table import Endpoint, answer_http_exception, guarded
from serve_app.gateway.generate import GenerateDoor
from serve_app.gateway.health import HealthDoor
from serve_app.gateway.idle import idle_routes
from serve_app.gateway.idle_clips import IdleClips, prepared
from serve_app.gateway.ids import HEADER, RequestIds
from serve_app.gateway.job_workers import working
from serve_app.gateway.meter import Meter, Uncounted
from serve_app.gateway.openai_routes import openai_routes
from serve_app.gateway.page import page_routes
from serve_app.gateway.realtime_door import realtime_routes
from serve_app.gateway.settings import GatewaySettings
from serve_app.gateway.sockets import Sockets
from serve_app.gateway.tasks import counted
from serve_app.gateway.transcribe import TranscribeDoor
from serve_app.gateway.videos import video_routes
from serve_app.gateway.voices import VoicesDoor
from serve_app.jobs.settings import JobSettings
from serve_app.realtime.settings import RealtimeSettings
from serve_app.stages import Stages

logger = logging.getLogger("ray.serve")


def create_app(
    stages: Stages,
    store: Store,
    settings: GatewaySettings,
    conversation: ConversationSettings,
    meter: Meter | None = None,
    echo_request_id: bool = True,
    *,
    coordination: Coordination | None = None,
    coordinator: CoordinatorSettings | None = None,
    realtime: RealtimeSettings | None = None,
    jobs: JobSettings | None = None,
    replica_id: str | None = None,
) -> Starlette:
    """`meter` None counts nothing. `echo_request_id` is False where a proxy in front, as Serve's, adds the header.

    `coordination` None: this application is alone, and forgets sessions and jobs when it ends. Settings that are None
    are the default ones; `replica_id` None makes one up. `state.sockets` are its open sockets.
    """
    meter = meter or Uncounted()
    coordinator, jobs = coordinator or CoordinatorSettings(), jobs or JobSettings()
    coordination = coordination or desks_in_memory(coordinator, jobs)
    realtime = realtime or RealtimeSettings()
    replica_id = replica_id or f"gateway-{uuid.uuid4().hex[:12]}"
    context = DoorContext(
        stages=stages,
        settings=settings,
        conversation=conversation,
        catalogue=Catalogue(stages, store, settings, conversation.languages),
        meter=meter,
        store=store,
        coordination=coordination,
        places=Places(coordination.people, coordinator, replica_id, meter.at_work),
        realtime=realtime,
        sockets=Sockets(realtime.max_sessions),
        jobs=jobs,
        replica_id=replica_id,
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
        Middleware(Access, keys=settings.key_ring(), origins=settings.cors_origins, meter=meter),
    ]
    app = Starlette(
        routes=_routes(context),
        middleware=middleware,
        exception_handlers={HTTPException: answer_http_exception},
        lifespan=_lifespan(context),
    )
    app.state.sockets = context.sockets
    return app


def _routes(context: DoorContext) -> list[BaseRoute]:
    health = HealthDoor(context)
    avatars, voices = AvatarsDoor(context), VoicesDoor(context)

    def door(path: str, method: str, endpoint: Endpoint) -> Route:
        return Route(path, guarded(endpoint, context.meter), methods=[method])

    return [
        door("/health", "GET", health.health),
        door("/transcribe", "POST", TranscribeDoor(context).transcribe),
        door("/chat", "POST", ChatDoor(context).chat),
        door("/conversation", "POST", ConversationDoor(context).converse),
        door("/generate", "POST", GenerateDoor(context).generate),
        *_collection("avatars", avatars, context.meter),
        door("/v1/avatars/{id}/portrait", "GET", avatars.portrait),
        *_collection("voices", voices, context.meter),
        *authority_routes(),
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


def _lifespan(context: DoorContext) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    """What goes on in the background while the application runs."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as background:
            await background.enter_async_context(context.places.beating())
            await background.enter_async_context(counted(context.meter))
            await background.enter_async_context(_sweeping(context.catalogue, context.settings.sweep_seconds))
            if context.settings.prepare_idle:
                await background.enter_async_context(prepared(IdleClips(context), context.conversation.avatar))
            await background.enter_async_context(working(context))
            yield

    return lifespan


@contextlib.asynccontextmanager
async def _sweeping(catalogue: Catalogue, seconds: float) -> AsyncIterator[None]:
    """Deletes expired uploads every `seconds`."""

    async def sweep() -> None:
        while True:
            try:
                if count := await catalogue.sweep():
                    logger.info("deleted %d uploads whose retention time is over", count)
            except Exception:
                logger.exception("expired uploads could not be deleted; the next attempt is in %g s", seconds)
            await asyncio.sleep(seconds)

    task = asyncio.create_task(sweep())
    try:
        yield
    finally:
        task.cancel()
