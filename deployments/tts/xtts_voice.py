"""A cloned voice: what XTTS is told of a speaker, and that as bytes for the store. No pickle, no code."""

import io
import zipfile
from dataclasses import dataclass

import numpy as np

from deployments.contracts import Float32
from deployments.errors import BadInput

_FORMAT = "realtime-avatar xtts voice 1"
_MOST_BYTES = 2_000_000


@dataclass(frozen=True, eq=False)
class Latents:
    """`conditioning`: float32 [1, 32, model width], for the language model of sounds. `embedding`: float32
    [1, 512, 1], for the vocoder."""

    conditioning: Float32
    embedding: Float32

    def pack(self) -> bytes:
        """About 130 KB for the published model."""
        stream = io.BytesIO()
        np.savez(
            stream,
            format=np.frombuffer(_FORMAT.encode(), np.uint8),
            conditioning=self.conditioning.astype("<f4"),
            embedding=self.embedding.astype("<f4"),
        )
        return stream.getvalue()

    @staticmethod
    def unpack(data: bytes, width: int, embedding_width: int) -> "Latents":
        """Raises BadInput, saying to enrol again, for what `pack` did not write for a model of these widths."""
        try:
            if len(data) > _MOST_BYTES or not data.startswith(b"PK"):
                raise ValueError("not such a file")
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
                    raise ValueError("too large")
            with np.load(io.BytesIO(data), allow_pickle=False) as content:
                if content["format"].astype(np.uint8).tobytes() != _FORMAT.encode():
                    raise ValueError("another version")
                latents = Latents(
                    np.ascontiguousarray(content["conditioning"], np.float32),
                    np.ascontiguousarray(content["embedding"], np.float32),
                )
            latents.check(width, embedding_width)
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise BadInput(f"This is no cloned voice of this model ({error}). Upload the sample again.") from error
        return latents

    def check(self, width: int, embedding_width: int) -> None:
        """Raises ValueError for what no voice of a model of these widths can be."""
        shape = self.conditioning.shape
        if len(shape) != 3 or shape[0] != 1 or not 1 <= shape[1] <= 64 or shape[2] != width:
            raise ValueError(f"conditioning of shape {shape}")
        if self.embedding.shape != (1, embedding_width, 1):
            raise ValueError(f"embedding of shape {self.embedding.shape}")
        if not (np.isfinite(self.conditioning).all() and np.isfinite(self.embedding).all()):
            raise ValueError("impossible numbers")
