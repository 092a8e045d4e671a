"""The judge of voice matches: the GE2E encoder of Resemblyzer (Apache-2.0), which takes no part in making them.

Its weights are a pickle of PyTorch's old format. It is read here with an allow-list of three names, without torch.
"""

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from deployments.contracts import HEARING_RATE_HZ, Float32
from deployments.tts.mel import filters, power_spectra
from deployments.tts.speaker_encoder import audible

_LAYERS, _WIDTH, _BANDS = 3, 256, 40
_SIZE, _HOP, _FRAMES, _STEP = 400, 160, 160, 80
_LEVEL = 10 ** (-30 / 20)


class _Tensor:
    """Where a tensor lies in its storage, until the storages have been read."""

    def __init__(self, key: str, offset: int, shape: tuple[int, ...]) -> None:
        self.key, self.offset, self.shape = key, offset, shape


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda key, offset, shape, *_: _Tensor(key, offset, tuple(shape))
        if (module, name) == ("torch", "FloatStorage"):
            return "float"
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a file of weights")

    def persistent_load(self, pid: Any) -> str:
        kind, storage, key, *_ = pid
        if kind != "storage" or storage != "float":
            raise pickle.UnpicklingError(f"{kind} {storage} is not allowed in a file of weights")
        return str(key)


def load_weights(path: Path) -> dict[str, Float32]:
    """The tensors of `model_state` by name. Raises pickle.UnpicklingError for anything but tensors."""
    stream = io.BytesIO(path.read_bytes())
    for _ in range(3):  # magic number, protocol, sizes of types
        _Restricted(stream).load()
    content = _Restricted(stream).load()
    keys = _Restricted(stream).load()
    storages: dict[str, Float32] = {}
    for key in keys:
        count = int(np.frombuffer(stream.read(8), "<i8")[0])
        storages[str(key)] = np.frombuffer(stream.read(4 * count), "<f4")
    state = content["model_state"]
    found: dict[str, Float32] = {}
    for name, tensor in state.items():
        count = int(np.prod(tensor.shape))
        flat = storages[tensor.key][tensor.offset : tensor.offset + count]
        found[name] = np.asarray(flat, np.float32).reshape(tensor.shape)
    return found


class SpeakerJudge:
    """Three LSTM layers and a linear one, in numpy."""

    def __init__(self, folder: Path) -> None:
        self._weights = load_weights(folder / "pretrained.pt")
        self._filters = filters(_BANDS, _SIZE, HEARING_RATE_HZ)
        self._window = np.hanning(_SIZE + 1)[:-1]

    def embed(self, speech: Float32) -> Float32:
        """A unit vector, float32 [256], of 16 kHz speech."""
        sound = audible(speech)
        sound = sound * max(1.0, _LEVEL / float(np.sqrt(np.mean(sound**2)) + 1e-9))
        padded = np.pad(np.asarray(sound, np.float32), _SIZE // 2)
        mel = power_spectra(padded, self._window, _SIZE, _HOP) @ self._filters.T
        if len(mel) < _FRAMES:
            mel = np.pad(mel, ((0, _FRAMES - len(mel)), (0, 0)))
        windows = np.stack([mel[at : at + _FRAMES] for at in range(0, len(mel) - _FRAMES + 1, _STEP)])
        vectors = self._forward(windows.astype(np.float32))
        mean = (vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)).mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def _forward(self, values: Float32) -> Float32:
        for layer in range(_LAYERS):
            inner, outer = self._weights[f"lstm.weight_hh_l{layer}"].T, self._weights[f"lstm.weight_ih_l{layer}"].T
            bias = self._weights[f"lstm.bias_ih_l{layer}"] + self._weights[f"lstm.bias_hh_l{layer}"]
            driven = values @ outer + bias
            hidden = np.zeros((len(values), _WIDTH), np.float32)
            cell = np.zeros_like(hidden)
            outputs = np.empty((*values.shape[:2], _WIDTH), np.float32)
            for step in range(values.shape[1]):
                # PyTorch's order of gates: input, forget, cell, output.
                gates = driven[:, step] + hidden @ inner
                opened, kept, new, shown = np.split(gates, 4, axis=1)
                cell = _sigmoid(kept) * cell + _sigmoid(opened) * np.tanh(new)
                hidden = _sigmoid(shown) * np.tanh(cell)
                outputs[:, step] = hidden
            values = outputs
        linear = values[:, -1] @ self._weights["linear.weight"].T + self._weights["linear.bias"]
        return np.asarray(np.maximum(linear, 0), np.float32)


def _sigmoid(values: Float32) -> Float32:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * values), np.float32)
