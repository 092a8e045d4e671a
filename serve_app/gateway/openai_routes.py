"""The doors that programs made for OpenAI's HTTP API come in by."""

from starlette.routing import BaseRoute, Route

from serve_app.gateway.context import DoorContext
from serve_app.gateway.errors_table import Endpoint, guarded
from serve_app.gateway.openai_chat import ChatCompletionsDoor
from serve_app.gateway.openai_models import ModelsDoor
from serve_app.gateway.openai_speech import SpeechDoor
from serve_app.gateway.openai_transcriptions import TranscriptionsDoor


def openai_routes(context: DoorContext) -> list[BaseRoute]:
    models = ModelsDoor(context)

    def door(path: str, method: str, endpoint: Endpoint) -> Route:
        return Route(path, guarded(endpoint, context.meter), methods=[method])

    return [
        door("/v1/models", "GET", models.list),
        door("/v1/models/{id:path}", "GET", models.get),
        door("/v1/chat/completions", "POST", ChatCompletionsDoor(context).complete),
        door("/v1/audio/transcriptions", "POST", TranscriptionsDoor(context).transcribe),
        door("/v1/audio/speech", "POST", SpeechDoor(context).speak),
    ]
