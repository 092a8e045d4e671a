"""What the face is told to do for one frame: the interface between movement and rendering."""

from dataclasses import dataclass

import numpy as np

from deployments.contracts import Float32

MOUTH_CHANNELS = ("open", "wide", "pucker", "up", "low", "press", "tuck", "tongue")
"""Order of the mouth channels. open: inner lip aperture over mouth width (0.33 is a wide "ah"); wide: relative
widening, may be negative; the others 0..1: pucker (rounding), up (upper lip raised), low (lower lip lowered),
press (lips pressed: m, b, p), tuck (lower lip under the teeth: f, v), tongue (raised)."""


@dataclass(frozen=True, slots=True)
class Pose:
    """One frame's face.

    `mouth`: float32 [8], MOUTH_CHANNELS. Angles in radians, positive yaw to the picture's right, positive pitch up,
    positive roll clockwise. `shift_x`, `shift_y`: head translation as fractions of the face width. `zoom`: relative
    size change. `breath`: -1..1. `blink`: 0 open, 1 shut. `brow`: 0..1 raised. `gaze_x`, `gaze_y`: -1..1, iris
    offset as a fraction of what the eye opening allows. `speaking`: 0..1, how far the face has left its resting
    expression (a smiling photo's mouth closes as it rises).
    """

    mouth: Float32
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    zoom: float = 0.0
    breath: float = 0.0
    blink: float = 0.0
    brow: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    speaking: float = 0.0


REST = Pose(mouth=np.zeros(len(MOUTH_CHANNELS), np.float32))
"""The photo as it is."""
