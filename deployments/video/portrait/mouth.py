"""From speech to the shape of the mouth: a small convolutional network over 0.9 s of spectra.

A pure function of a window of samples. It knows nothing of streams: the engine cuts the windows, always on the same
grid of frames, which is what makes a stream's frames independent of how its audio arrived.

The network gives a row of channels every 20 ms, looking 100 ms ahead; it was trained on smooth targets, so nothing
smooths its output again: a filter would add delay and blunt the closures. Two rows make a frame.
"""

from pathlib import Path

import numpy as np
import onnxruntime

from deployments.contracts import SAMPLES_PER_FRAME, Float32
from deployments.errors import BadInput, EngineFailed
from deployments.video.portrait.features import BINS, HOP_SAMPLES, SPAN_SAMPLES, power_spectra
from deployments.video.portrait.pose import MOUTH_CHANNELS

MODEL = Path(__file__).resolve().parent.parent / "models" / "mouth.onnx"
GROUP_FRAMES = 5
"""Frames computed at once. Always that many: a graph run's last bit may depend on its shape."""

_OPEN, _PRESS = MOUTH_CHANNELS.index("open"), MOUTH_CHANNELS.index("press")
_LOWEST = np.array([-1.0 if name == "wide" else 0.0 for name in MOUTH_CHANNELS], np.float32)
_SPECTRA_PER_FRAME = SAMPLES_PER_FRAME // HOP_SAMPLES
_SPECTRA_BEHIND, _SPECTRA_AHEAD = 78, 10
"""10 ms spectra that the network hears before and after a group of frames."""
_NEAR = 8
"""Spectra to either side of a frame that tell silence: 80 ms."""
_SPEECH_SHARE = 0.4
"""Of those spectra audible from which the mouth is all the network's: closures are speech too, and its end is eased."""
_LOWEST_HEARD_BIN = 2
"""62 Hz: an offset or hum below is no speech."""

SILENT_DBFS, AUDIBLE_DBFS = -72.0, -60.0
"""Loudness of a spectrum that does not count as audible, and of one that does."""
_FULL_SCALE_POWER = float(np.square(np.hanning(SPAN_SAMPLES)).sum()) * BINS
"""About the sum over one spectrum of noise at 0 dBFS (Parseval's theorem)."""
UNPRESSED, PRESSED = 0.1, 0.9
"""The network's press is a likelihood; a doubtful one is told to the face as less than it is, a likely one as more."""
CLOSING, CLOSED = 0.35, 0.65
"""Press from which an opening is taken back, and at which the mouth is shut."""
SHUT = 0.02
"""Openings below fade to none, so that what is left of noise parts no lips. Small ones that do are the renderer's."""


def _ramp(values: Float32, low: float, high: float) -> Float32:
    """0 below `low`, 1 above `high`, smooth between (3 x² - 2 x³)."""
    part = np.clip((values - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    result: Float32 = part * part * (3.0 - 2.0 * part)
    return result


def _shaped(rows: Float32, speech: Float32) -> Float32:
    """Rows [n, 2, 8] of the network and each frame's share of speech [n] to what the face is told: float32 [n, 8].

    A press shuts the mouth: lips that touch do not part, whatever the network would do with each channel. A closure may
    be shorter than a frame, so the row that has more of it counts more.
    """
    shapes: Float32 = rows.mean(axis=1)
    press = 0.5 * (shapes[:, _PRESS] + rows[:, :, _PRESS].max(axis=1))
    shapes[:, _PRESS] = _ramp(press, UNPRESSED, PRESSED)
    shapes *= speech[:, None]
    np.clip(shapes, _LOWEST, 1.0, out=shapes)
    opening = shapes[:, _OPEN]
    opening *= _ramp(opening, 0.0, SHUT) * (1.0 - _ramp(shapes[:, _PRESS], CLOSING, CLOSED))
    return shapes


class MouthNet:
    """Mouth channels for video frames. Not thread-safe: one instance a thread."""

    HISTORY_SAMPLES = _SPECTRA_BEHIND * HOP_SAMPLES + SPAN_SAMPLES - HOP_SAMPLES
    """16 kHz samples before the first frame's start that a window begins with (zeros at the start of a stream)."""
    LOOKAHEAD_SAMPLES = _SPECTRA_AHEAD * HOP_SAMPLES
    """16 kHz samples after the last frame's end that a window ends with: 100 ms."""

    def __init__(self, threads: int = 1, model: Path = MODEL) -> None:
        """Loads the network. Raises EngineFailed when the file cannot be read as one."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime declares no base class for its errors
            raise EngineFailed(f"The mouth network {model} cannot be loaded: {error}") from error

    def channels(self, window: Float32) -> Float32:
        """Channels for n frames, float32 [n, 8] in the order of MOUTH_CHANNELS.

        `window`: float32 [HISTORY_SAMPLES + 640 n + LOOKAHEAD_SAMPLES] in [-1, 1] at 16 kHz, n ≥ 1. Digital silence
        gives zeros exactly. Frames come in groups of five counted from the window's start; the same group at the
        start of its own window has the same bits. Raises BadInput for any other shape or type, or samples that are
        not finite.
        """
        spare = len(window) - self.HISTORY_SAMPLES - self.LOOKAHEAD_SAMPLES if window.ndim == 1 else 0
        frames, rest = divmod(spare, SAMPLES_PER_FRAME)
        if rest or frames < 1 or window.dtype != np.float32:
            raise BadInput("The mouth network needs float32 mono samples: its history, whole frames, its look-ahead.")
        if not np.isfinite(window).all():
            raise BadInput("The speech has samples that are not numbers: send finite samples.")
        groups = -(-frames // GROUP_FRAMES)
        padded = np.pad(window, (0, (groups * GROUP_FRAMES - frames) * SAMPLES_PER_FRAME))
        step, length = GROUP_FRAMES * SAMPLES_PER_FRAME, self.HISTORY_SAMPLES + self.LOOKAHEAD_SAMPLES
        pieces = [self._group(padded[start : start + step + length]) for start in range(0, groups * step, step)]
        result: Float32 = np.concatenate(pieces)[:frames]
        return result

    def _group(self, window: Float32) -> Float32:
        """Channels of GROUP_FRAMES frames: float32 [GROUP_FRAMES, 8]."""
        power = power_spectra(window)
        rows = self._session.run(None, {"power": power})[0]
        loudness = power[_SPECTRA_BEHIND - _NEAR :, _LOWEST_HEARD_BIN:].sum(axis=1) / np.float32(_FULL_SCALE_POWER)
        audible = _ramp(10.0 * np.log10(loudness + np.float32(1e-20)), SILENT_DBFS, AUDIBLE_DBFS)
        near = np.lib.stride_tricks.sliding_window_view(audible, 2 * _NEAR + _SPECTRA_PER_FRAME)
        share = near[: GROUP_FRAMES * _SPECTRA_PER_FRAME : _SPECTRA_PER_FRAME].mean(axis=1)
        speech = _ramp(share, 0.0, _SPEECH_SHARE)
        return _shaped(rows.reshape(GROUP_FRAMES, -1, len(MOUTH_CHANNELS)), speech)
