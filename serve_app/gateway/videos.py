"""/v1/videos: talking videos as durable jobs, in the shape of OpenAI's Videos API."""

import asyncio
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from deployments.errors import AtCapacity, AvatarError, NotReady
from deployments.store.store import FILMS, JOB_AUDIO
from serve_app.gateway.byte_ranges import file_answer
from serve_app.gateway.context import DoorContext
from serve_app.gateway.errors_table import Endpoint, guarded
from serve_app.gateway.fields import Text
from serve_app.gateway.identity import identity_of
from serve_app.gateway.requests import parse, query_fields
from serve_app.gateway.video_orders import VideoOrder, video_order
from serve_app.jobs.content import delete_blob, delete_content
from serve_app.jobs.contracts import Job, JobStatus
from serve_app.jobs.presenting import video_object

POLL_HEADER = "openai-poll-after-ms"
"""OpenAI's clients ask again after this time."""
_POLL_MILLISECONDS = 1000


def video_routes(context: DoorContext) -> list[BaseRoute]:
    """One route a path with all its methods, so that a wrong method is told all the right ones."""
    doors = VideosDoor(context)
    tables: dict[str, dict[str, Endpoint]] = {
        "/v1/videos": {"GET": doors.list, "POST": doors.create},
        "/v1/videos/{id}": {"GET": doors.get, "DELETE": doors.delete},
        "/v1/videos/{id}/content": {"GET": doors.content},
    }
    return [
        Route(path, guarded(_by_method(table), context.meter), methods=list(table)) for path, table in tables.items()
    ]


def _by_method(table: dict[str, Endpoint]) -> Endpoint:
    async def answer(request: Request) -> Response:
        return await table["GET" if request.method == "HEAD" else request.method](request)

    return answer


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Text | None = None
    limit: int = Field(20, ge=1, le=100)
    order: Literal["asc", "desc"] = "desc"


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    variant: Literal["video"] = "video"


class VideosDoor:
    """Each API key sees its own videos only."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context
        self._queue = context.coordination.jobs

    async def create(self, request: Request) -> Response:
        """JSON or a form; a question as the file `audio` of the form, or as the bare body with fields in the query.

        The audio is in the store before the answer is given. The same Idempotency-Key gives the same video.
        """
        order = await video_order(request, self._context)
        job, new = await self._create(order)
        headers = {"Location": f"/v1/videos/{job.id}"} | ({} if new else {"Idempotency-Replayed": "true"})
        return JSONResponse(await self._shown(job), headers=headers)

    async def _create(self, order: VideoOrder) -> tuple[Job, bool]:
        if order.audio is None:
            return await self._queue.create(order.job)
        store, key = self._context.store, order.job.id
        await asyncio.to_thread(store.put, JOB_AUDIO, key, order.audio)
        try:
            job, new = await self._queue.create(order.job)
        except AvatarError as error:
            # whether a queue that did not answer has the job nobody knows: the sweep finds out
            if error.status < 500 or type(error) is AtCapacity:
                await delete_blob(store, JOB_AUDIO, key)
            raise
        if job.id != key:
            await delete_blob(store, JOB_AUDIO, key)
        return job, new

    async def list(self, request: Request) -> Response:
        page = parse(_Page, query_fields(request))
        jobs, more = await self._queue.list(_owner(request), page.limit, page.after, page.order == "desc")
        data = [await self._shown(job) for job in jobs]
        ends = {"first_id": jobs[0].id if jobs else None, "last_id": jobs[-1].id if jobs else None}
        return JSONResponse({"object": "list", "data": data, **ends, "has_more": more})

    async def get(self, request: Request) -> Response:
        job = await self._queue.get(_owner(request), request.path_params["id"])
        headers = {} if job.ended else {POLL_HEADER: str(_POLL_MILLISECONDS)}
        return JSONResponse(await self._shown(job), headers=headers)

    async def content(self, request: Request) -> Response:
        """The MP4, or a range of its bytes. 409 until there is one."""
        parse(_Content, query_fields(request))
        job = await self._queue.get(_owner(request), request.path_params["id"])
        if job.status is JobStatus.FAILED:
            raise NotReady(f"The video has failed, so there is no film: {job.error_message}")
        if job.content is None:
            raise NotReady(f"The video is {job.status.value}, {job.progress} %. Ask again when it is completed.")
        film = await asyncio.to_thread(self._context.store.get, FILMS, job.content)
        answer = file_answer(request, film, "video/mp4")
        answer.headers["Content-Disposition"] = f'inline; filename="{job.id}.mp4"'
        return answer

    async def delete(self, request: Request) -> Response:
        """In any state: work under way stops within one unit, and all that was stored goes."""
        job = await self._queue.delete(_owner(request), request.path_params["id"])
        await delete_content(self._context.store, job.id)
        return JSONResponse({"id": job.id, "object": "video.deleted", "deleted": True})

    async def _shown(self, job: Job) -> dict[str, object]:
        try:
            frame_size = (await self._context.stages.describe_video()).frame_size
        except AvatarError:
            return video_object(job, None)  # whose state is worth telling while the video stage is down
        return video_object(job, frame_size)


def _owner(request: Request) -> str:
    return identity_of(request.scope).name
