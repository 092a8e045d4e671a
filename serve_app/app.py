"""The whole graph on one screen. `serve run serve_config.yaml` calls `build_app` with the YAML's `args`."""

from ray import serve

from deployments.asr.deployment import build_asr
from deployments.llm.deployment import build_llm
from deployments.tts.deployment import build_tts
from deployments.video.deployment import build_video
from serve_app.args import AppArgs
from serve_app.coordinator.deployment import build_coordinator
from serve_app.gateway.deployment import build_gateway


def build_app(args: AppArgs) -> serve.Application:
    """Four stages and the Coordinator behind the gateway, composed by handles.

    Raises pydantic.ValidationError for unknown settings.
    """
    asr = build_asr(args.asr, args.weights)
    llm = build_llm(args.llm, args.weights)
    tts = build_tts(args.tts, args.weights, args.store)
    video = build_video(args.video, args.store, args.weights)
    coordinator = build_coordinator(args.coordinator, args.jobs)
    return build_gateway(args, asr, llm, tts, video, coordinator)
