"""XTTS's vocoder on latents as they come, at a cost that is linear in their number.

The library vocodes all latents anew for every chunk that it streams. Here each sample is made once: the vocoder is a
stack of convolutions, so a stretch of frames with enough frames around it gives the very samples that it gives within
the whole.
"""

import math
from typing import Protocol

import numpy as np
import torch

from deployments.contracts import Float32

CONTEXT_FRAMES = 14
"""Frames on either side that a frame's samples depend on.

From the end back, with radius 60 samples for the residual blocks of each rate (kernel 11, dilations 1, 3, 5, each
followed by one of 1): 3 + 60 at 256 samples a frame, 1 + 60 at 128 and at 64, 1 + 60 at 8, and 1 + 3 at the input.
"""


class Decoder(Protocol):
    """The library's HifiDecoder, as far as it is used."""

    input_sample_rate: int
    output_sample_rate: int
    output_hop_length: int
    ar_mel_length_compression: int

    @property
    def waveform_decoder(self) -> torch.nn.Module: ...


class Stretch:
    """Linear interpolation of rows that come bit by bit, equal to torch's over all of them at once
    (`interpolate(mode="linear", scale_factor=scale)`, which places row j at (j + 1/2) / scale - 1/2)."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._kept: torch.Tensor | None = None
        self._start = 0
        self._made = 0

    def push(self, rows: torch.Tensor, final: bool) -> torch.Tensor:
        """`rows`: [n, width], more of the input. Returns the rows of the output that are settled by now."""
        if self._scale == 1.0:
            return rows
        kept = rows if self._kept is None else torch.cat([self._kept, rows])
        count = self._start + len(kept)
        # Row j needs the input's row ⌊position⌋ + 1, but at the very end.
        settled = count * self._scale if final else math.ceil((count - 0.5) * self._scale - 0.5)
        end = max(math.floor(settled), self._made)
        positions = (torch.arange(self._made, end + 1, dtype=torch.float64) + 0.5) / self._scale - 0.5
        positions = positions.clamp(min=0.0)
        low = positions.floor().long()
        share = (positions - low)[:-1, None].to(kept.device, kept.dtype)
        high = (low[:-1] + 1).clamp(max=count - 1) - self._start
        made = torch.lerp(kept[low[:-1] - self._start], kept[high], share) if end > self._made else kept[:0]
        self._made = end
        keep_from = max(min(int(low[-1]), count - 1), 0)
        self._kept, self._start = kept[keep_from - self._start :], keep_from
        return made


class Vocoder:
    """One utterance's latents to sound. `frames_vocoded` counts all frames that went through the network, context
    included: what it costs."""

    def __init__(self, decoder: Decoder, embedding: torch.Tensor, speed: float) -> None:
        """`embedding`: [1, width, 1], whose voice. `speed` stretches the latents, as the library does."""
        self._network = decoder.waveform_decoder
        self._hop = decoder.output_hop_length
        self._embedding = embedding
        self._stretches = (
            Stretch(1.0 / speed),
            Stretch(decoder.ar_mel_length_compression / decoder.output_hop_length),
            Stretch(decoder.output_sample_rate / decoder.input_sample_rate),
        )
        self._frames: torch.Tensor | None = None
        self._start = 0
        self._done = 0
        self.frames_vocoded = 0

    @torch.inference_mode()
    def push(self, latents: torch.Tensor, final: bool = False) -> Float32:
        """`latents`: float32 [n, width], n ≥ 0 but for the first. Returns the samples that are settled by now."""
        latents = latents.to(self._embedding.device)
        for stretch in self._stretches:
            latents = stretch.push(latents, final)
        frames = latents if self._frames is None else torch.cat([self._frames, latents])
        count = self._start + len(frames)
        end = count if final else max(count - CONTEXT_FRAMES, 0)
        sound = np.zeros(0, np.float32)
        if end > self._done:
            first = max(self._done - CONTEXT_FRAMES, 0)
            window = frames[first - self._start :]
            self.frames_vocoded += len(window)
            made = self._network(window.T[None], g=self._embedding)[0, 0]
            sound = made[(self._done - first) * self._hop : (end - first) * self._hop].float().cpu().numpy()
            self._done = end
        keep_from = max(self._done - CONTEXT_FRAMES, 0)
        self._frames, self._start = frames[keep_from - self._start :], keep_from
        return np.asarray(sound, np.float32)
