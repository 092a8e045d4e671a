"""/v1/avatars: the faces there are, and uploading one's own."""

import asyncio
import mimetypes

import cv2
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from deployments.contracts import Image
from deployments.errors import EngineFailed, Unsupported
from deployments.store.store import AVATAR_ENROLMENTS, PORTRAITS
from serve_app.gateway.catalogue import avatar_entry, refuse_builtin
from serve_app.gateway.context import DoorContext
from serve_app.gateway.fields import upload_fields
from serve_app.gateway.identity import Identity, identity_of
from serve_app.gateway.requests import content_type_of, read_upload, required_file
from serve_app.gateway.streaming import unless_hung_up
from serve_app.media.decode import decode_image


class AvatarsDoor:
    """Built-in portraits and uploads alike, but only uploads can be deleted."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context

    async def list(self, request: Request) -> Response:
        return JSONResponse({"avatars": await self._context.catalogue.list_avatars(identity_of(request.scope).name)})

    async def add(self, request: Request) -> Response:
        """A form with the file `image`, the field `consent=true` and a `name` if one likes. 201 with the new avatar."""
        settings = self._context.settings
        self._context.places.check(identity_of(request.scope))
        if content_type_of(request) != "multipart/form-data":
            raise Unsupported("Send a multipart form with the file 'image' and the field 'consent'.")
        form = await read_upload(
            request, "image", settings.media.max_image_bytes, settings.max_json_bytes, settings.body_timeout_seconds
        )
        fields = upload_fields(form.fields, settings)
        photo = required_file(form, "image")
        async with self._context.places.place(identity_of(request.scope), turn=False):
            return await unless_hung_up(request, self._enrol(identity_of(request.scope), photo, fields.name))

    async def _enrol(self, identity: Identity, photo: bytes, name: str) -> Response:
        avatars = self._context.catalogue.avatars
        avatar_id = avatars.id_of(identity.name, photo)
        await avatars.require_room(identity.name, avatar_id, identity.max_uploads)
        image = await asyncio.to_thread(decode_image, photo, self._context.settings.media)
        enrolment = await self._context.stages.enrol_avatar(image)
        blobs = {AVATAR_ENROLMENTS: enrolment, PORTRAITS: await asyncio.to_thread(_as_jpeg, image)}
        record = await avatars.add(identity.name, avatar_id, name, blobs, identity.max_uploads)
        return JSONResponse(avatar_entry(record), 201, {"Location": f"/v1/avatars/{record.id}"})

    async def get(self, request: Request) -> Response:
        return JSONResponse(
            await self._context.catalogue.find_avatar(identity_of(request.scope).name, request.path_params["id"])
        )

    async def portrait(self, request: Request) -> Response:
        avatar_id = request.path_params["id"]
        builtin = self._context.catalogue.portraits.get(avatar_id)
        if builtin is not None:
            return FileResponse(builtin, media_type=mimetypes.guess_type(builtin.name)[0])
        owner = identity_of(request.scope).name
        photo = await self._context.catalogue.avatars.blob(owner, avatar_id, PORTRAITS)
        return Response(photo, media_type="image/jpeg", headers={"Cache-Control": "private, no-cache"})

    async def delete(self, request: Request) -> Response:
        avatar_id = request.path_params["id"]
        refuse_builtin(avatar_id, avatar_id in self._context.catalogue.portraits, "avatar")
        await self._context.catalogue.avatars.remove(identity_of(request.scope).name, avatar_id)
        return Response(status_code=204)


def _as_jpeg(image: Image) -> bytes:
    """The photo as it is kept: upright, shrunk, and free of what else the upload's file carried (place, camera)."""
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    if not done:
        raise EngineFailed("The photo could not be stored as a JPEG.")
    return data.tobytes()
