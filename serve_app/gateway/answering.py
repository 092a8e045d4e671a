"""One turn through the conversation and out by the form that the client asked for."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from deployments.errors import AvatarError, Cancelled
from serve_app.conversation import converse
from serve_app.events import Ended, Event, Media, TurnRequest
from serve_app.gateway.context import DoorContext
from serve_app.gateway.identity import Identity, identity_of
from serve_app.gateway.negotiation import EventMedia, Form, event_media_of, form_of
from serve_app.gateway.rendering import Rendering, server_timing
from serve_app.gateway.streaming import StreamedAnswer, unless_hung_up

logger = logging.getLogger("ray.serve")


@dataclass(frozen=True, slots=True)
class Forms:
    """What the client wants to get. `streamed` says that it may play while the answer is made."""

    form: Form
    media: EventMedia

    @property
    def streamed(self) -> bool:
        return self.form is Form.FMP4 or (self.form is Form.EVENTS and self.media is EventMedia.FMP4)


def forms_of(request: Request) -> Forms:
    """Raises InvalidField and NotAcceptable, before the body is read."""
    form = form_of(request.query_params.get("format"), request.headers.get("accept"))
    return Forms(form, event_media_of(request.query_params.get("media")))


async def answer_turn(request: Request, context: DoorContext, turn: TurnRequest, forms: Forms) -> Response:
    """The turn, holding a place until its last byte is sent. Raises AtCapacity, and what the turn raises before its
    answer begins."""
    described = await context.stages.describe_video()
    rendering = Rendering(_admitted(context, turn, identity_of(request.scope)), described.frame_size, turn.turn_id)
    if forms.form is Form.MP4:
        film = await unless_hung_up(request, rendering.mp4())
        timings = rendering.report.timings if rendering.report else {}
        return Response(film, media_type="video/mp4", headers={"Server-Timing": server_timing(timings)})
    chunks = rendering.fmp4() if forms.form is Form.FMP4 else rendering.events(forms.media)
    media_type = "video/mp4" if forms.form is Form.FMP4 else "text/event-stream"
    return await StreamedAnswer.start(
        request, chunks, media_type, lambda: {"Server-Timing": server_timing(rendering.points)}
    )


async def _admitted(context: DoorContext, turn: TurnRequest, identity: Identity) -> AsyncGenerator[Event, None]:
    """The turn's events, counted and logged, while it holds a place."""
    meter = context.meter
    begun = False
    async with context.places.place(identity):
        try:
            async with aclosing(converse(turn, context.stages, context.conversation)) as events:
                async for event in events:
                    if isinstance(event, Media) and not begun:
                        begun = True
                        meter.first_media(event.at_seconds)
                    elif isinstance(event, Ended):
                        meter.turn_ended(event)
                        logger.info("turn %s: %.1f s of video, %s", turn.turn_id, event.media_seconds, event.timings)
                    yield event
        except Exception as error:
            meter.turn_failed(error.code if isinstance(error, AvatarError) else AvatarError.code)
            raise
        except (GeneratorExit, asyncio.CancelledError):
            meter.turn_failed(Cancelled.code)
            raise
