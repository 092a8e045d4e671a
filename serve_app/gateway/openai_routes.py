"""Placeholder."""

from starlette.routing import BaseRoute

from serve_app.gateway.context import DoorContext


def openai_routes(context: DoorContext) -> list[BaseRoute]:
    return []
