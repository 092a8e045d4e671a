"""POST /conversation: audio or text in, a talking video of the answer out."""

from starlette.requests import Request
from starlette.responses import Response

from deployments.contracts import Utterance
from serve_app.events import TurnRequest
from serve_app.gateway.answering import answer_turn, forms_of
from serve_app.gateway.context import DoorContext
from serve_app.gateway.errors_table import InvalidField, request_id_of
from serve_app.gateway.fields import TurnFields, messages_of, said
from serve_app.gateway.hearing import heard, read_asked
from serve_app.gateway.identity import identity_of
from serve_app.gateway.negotiation import FORM_PARAMETERS
from serve_app.gateway.requests import parse


class ConversationDoor:
    """Takes audio as the body, audio or text and the other fields as a form, or text and the others as JSON."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context

    async def converse(self, request: Request) -> Response:
        settings = self._context.settings
        self._context.places.check(identity_of(request.scope))
        forms = forms_of(request)
        upload = await read_asked(request, settings, FORM_PARAMETERS)
        fields = parse(TurnFields, upload.fields)
        if (upload.data is None) == (fields.text is None):
            raise InvalidField("Send either audio or text.", "text")
        owner = identity_of(request.scope).name
        choice = await self._context.catalogue.choose(owner, fields.avatar, fields.voice, fields.language)
        history = messages_of(fields.history, settings, "history")
        text = None if fields.text is None else said(fields.text, settings)
        utterance = None
        if upload.data is not None:
            utterance = Utterance(await heard(upload.data, settings), choice.language)
        turn = TurnRequest(
            turn_id=request_id_of(request),
            utterance=utterance,
            text=text,
            history=history,
            language=choice.language,
            voice_id=choice.voice_id,
            avatar_id=choice.avatar_id,
            seed=fields.seed,
            paced=forms.streamed if fields.paced is None else fields.paced,
        )
        return await answer_turn(request, self._context, turn, forms)
