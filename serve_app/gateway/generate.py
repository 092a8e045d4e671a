"""POST /generate: a text in, a talking video that says it out."""

from starlette.requests import Request
from starlette.responses import Response

from serve_app.events import TurnRequest
from serve_app.gateway.answering import answer_turn, forms_of
from serve_app.gateway.context import DoorContext
from serve_app.gateway.errors_table import request_id_of
from serve_app.gateway.fields import GenerateFields, said
from serve_app.gateway.identity import identity_of
from serve_app.gateway.negotiation import FORM_PARAMETERS
from serve_app.gateway.requests import parse, query_fields, read_json, refuse_fields


class GenerateDoor:
    """Takes JSON: text, and language, voice, avatar, seed, paced as one likes."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context

    async def generate(self, request: Request) -> Response:
        settings = self._context.settings
        self._context.places.check(identity_of(request.scope))
        forms = forms_of(request)
        refuse_fields(query_fields(request, FORM_PARAMETERS))
        body = await read_json(request, settings.max_json_bytes, settings.body_timeout_seconds)
        fields = parse(GenerateFields, body)
        script = said(fields.text, settings)
        owner = identity_of(request.scope).name
        choice = await self._context.catalogue.choose(owner, fields.avatar, fields.voice, fields.language)
        turn = TurnRequest(
            turn_id=request_id_of(request),
            script=script,
            language=choice.language,
            voice_id=choice.voice_id,
            avatar_id=choice.avatar_id,
            seed=fields.seed,
            paced=forms.streamed if fields.paced is None else fields.paced,
        )
        return await answer_turn(request, self._context, turn, forms)
