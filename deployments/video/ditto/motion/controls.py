"""Changes to a frame's motion after it was led over to the photo: turns, expressions, muting, fading."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from deployments.contracts import Float32
from deployments.video.ditto.motion.keypoints import degrees
from deployments.video.ditto.motion.settings import ControlSettings

Parts = Mapping[str, Float32]
"""One frame's motion by part, each float32 [1, k]: scale 1, pitch, yaw and roll 66 logits or 1 of degrees, t 3, exp 63,
and kp 63."""


@dataclass(frozen=True, slots=True, eq=False)
class Controls:
    """None changes nothing. Degrees for the deltas; `delta_exp` float32 [1, 63]; see ControlSettings."""

    delta_pitch: float | None = None
    delta_yaw: float | None = None
    delta_roll: float | None = None
    alpha_pitch: float | None = None
    alpha_yaw: float | None = None
    alpha_roll: float | None = None
    delta_exp: Float32 | None = None
    vad_alpha: float | None = None
    fade_alpha: float | None = None

    @classmethod
    def of(cls, settings: ControlSettings) -> "Controls":
        """An angle that is multiplied is taken in degrees: the published way multiplies its logits unless there is a
        delta as well, which widens or narrows a distribution and turns nothing in proportion."""
        values = settings.model_dump()
        for angle in ("pitch", "yaw", "roll"):
            if values[f"alpha_{angle}"] is not None and values[f"delta_{angle}"] is None:
                values[f"delta_{angle}"] = 0.0
        if settings.delta_exp is not None:
            values["delta_exp"] = np.array(settings.delta_exp, np.float32)[None]
        return cls(**values)

    def before(self, other: "Controls") -> "Controls":
        """These where they are set, else the others."""
        mine = {item.name: getattr(self, item.name) for item in fields(self)}
        return Controls(**{key: getattr(other, key) if value is None else value for key, value in mine.items()})


@dataclass(frozen=True, slots=True)
class Fades:
    """`kind`: "d0" leads to the first frame, "s" to the photo, "" none. `keys`: the parts that fade. `fade_in`,
    `fade_out`: frames."""

    kind: str = ""
    keys: tuple[str, ...] = ("exp",)
    fade_in: int = 0
    fade_out: int = 0

    def alpha(self, frame: int, end: int | None, known_from: int) -> float | None:
        """How much of the driven motion counts, or None for all of it. In: frame / n. Out: from 1 down to 0 over the
        last n + 1 frames. `end`: frames of the stream once it has ended, else None; the frames before
        `known_from` do not wait for the end, and so do not know it."""
        if end is not None and self.fade_out > 0:
            start = max(end - 1 - self.fade_out, known_from)
            if frame >= start:
                return max(1.0 - (frame - start) / max(end - 1 - start, 1), 0.0)
        if frame < self.fade_in:
            return frame / self.fade_in
        return None


def muted(parts: Parts, source: Parts, alpha: float) -> Parts:
    """The expression led to the photo's: `alpha` of it counts."""
    share = np.float32(alpha)
    return {**parts, "exp": parts["exp"] * share + source["exp"] * (np.float32(1) - share)}


def changed(parts: Parts, controls: Controls) -> Parts:
    """Angles turned, then multiplied; the expression added to. A turned angle is in degrees afterwards."""
    found = dict(parts)
    for angle in ("pitch", "yaw", "roll"):
        delta, alpha = getattr(controls, f"delta_{angle}"), getattr(controls, f"alpha_{angle}")
        if delta is not None:
            found[angle] = degrees(found[angle]) + np.float32(delta)
        if alpha is not None:
            found[angle] = found[angle] * np.float32(alpha)
    if controls.delta_exp is not None:
        found["exp"] = found["exp"] + controls.delta_exp
    return found


def faded(parts: Parts, towards: Parts, alpha: float, keys: tuple[str, ...]) -> Parts:
    """`alpha` of the motion, the rest of `towards`, in the parts named. Angles of which one side is in degrees are
    mixed in degrees."""
    share = np.float32(alpha)
    found = dict(parts)
    for key in keys:
        own, other = parts[key], towards[key]
        if own.shape != other.shape:
            own, other = degrees(own), degrees(other)
        found[key] = own * share + other * (np.float32(1) - share)
    return found
