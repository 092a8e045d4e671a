"""The mouth network in torch, and its export. Needs torch 2.13.0 (CPU) and onnx; nothing shipped needs either."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from deployments.contracts import Float32
from deployments.video.portrait.features import BANDS, BINS, POWER_FLOOR, mel_bands
from deployments.video.portrait.pose import MOUTH_CHANNELS

ROWS_AHEAD = 5
"""Rows of 20 ms after its own that an output row hears: 100 ms."""
DILATIONS = (1, 2, 4, 4)
KERNEL = 5
ROWS_AROUND = (KERNEL - 1) * sum(DILATIONS)
WIDTH = 96
OPEN, PUCKER, PRESS = (MOUTH_CHANNELS.index(name) for name in ("open", "pucker", "press"))
SPECTRA_PER_ROW = 2
SILENT_LEVEL = float(np.log(POWER_FLOOR))


class Mouth(nn.Module):
    """Normalised rows [batch, 80, rows] to channels [batch, 8, rows - ROWS_AROUND]; `press` is a logit."""

    def __init__(self) -> None:
        super().__init__()
        widths = [SPECTRA_PER_ROW * BANDS] + [WIDTH] * len(DILATIONS)
        self.layers = nn.ModuleList(
            nn.Conv1d(before, after, KERNEL, dilation=dilation)
            for before, after, dilation in zip(widths, widths[1:], DILATIONS, strict=False)
        )
        self.shapes = nn.Conv1d(WIDTH, len(MOUTH_CHANNELS), 1)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = torch.relu(self.layers[0](rows))
        for layer in self.layers[1:]:
            made = torch.relu(layer(hidden))
            hidden = made + hidden[..., -made.shape[-1] :]
        shapes: Tensor = self.shapes(hidden)
        return shapes


class Deployed(nn.Module):
    """What is shipped: power spectra [spectra, BINS] to channels [rows - ROWS_AROUND, 8], normalisation included."""

    def __init__(self, mouth: Mouth, mean: Float32, scale: float) -> None:
        super().__init__()
        self.mouth = mouth
        self.register_buffer("bands", torch.from_numpy(mel_bands().T.copy()))
        self.register_buffer("mean", torch.from_numpy(mean))
        self.scale = scale

    def forward(self, power: Tensor) -> Tensor:
        levels = (torch.log(power @ self.get_buffer("bands") + POWER_FLOOR) - self.get_buffer("mean")) / self.scale
        rows = levels.reshape(-1, SPECTRA_PER_ROW * BANDS).T[None]
        shapes = self.mouth(rows)[0].T
        chosen = torch.arange(len(MOUTH_CHANNELS)) == PRESS
        result: Tensor = torch.where(chosen, torch.sigmoid(shapes), shapes)
        return result


def export(mouth: Mouth, mean: Float32, scale: float, path: Path) -> None:
    """Writes the network as ONNX (opset 17, any length)."""
    example = torch.ones(SPECTRA_PER_ROW * (ROWS_AROUND + 10), BINS)
    torch.onnx.export(
        Deployed(mouth, mean, scale).eval(),
        (example,),
        str(path),
        input_names=["power"],
        output_names=["channels"],
        dynamic_axes={"power": {0: "spectra"}, "channels": {0: "rows"}},
        opset_version=17,
        dynamo=False,
    )
