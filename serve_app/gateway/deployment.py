"""The doors as a Serve deployment: the ingress, which holds the handles of the stages and nothing heavy."""

import os
from typing import Any

from pydantic import SecretStr
from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.applications import Starlette

from deployments.store.store import Store
from serve_app.args import AppArgs
from serve_app.coordinator.remote import remote_coordination
from serve_app.gateway.asgi import create_app
from serve_app.gateway.metrics import ServeMeter
from serve_app.gateway.settings import GatewaySettings
from serve_app.gateway.sockets import Sockets
from serve_app.serve_stages import ServeStages


@serve.deployment(name="Gateway", max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.1})
@serve.ingress()
class Gateway:
    """Serve calls `__serve_build_asgi_app__` once the constructor is done."""

    def __init__(
        self,
        args: AppArgs,
        asr: DeploymentHandle[Any],
        llm: DeploymentHandle[Any],
        tts: DeploymentHandle[Any],
        video: DeploymentHandle[Any],
        coordinator: DeploymentHandle[Any],
    ) -> None:
        self._args = args
        self._settings = with_environment_key(args.doors())
        self._store = Store(args.store.url)
        self._stages = ServeStages(asr, llm, tts, video, args.limits)
        self._coordination = remote_coordination(coordinator, args.coordinator)
        self._draining = False
        self._sockets: Sockets | None = None

    def __serve_build_asgi_app__(self) -> Starlette:
        app = create_app(
            self._stages,
            self._store,
            self._settings,
            self._args.conversation,
            meter=ServeMeter(),
            echo_request_id=False,  # Serve's proxy adds X-Request-ID to each answer by itself
            coordination=self._coordination,
            coordinator=self._args.coordinator,
            realtime=self._args.realtime,
            jobs=self._args.jobs,
            replica_id=serve.get_replica_context().replica_id.unique_id,
        )
        self._sockets = app.state.sockets
        self._drain()
        return app

    def reconfigure(self, config: dict[str, bool]) -> None:
        """`user_config: {draining: true}` before a new version is rolled out: sockets are let go of as they fall
        silent, with 1012, and resume elsewhere. Serve gives a replica that it replaces no sign of its own."""
        self._draining = bool(config.get("draining", False))
        self._drain()

    def _drain(self) -> None:
        if self._sockets is not None:
            self._sockets.drain(self._draining)


def with_environment_key(settings: GatewaySettings) -> GatewaySettings:
    """The key of AVATAR_API_KEY where the settings name none: a key does not belong into a YAML file."""
    key = os.environ.get("AVATAR_API_KEY")
    if settings.api_key is not None or not key:
        return settings
    return settings.model_copy(update={"api_key": SecretStr(key)})


def build_gateway(
    args: AppArgs,
    asr: serve.Application,
    llm: serve.Application,
    tts: serve.Application,
    video: serve.Application,
    coordinator: serve.Application,
) -> serve.Application:
    """The ingress over the four stages and the Coordinator. How it is scaled stands in the YAML."""
    application: serve.Application = Gateway.bind(  # type: ignore[attr-defined]
        args, asr, llm, tts, video, coordinator
    )
    return application
