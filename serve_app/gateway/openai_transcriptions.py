"""POST /v1/audio/transcriptions: speech in, its words out, in OpenAI's forms."""

from collections.abc import AsyncGenerator
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from deployments.contracts import Transcript, Utterance
from deployments.errors import Unsupported
from serve_app.gateway.context import DoorContext
from serve_app.gateway.errors_table import InvalidField, request_id_of
from serve_app.gateway.fields import Language
from serve_app.gateway.hearing import heard
from serve_app.gateway.identity import identity_of
from serve_app.gateway.language_names import LANGUAGE_NAMES
from serve_app.gateway.openai_events import data_event, with_errors
from serve_app.gateway.openai_fields import ANY, ModelName, NotOffered, without_harmless
from serve_app.gateway.openai_segments import Segment, raw_segments_of, segments_of, subrip, web_vtt
from serve_app.gateway.requests import content_type_of, parse, read_upload, required_file
from serve_app.gateway.streaming import StreamedAnswer, unless_hung_up

_GRANULARITIES = "timestamp_granularities[]"
_LISTS = frozenset({_GRANULARITIES, "timestamp_granularities", "include[]", "include"})
_HARMLESS: dict[str, tuple[object, ...]] = {
    "prompt": ("",),
    "temperature": ("0", "0.0"),
    "chunking_strategy": ("auto",),
    "include[]": ([],),
    "include": ([],),
    "keywords": (),
    "languages": (),
    "known_speaker_names": (),
    "known_speaker_references": (),
    "user": (ANY,),
}
"""By field of the form, all of which are texts, what has no effect here: hearing is greedy, and takes no hints."""

Granularity = Literal["word", "segment"]
Granularities = Annotated[
    tuple[Granularity, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]


class TranscriptionFields(BaseModel):
    """The fields of the form beside the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName
    language: Language | None = None
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    stream: bool = False
    timestamp_granularities: Granularities = ()


class TranscriptionsDoor:
    """A form with the file `file`, as OpenAI takes it. Silence is an empty text and no error, as there."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context

    async def transcribe(self, request: Request) -> Response:
        settings = self._context.settings
        self._context.places.check(identity_of(request.scope))
        if content_type_of(request) != "multipart/form-data":
            raise Unsupported("Send a multipart form with the file 'file' and the field 'model'.")
        limits = settings.media.max_audio_bytes, settings.max_json_bytes, settings.body_timeout_seconds
        form = await read_upload(request, "file", *limits, lists=_LISTS)
        fields = _checked(form.fields)
        language = fields.language.split("-")[0].lower() if fields.language else None
        if language is not None and language not in LANGUAGE_NAMES:
            raise InvalidField(f"language: {fields.language!r} is no ISO 639-1 code, such as en or es.", "language")
        utterance = Utterance(await heard(required_file(form, "file"), settings), language)
        if fields.stream:
            events = with_errors(self._events(request, utterance), request_id_of(request))
            return await StreamedAnswer.start(request, events, "text/event-stream")
        return self._answer(await self._heard(request, utterance), fields)

    async def _heard(self, request: Request, utterance: Utterance) -> Transcript:
        async with self._context.places.place(identity_of(request.scope)):
            return await unless_hung_up(request, self._context.stages.transcribe(utterance))

    async def _events(self, request: Request, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """A delta a segment, once all was heard; then the whole."""
        async with self._context.places.place(identity_of(request.scope)):
            transcript = await self._context.stages.transcribe(utterance)
        for segment in raw_segments_of(transcript):
            yield data_event({"type": "transcript.text.delta", "delta": segment.text})
        yield data_event({"type": "transcript.text.done", "text": transcript.text.strip()})

    def _answer(self, transcript: Transcript, fields: TranscriptionFields) -> Response:
        text = transcript.text.strip()
        usage = {"type": "duration", "seconds": round(transcript.seconds, 3)}
        match fields.response_format:
            case "text":
                return PlainTextResponse(f"{text}\n")
            case "srt":
                return PlainTextResponse(subrip(segments_of(transcript)), media_type="application/x-subrip")
            case "vtt":
                return PlainTextResponse(web_vtt(segments_of(transcript)), media_type="text/vtt")
            case "verbose_json":
                return JSONResponse(_verbose(transcript, fields.timestamp_granularities) | {"usage": usage})
        return JSONResponse({"text": text, "usage": usage})


def _checked(form: dict[str, object]) -> TranscriptionFields:
    """Raises NotOffered and InvalidField."""
    if form.get("response_format") == "diarized_json":
        raise NotOffered("response_format: who speaks is not told here.", "response_format")
    given = without_harmless(form, _HARMLESS)
    if _GRANULARITIES in given:
        given["timestamp_granularities"] = given.pop(_GRANULARITIES)
    fields = parse(TranscriptionFields, given)
    if fields.stream and fields.response_format not in ("json", "text"):
        raise NotOffered("stream: only with response_format json or text.", "stream")
    if fields.timestamp_granularities and fields.response_format != "verbose_json":
        name = "timestamp_granularities"
        raise InvalidField(f"{name}: only with response_format=verbose_json.", name)
    return fields


def _verbose(transcript: Transcript, granularities: tuple[Granularity, ...]) -> dict[str, object]:
    """What is not known of a segment is null: OpenAI's fields stand there with or without a value."""
    body: dict[str, object] = {
        "task": "transcribe",
        "language": LANGUAGE_NAMES.get(transcript.language, transcript.language),
        "duration": round(transcript.seconds, 3),
        "text": transcript.text.strip(),
    }
    if "segment" in granularities or not granularities:
        body["segments"] = [_segment(number, one) for number, one in enumerate(segments_of(transcript))]
    if "word" in granularities:
        body["words"] = [
            {"word": word.text.strip(), "start": round(word.start_seconds, 3), "end": round(word.end_seconds, 3)}
            for word in transcript.words
        ]
    return body


def _segment(number: int, segment: Segment) -> dict[str, object]:
    unknown = dict.fromkeys(("seek", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"))
    times = {"start": round(segment.start_seconds, 3), "end": round(segment.end_seconds, 3)}
    return {"id": number, **times, "text": segment.text, **unknown}
