"""WS /v1/realtime: a conversation in OpenAI's Realtime events, with a video extension."""

import asyncio
import functools
import json
import logging
import secrets
from collections.abc import Awaitable

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from deployments.errors import AtCapacity, AvatarError, NotFound
from serve_app.gateway.context import DoorContext
from serve_app.gateway.identity import identity_of
from serve_app.gateway.refusals import PROTOCOL, close_reason
from serve_app.realtime.configuration import AudioInput, Configuration
from serve_app.realtime.failures import CloseCode, HungUp, SessionEnd, error_body
from serve_app.realtime.hearing.activity import VoiceActivity
from serve_app.realtime.hearing.ear import Ear
from serve_app.realtime.host import Host, Talk
from serve_app.realtime.ids import new_id
from serve_app.realtime.keeping import restore
from serve_app.realtime.outbox import Outbox
from serve_app.realtime.session import Session

logger = logging.getLogger("ray.serve")


def load_activity() -> VoiceActivity:
    """The voice detector, read once in a process. Blocks for a second the first time."""
    from serve_app.realtime.hearing.silero import SileroActivity

    return SileroActivity()


class RealtimeDoor:
    """Accepts sockets and closes them with a code that means something (`CloseCode`)."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context
        self._sockets = context.sockets
        self._activity: VoiceActivity | None = None
        self._host = Host(
            stages=context.stages,
            conversation=context.conversation,
            settings=context.realtime,
            places=context.places,
            sessions=context.coordination.sessions,
            meter=context.meter,
        )

    async def serve(self, websocket: WebSocket) -> None:
        """The whole life of one connection. Refusals come after the handshake: browsers do not show a refused one."""
        await websocket.accept(PROTOCOL if PROTOCOL in websocket.scope.get("subprotocols", ()) else None)
        session_id = new_id("sess")
        try:
            await self._converse(websocket, session_id)
        except SessionEnd as end:
            await self._close(websocket, session_id, end)
        except HungUp:
            logger.info("socket %s: the client hung up", session_id)
        except AvatarError as error:
            code = CloseCode.OVERLOAD if isinstance(error, AtCapacity) else CloseCode.INTERNAL
            await self._close(websocket, session_id, SessionEnd(code, error))
        except Exception as error:
            logger.exception("socket %s failed", session_id)
            await self._close(websocket, session_id, SessionEnd(CloseCode.INTERNAL, _told(error)))

    async def _converse(self, websocket: WebSocket, session_id: str) -> None:
        """Raises SessionEnd or HungUp; AvatarError where no session could be begun."""
        self._sockets.check()
        if self._activity is None:
            self._activity = await asyncio.to_thread(load_activity)
        talk = self._talk(websocket, session_id)
        resumed = await self._resume(websocket, talk)
        session = Session(talk, functools.partial(_receive, websocket), resumed)
        self._sockets.enter(talk, session)
        end: SessionEnd | HungUp = SessionEnd(CloseCode.INTERNAL)
        try:
            with self._context.places.session(talk.id):
                async with asyncio.TaskGroup() as tasks:
                    talk.spawn = tasks.create_task
                    await session.run(tasks)
        except BaseExceptionGroup as group:
            reason = _reason(group)
            end = reason if isinstance(reason, SessionEnd | HungUp) else end
            raise reason from group
        finally:
            await session.farewell(end)
            self._sockets.leave(talk)

    def _talk(self, websocket: WebSocket, session_id: str) -> Talk:
        context = self._context
        identity = identity_of(websocket.scope)
        configuration = Configuration()
        audio_input = AudioInput(turn_detection=context.realtime.ear.detection)
        configuration = configuration.model_copy(
            update={"audio": configuration.audio.model_copy(update={"input": audio_input})}
        )
        if model := websocket.query_params.get("model"):
            configuration = configuration.model_copy(update={"model": model[:128]})
        outbox = Outbox(functools.partial(_send, websocket), context.realtime.send_queue_bytes)
        assert self._activity is not None
        return Talk(
            id=session_id,
            token=secrets.token_urlsafe(24),
            epoch=1,
            owner=identity.name,
            asker=identity,
            host=self._host,
            choose=functools.partial(context.catalogue.choose, identity.name),
            outbox=outbox,
            ear=Ear(context.realtime.ear, self._activity.fresh()),
            configuration=configuration,
        )

    async def _resume(self, websocket: WebSocket, talk: Talk) -> bool:
        """Where the client names a session, that one goes on. Raises SessionEnd 4404."""
        asked = websocket.query_params.get("session_id")
        if not asked:
            return False
        token = websocket.query_params.get("resume_token", "")
        await self._sockets.take_over(asked, token)
        try:
            snapshot = await self._context.coordination.sessions.resume(asked, token, talk.owner)
        except NotFound as error:
            raise SessionEnd(CloseCode.NO_SESSION, error) from error
        talk.id, talk.token = snapshot.session_id, token
        restore(talk, snapshot)
        return True

    async def _close(self, websocket: WebSocket, session_id: str, end: SessionEnd) -> None:
        """Says why, and closes. A client that takes nothing is not waited for."""
        error = end.error
        logger.info("socket %s: closed with %d %s", session_id, end.code, error.code if error else "")
        try:
            async with asyncio.timeout(self._context.realtime.farewell_seconds):
                if error is not None:
                    body = error_body(error, session_id)
                    event = {"type": "error", "event_id": new_id("event"), "error": body}
                    await _send(websocket, json.dumps(event, ensure_ascii=False))
                await websocket.close(end.code, close_reason(error.message if error else ""))
        except (TimeoutError, HungUp, RuntimeError) as failure:
            logger.info("socket %s: the client did not hear why: %r", session_id, failure)


def _reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Why a session's tasks ended: a bug first, then how it was ended, then that the client left."""
    errors = list(_leaves(group))
    unforeseen = [error for error in errors if not isinstance(error, SessionEnd | HungUp)]
    ends = [error for error in errors if isinstance(error, SessionEnd)]
    return (unforeseen or ends or errors)[0]


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


def _told(error: Exception) -> AvatarError:
    return error if isinstance(error, AvatarError) else AvatarError("Something failed inside. Connect again.")


async def _receive(websocket: WebSocket) -> str | bytes:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise HungUp(goodbye=message.get("code") == CloseCode.NORMAL)
    text, data = message.get("text"), message.get("bytes")
    return text if text is not None else data or b""


async def _send(websocket: WebSocket, content: str | bytes) -> None:
    sending: Awaitable[None] = (
        websocket.send_text(content) if isinstance(content, str) else websocket.send_bytes(content)
    )
    try:
        await sending
    except (WebSocketDisconnect, RuntimeError) as error:
        raise HungUp(goodbye=False) from error


def realtime_routes(context: DoorContext) -> list[BaseRoute]:
    return [WebSocketRoute("/v1/realtime", RealtimeDoor(context).serve)]
