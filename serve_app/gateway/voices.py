"""/v1/voices: the voices there are, and uploading a sample that one of them is matched to, or that is cloned."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deployments.errors import Unsupported
from deployments.store.store import VOICE_ENROLMENTS
from serve_app.gateway.catalogue import refuse_builtin, voice_entry
from serve_app.gateway.context import DoorContext
from serve_app.gateway.fields import upload_fields
from serve_app.gateway.hearing import heard
from serve_app.gateway.identity import Identity, identity_of
from serve_app.gateway.requests import content_type_of, read_upload, required_file
from serve_app.gateway.streaming import unless_hung_up


class VoicesDoor:
    """Built-in voices and uploads alike, but only uploads can be deleted."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context

    async def list(self, request: Request) -> Response:
        return JSONResponse({"voices": await self._context.catalogue.list_voices(identity_of(request.scope).name)})

    async def add(self, request: Request) -> Response:
        """A form with the file `audio`, the field `consent=true` and a `name` if one likes. 201 with the new voice."""
        settings = self._context.settings
        self._context.places.check(identity_of(request.scope))
        if content_type_of(request) != "multipart/form-data":
            raise Unsupported("Send a multipart form with the file 'audio' and the field 'consent'.")
        form = await read_upload(
            request, "audio", settings.media.max_audio_bytes, settings.max_json_bytes, settings.body_timeout_seconds
        )
        fields = upload_fields(form.fields, settings)
        sample = required_file(form, "audio")
        async with self._context.places.place(identity_of(request.scope), turn=False):
            return await unless_hung_up(request, self._enrol(identity_of(request.scope), sample, fields.name))

    async def _enrol(self, identity: Identity, sample: bytes, name: str) -> Response:
        voices = self._context.catalogue.voices
        voice_id = voices.id_of(identity.name, sample)
        await voices.require_room(identity.name, voice_id, identity.max_uploads)
        enrolment = await self._context.stages.enrol_voice(await heard(sample, self._context.settings))
        blobs = {VOICE_ENROLMENTS: enrolment}
        record = await voices.add(identity.name, voice_id, name, blobs, identity.max_uploads)
        return JSONResponse(voice_entry(record), 201, {"Location": f"/v1/voices/{record.id}"})

    async def get(self, request: Request) -> Response:
        return JSONResponse(
            await self._context.catalogue.find_voice(identity_of(request.scope).name, request.path_params["id"])
        )

    async def delete(self, request: Request) -> Response:
        voice_id = request.path_params["id"]
        builtin = voice_id in [voice["id"] for voice in await self._context.catalogue.builtin_voices()]
        refuse_builtin(voice_id, builtin, "voice")
        await self._context.catalogue.voices.remove(identity_of(request.scope).name, voice_id)
        return Response(status_code=204)
