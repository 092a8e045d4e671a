"""POST /transcribe: speech in, its words out."""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deployments.contracts import Utterance
from deployments.errors import BadInput, Unsupported
from serve_app.gateway.context import DoorContext
from serve_app.gateway.fields import TranscribeFields
from serve_app.gateway.hearing import heard, read_audio
from serve_app.gateway.identity import identity_of
from serve_app.gateway.rendering import server_timing
from serve_app.gateway.requests import parse
from serve_app.gateway.streaming import unless_hung_up
from serve_app.timings import Stopwatch

_CODES = """
af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha he hi hr ht hu hy id is it ja jw
ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr
su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh
"""
HEARD_LANGUAGES = frozenset(_CODES.split())
"""What Whisper understands (its model card), by ISO 639-1."""


class TranscribeDoor:
    """Takes the audio as the body, with `?language=`, or as the field `audio` of a form."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context

    async def transcribe(self, request: Request) -> Response:
        self._context.places.check(identity_of(request.scope))
        upload = await read_audio(request, self._context.settings)
        fields = parse(TranscribeFields, upload.fields)
        language = fields.language.split("-")[0].lower() if fields.language else None
        if language is not None and language not in HEARD_LANGUAGES:
            raise Unsupported(
                f"The language {fields.language!r} is not understood here. Use an ISO 639-1 code: en, es."
            )
        if upload.data is None:
            raise BadInput("There is no audio: send it as the body or as the form's file 'audio'.")
        utterance = Utterance(await heard(upload.data, self._context.settings), language)
        watch = Stopwatch()
        async with self._context.places.place(identity_of(request.scope)):
            with watch.spent("asr"):
                transcript = await unless_hung_up(request, self._context.stages.transcribe(utterance))
        if not transcript.text.strip():
            raise BadInput("No speech was heard in the audio. Speak closer to the microphone, or check the file.")
        timings = watch.values()
        body = {**asdict(transcript), "timings": timings}
        return JSONResponse(body, headers={"Server-Timing": server_timing(timings)})
