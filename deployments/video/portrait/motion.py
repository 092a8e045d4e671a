"""All that the face does besides speaking: what the audio does not say outright, and what life does in silence.

A frame's movement follows from (seed, frame index) and from a small recurrent state that the audio drives. It begins
at rest and, when the end is known, eases back to rest, so that any clip can follow any other.
"""

from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from deployments.contracts import Float32
from deployments.video.portrait.glance import Blink, Gaze
from deployments.video.portrait.head import Head, wander
from deployments.video.portrait.lips import shaped
from deployments.video.portrait.pose import Pose

_FADE_IN_FRAMES = 15
_GATE_FALL = 1 / 6
"""Of the mouth's gate in a frame: it stays ajar for 240 ms after the last loud frame."""
_SMILE_AFTER_FRAMES = 18
"""Of silence before the face goes back to the photo's expression: lips stay shut in the pauses within speech."""
_GATE_FROM, _GATE_SPAN = 0.3, 0.2


class MotionSettings(BaseModel):
    """How lively the face is. 1 is a calm speaker looking at the camera; 0 switches a movement off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    head: float = Field(1.0, ge=0, le=2, description="Scale of the head's leaning and nodding.")
    gaze: float = Field(1.0, ge=0, le=1.5, description="Scale of glances away from the camera.")
    brow: float = Field(1.0, ge=0, le=1.5, description="Scale of the brows' rise on stressed syllables.")
    breath: float = Field(1.0, ge=0, le=2, description="Scale of the shoulders' breathing.")
    mouth: float = Field(1.0, ge=0.3, le=1.5, description="Scale of how far the mouth opens.")
    blink_gap: float = Field(1.0, ge=0.3, le=10, description="Scale of the time between blinks, 2.4 to 5.5 s at 1.")


@dataclass(frozen=True, slots=True)
class Sound:
    """One frame's sound. `level`: 0..1.15. `coming`: the highest level from now to the end of the look-ahead.
    `mouth`: float32 [8], what the network heard, MOUTH_CHANNELS."""

    level: float
    coming: float
    mouth: Float32


@dataclass(slots=True)
class Motion:
    """The recurrent state, floats only, so that it packs. Advanced once a frame, in order."""

    head: Head = field(default_factory=Head)
    blink: Blink = field(default_factory=Blink)
    gaze: Gaze = field(default_factory=Gaze)
    gate: float = 0.0
    activity: float = 0.0
    speaking: float = 0.0
    slow_level: float = 0.0
    brow: float = 0.0
    spoken_frames: float = 0.0
    quiet_frames: float = 0.0

    def advance(self, settings: MotionSettings, seed: int, frame: int, sound: Sound, rest: float) -> Pose:
        """The pose of `frame`. `rest`: 0 in mid-stream, rising to 1 at the last frame of a stream that ends."""
        phrase_ended = self._listen(sound)
        self.head.advance(seed, frame, sound.level, self.activity * self.gate, phrase_ended)
        lid = self.blink.advance(seed, frame, phrase_ended, settings.blink_gap)
        across, up = self.gaze.advance(seed, frame, self.activity)
        stress = max(0.0, sound.level - self.slow_level - 0.12) * 1.65
        self.slow_level += (sound.level - self.slow_level) * 0.03
        self.brow += (stress - self.brow) * 0.12
        out = smooth(1.0 - rest)
        still = smooth(frame / _FADE_IN_FRAMES) * out
        body = still * settings.head
        yaw = self.head.yaw + 0.006 * wander(seed, frame, 0, 0.085)
        pitch = self.head.pitch + self.head.nod_pitch + 0.005 * wander(seed, frame, 1, 0.113)
        roll = self.head.roll + 0.004 * wander(seed, frame, 2, 0.069)
        mouth = shaped(sound.mouth, sound.level, self.gate * out)
        mouth[0] *= settings.mouth
        return Pose(
            mouth=mouth,
            yaw=body * yaw,
            pitch=body * pitch,
            roll=body * roll,
            shift_x=body * (0.10 * yaw + 0.003 * wander(seed, frame, 3, 0.059)),
            shift_y=body * (0.10 * self.head.nod + 0.003 * wander(seed, frame, 4, 0.097)),
            zoom=body * (0.004 * self.activity + 0.003 * wander(seed, frame, 5, 0.046)),
            breath=still * settings.breath * wander(seed, frame, 6, 0.24),
            blink=lid * out,
            brow=still * settings.brow * min(self.brow, 1.0),
            # the eyes stay on what they look at while the head turns under them
            gaze_x=still * settings.gaze * (across - 1.5 * yaw),
            gaze_y=still * settings.gaze * (up - 1.5 * pitch),
            speaking=self.speaking * out,
        )

    def _listen(self, sound: Sound) -> bool:
        """Updates what is known of the speech. True in the frame in which a phrase of half a second or more ends."""
        gate = min(max((max(sound.level, sound.coming) - _GATE_FROM) / _GATE_SPAN, 0.0), 1.0)
        was_open = self.gate > 0.5
        self.gate = max(gate, self.gate - _GATE_FALL)
        self.quiet_frames = self.quiet_frames + 1 if self.gate <= 0 else 0.0
        if self.gate > self.speaking:
            self.speaking += (self.gate - self.speaking) * 0.35
        elif self.quiet_frames > _SMILE_AFTER_FRAMES:
            self.speaking -= self.speaking * 0.10
        self.activity += (self.gate - self.activity) * (0.10 if self.gate > self.activity else 0.04)
        self.spoken_frames = self.spoken_frames + 1 if self.gate > 0.5 else self.spoken_frames
        ended = was_open and self.gate <= 0.5 and self.spoken_frames > 12
        if self.gate <= 0.5:
            self.spoken_frames = 0
        return ended


def smooth(part: float) -> float:
    """0 up to 0, 1 from 1, and a smooth step between (3t² - 2t³)."""
    part = min(max(part, 0.0), 1.0)
    return part * part * (3 - 2 * part)
