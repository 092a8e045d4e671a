"""Kokoro's network: phoneme ids and a style in, sound at 24 kHz out, on ONNX Runtime or mostly on OpenVINO."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime

from deployments.contracts import Cancellation, Float32
from deployments.errors import Cancelled, EngineFailed
from deployments.tts.harmonics import audio, by_frames, harmonic_source
from deployments.tts.kokoro_parts import ensure_parts
from deployments.tts.settings import KokoroSettings
from deployments.tts.voices import COLOUR

MOST_IDS = 509
"""Longest text in phonemes: the model has 512 positions, and a voice has a style for each length below 510."""

# The published graph leaves the window's overlap in its inverse transform: 1.5 times the level it was trained for.
_PUBLISHED_GAIN = np.float32(1 / 1.5)


class Network(Protocol):
    """One clause at a time; not for several threads at once."""

    def prepare(self, frames: int) -> None:
        """Do what is needed once for sounds of this many frames of 25 ms."""
        ...

    def render(
        self,
        ids: Sequence[int],
        style: Float32,
        speed: float,
        cancellation: Cancellation,
        melody: Callable[[Float32], Float32] | None = None,
    ) -> Float32:
        """Sound, float32 [n] at 24 kHz, with silence around it. `style`: [256]. Raises Cancelled.

        `melody` may change the pitch, Hz by half frame (12.5 ms), 0 where there is none.
        """
        ...


def build_network(settings: KokoroSettings, weights: Path) -> Network:
    """The network of the weight set in the folder `weights`, loaded; nothing has been computed yet."""
    published = next(iter(sorted(weights.glob("*.onnx"))), None)
    if published is None:
        raise EngineFailed(f"{weights} holds no ONNX graph. Fetch it again: avatar models pull {settings.weights}")
    if settings.runtime == "onnxruntime":
        return PublishedNetwork(settings, published)
    return PartsNetwork(settings, ensure_parts(published, settings.derived_dir))


class Session:
    """A graph on ONNX Runtime whose runs can be interrupted."""

    def __init__(self, path: Path, settings: KokoroSettings) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(settings.spinning)))
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, inputs: dict[str, np.ndarray], cancellation: Cancellation) -> list[np.ndarray]:
        """All outputs. Raises Cancelled soon after a cancel, EngineFailed for anything else that goes wrong."""
        options = onnxruntime.RunOptions()

        def interrupt() -> None:
            options.terminate = True

        cancellation.on_cancel(interrupt)
        stop_if(cancellation)
        try:
            outputs: list[np.ndarray] = self._session.run(None, inputs, options)
        except Exception as error:
            stop_if(cancellation)
            raise EngineFailed(f"The voice model failed: {error}") from error
        return outputs


class PublishedNetwork:
    """The graph as published, in one piece."""

    def __init__(self, settings: KokoroSettings, published: Path) -> None:
        self._session = Session(published, settings)

    def prepare(self, frames: int) -> None:
        """Nothing: ONNX Runtime needs no preparation."""

    def render(
        self,
        ids: Sequence[int],
        style: Float32,
        speed: float,
        cancellation: Cancellation,
        melody: Callable[[Float32], Float32] | None = None,
    ) -> Float32:
        """As the protocol says, but `melody` has no effect: the pitch stays inside the graph."""
        (sound,) = self._session.run(_text_inputs(ids, style, speed), cancellation)
        return np.asarray(sound, np.float32).reshape(-1) * _PUBLISHED_GAIN


class PartsNetwork:
    """The graph in parts (kokoro_graph.py): text and prosody on ONNX Runtime, the decoder on OpenVINO.

    A run on OpenVINO is not interrupted: one that was leaves a graph of variable shape in a state that spoils the
    next (seen in 2026.4). A cancel waits for it, about a tenth of the length of the sound.
    """

    def __init__(self, settings: KokoroSettings, folder: Path) -> None:
        try:
            from deployments.tts.kokoro_decoder import Decoder
        except ImportError as error:
            raise EngineFailed(
                f"OpenVINO cannot be loaded ({error}). Install it (pip install openvino), or set tts.kokoro.runtime "
                "to onnxruntime."
            ) from error
        self._settings = settings
        self._text = Session(folder / "text.onnx", settings)
        self._prosody = Session(folder / "prosody.onnx", settings)
        self._decoder = Decoder(folder, settings)

    def prepare(self, frames: int) -> None:
        """Compile what the decoder needs for sounds of this many frames, by decoding nothing in particular."""
        flat = np.zeros((1, 2 * frames), np.float32)
        letters = np.zeros((1, 512, frames), np.float32)
        self._decode(letters, flat, flat, np.zeros((1, 256), np.float32), Cancellation())

    def render(
        self,
        ids: Sequence[int],
        style: Float32,
        speed: float,
        cancellation: Cancellation,
        melody: Callable[[Float32], Float32] | None = None,
    ) -> Float32:
        inputs = _text_inputs(ids, style, speed)
        durations, encoding, letters = self._text.run(inputs, cancellation)
        lengths = durations.reshape(-1).astype(np.int64)
        aligned = {"encoding_frames": by_frames(encoding.transpose(0, 2, 1), lengths), "style": inputs["style"]}
        pitch, energy = self._prosody.run(aligned, cancellation)
        if melody is not None:
            pitch = melody(pitch)
        frames, ahead = int(lengths.sum()), int(lengths[0])
        # The silence ahead shapes the melody, but need not all be decoded. Its rest brings the length to the grid:
        # at the end the model would fill more frames with a sound of its own.
        grid, kept = self._settings.grid_frames, min(ahead, self._settings.lead_frames)
        shift = -(-(frames - ahead + kept) // grid) * grid - frames
        letter_frames = _shifted(by_frames(letters, lengths), shift)
        pitch, energy = _shifted(pitch, 2 * shift), _shifted(energy, 2 * shift)
        return self._decode(letter_frames, pitch, energy, inputs["style"], cancellation)

    def _decode(
        self, letters: Float32, pitch: Float32, energy: Float32, style: Float32, cancellation: Cancellation
    ) -> Float32:
        source = harmonic_source(pitch)
        stop_if(cancellation)
        spectrum = self._decoder(
            {
                "letter_frames": letters,
                "pitch": pitch,
                "energy": energy,
                "source": source,
                "timbre": style[:, :COLOUR],
            }
        )
        stop_if(cancellation)
        return audio(spectrum)


def _shifted(values: Float32, count: int) -> Float32:
    """`values` [.., n] with `count` more at the start, all as the first; or with so many fewer if it is negative."""
    if count <= 0:
        return values[..., -count:]
    return np.concatenate([np.repeat(values[..., :1], count, axis=-1), values], axis=-1)


def stop_if(cancellation: Cancellation) -> None:
    """Raises Cancelled once the work has been withdrawn."""
    if cancellation.cancelled:
        raise Cancelled("The speech was withdrawn.")


def _text_inputs(ids: Sequence[int], style: Float32, speed: float) -> dict[str, np.ndarray]:
    return {
        "tokens": np.array([[0, *ids, 0]], np.int64),
        "style": np.ascontiguousarray(style.reshape(1, 256), np.float32),
        "speed": np.array([speed], np.float32),
    }
