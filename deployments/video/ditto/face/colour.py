"""RGB on the device to the encoders' 4:2:0, as swscale's exact mode converts it."""

import torch

_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722
"""Brightness in ITU-R BT.709."""
_BRIGHT, _COLOUR = 219 / 255, 224 / 255
"""Levels of brightness (16..235) and of colour (16..240) in limited range, over one level of full range."""


def nv12(pictures: torch.Tensor) -> torch.Tensor:
    """uint8 [n, 3h/2, w] of float32 [n, 3, h + 2, w + 2] RGB in 0..255, both h and w even, whose outermost pixels are
    the neighbours of the picture proper: they show in its colours only.

    h rows of brightness, then h/2 rows of Cb and Cr by turns (NV12); BT.709, limited range. A colour stands in the
    middle of four pixels and is the mean of the sixteen around it, weighted 1, 3, 3, 1 each way: swscale's bilinear
    shrinking by two. All goes pixel by pixel, so that a picture's bytes do not depend on its batch.
    """
    red, green, blue = pictures.unbind(1)
    bright = red * _RED + green * _GREEN + blue * _BLUE
    colours = torch.stack([(blue - bright) / (2 - 2 * _BLUE), (red - bright) / (2 - 2 * _RED)], dim=1)
    halved = _halved(_halved(colours, 2), 3)
    count, height, width = bright.shape[0], bright.shape[1] - 2, bright.shape[2] - 2
    upper = bright[:, 1:-1, 1:-1] * _BRIGHT + 16
    lower = halved.permute(0, 2, 3, 1).reshape(count, height // 2, width) * _COLOUR + 128
    return torch.cat([upper, lower], dim=1).round_().to(torch.uint8)


def _halved(values: torch.Tensor, axis: int) -> torch.Tensor:
    """2k + 2 values of an axis to k: each the mean of four, weighted 1, 3, 3, 1, two apart."""
    size = values.shape[axis]
    outer = _every_second(values, axis, 0, size - 3) + _every_second(values, axis, 3, size)
    inner = _every_second(values, axis, 1, size - 2) + _every_second(values, axis, 2, size - 1)
    return inner * 0.375 + outer * 0.125


def _every_second(values: torch.Tensor, axis: int, start: int, end: int) -> torch.Tensor:
    cut = [slice(None)] * values.ndim
    cut[axis] = slice(start, end, 2)
    return values[tuple(cut)]
