"""What an engine is good for: exactly one kind of card, library, precision, set of weights and version of our code."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field

from deployments.video.ditto.runtimes.settings import Precision

_SOURCES = ("networks", "fast", "runtimes")
_READABLE = {
    "card": "GPU",
    "capability": "compute capability",
    "library": "library",
    "version": "its version",
    "precision": "precision",
    "max_batch_frames": "max_batch_frames",
    "weights": "weights",
    "code": "version of the exporting code",
}


class EngineKey(BaseModel):
    """Two engines with equal keys are interchangeable. Any difference makes an engine stale or foreign."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    card: str = Field(description="The GPU's name; `any` where a whole compute capability is served, or any device.")
    capability: str = Field(
        pattern=r"^(sm_\d+|any)$", description="Compute capability, as sm_89; `any` for graphs of ONNX Runtime."
    )
    library: str = Field(
        pattern=r"^(tensorrt|tensorrt_rtx|onnxruntime)$", description="tensorrt, tensorrt_rtx or onnxruntime."
    )
    version: str = Field(description="The library's version.")
    precision: Precision = Field(description="Of W and G.")
    max_batch_frames: int = Field(ge=1, description="Most frames that the engines take at once.")
    weights: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of all tensors that the graphs hold.")
    code: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the sources that the graphs come from.")

    @property
    def folder(self) -> str:
        """Its folder's name: readable, and unique by the digest at its end."""
        card = re.sub(r"[^a-z0-9]+", "-", self.card.lower()).strip("-")
        digest = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        library = self.library.replace("_", "-")
        return f"{card}-{self.capability}-{library}-{self.version}-{self.precision}-{digest[:12]}"

    def differences(self, other: "EngineKey") -> list[str]:
        """What of the other's is not as here, in words, ours first."""
        ours, theirs = self.model_dump(), other.model_dump()
        return [
            f"{words} {_short(ours[name])}, not {_short(theirs[name])}"
            for name, words in _READABLE.items()
            if ours[name] != theirs[name]
        ]


def weights_digest(networks: Mapping[str, torch.nn.Module]) -> str:
    """sha256 of every tensor of these networks with its name, shape and type, wherever it was loaded from."""
    digest = hashlib.sha256()
    for name, network in sorted(networks.items()):
        for key, tensor in sorted(network.state_dict().items()):
            digest.update(f"{name}.{key} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


@cache
def code_digest() -> str:
    """sha256 of the sources of the networks and of their export: changed code makes engines stale."""
    top = Path(__file__).parents[1]
    return digest_of_files(path for folder in _SOURCES for path in (top / folder).glob("*.py"))


def digest_of_files(paths: Iterable[Path]) -> str:
    """sha256 of files with their names, in the order of these."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: (path.parent.name, path.name)):
        digest.update(f"{path.parent.name}/{path.name}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _short(value: object) -> str:
    text = str(value)
    return text[:12] if re.fullmatch(r"[0-9a-f]{64}", text) else text
