"""The animators by name. What runs is chosen by the settings, as data."""

from collections.abc import Callable

from deployments.contracts import Animator
from deployments.video.settings import VideoSettings
from deployments.weights.settings import WeightsSettings

Load = Callable[[str], bytes]


def _portrait(settings: VideoSettings, load: Load, weights: WeightsSettings) -> Animator:
    """Its models come with the product."""
    from deployments.video.portrait.animator import PortraitAnimator

    return PortraitAnimator(settings.portrait, load)


def _ditto(settings: VideoSettings, load: Load, weights: WeightsSettings) -> Animator:
    from deployments.video.ditto.animator import DittoAnimator
    from deployments.video.ditto.loading import build_parts

    parts = build_parts(settings.ditto, weights)
    return DittoAnimator(settings.ditto, parts, load, most_streams=settings.max_batch_steps)


ENGINES: dict[str, Callable[[VideoSettings, Load, WeightsSettings], Animator]] = {
    "portrait": _portrait,
    "ditto": _ditto,
}


def build_engine(settings: VideoSettings, load: Load, weights: WeightsSettings) -> Animator:
    """The engine that the settings name. `load` gives the enrolment blob of an avatar id, or raises NotFound.

    Raises WeightsMissing where the engine's weights are not there.
    """
    return ENGINES[settings.engine](settings, load, weights)
