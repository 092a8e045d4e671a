"""The animators by name. What runs is chosen by the settings, as data."""

from collections.abc import Callable

from deployments.contracts import Animator
from deployments.video.settings import VideoSettings


def _portrait(settings: VideoSettings, load: Callable[[str], bytes]) -> Animator:
    from deployments.video.portrait.animator import PortraitAnimator

    return PortraitAnimator(settings.portrait, load)


ENGINES: dict[str, Callable[[VideoSettings, Callable[[str], bytes]], Animator]] = {"portrait": _portrait}


def build_engine(settings: VideoSettings, load: Callable[[str], bytes]) -> Animator:
    """The engine that the settings name. `load` gives the enrolment blob of an avatar id, or raises NotFound."""
    return ENGINES[settings.engine](settings, load)
