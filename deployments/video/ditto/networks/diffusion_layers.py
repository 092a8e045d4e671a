"""Layers of the motion diffusion transformer: pre-norm, exact GELU, and FiLM (arXiv 1709.07871) in the decoder's.
What a window or a schedule fixes is an argument of the forward passes, made by methods of its own."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from deployments.video.ditto.networks.attention import Attention, Heard, Rotary, Turn
from deployments.video.ditto.sizes import Sizes


class Film(nn.Module):
    """Scale and shift from a condition."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Mish(), nn.Linear(width, 2 * width))

    def forward(self, condition: Tensor) -> Tensor:
        """[..., 2·width], scale and then shift, of a condition [..., width]."""
        found: Tensor = self.block(condition)
        return found


def filmed(x: Tensor, film: Tensor) -> Tensor:
    """(1 + scale)·x + shift for x [b, length, width] and a film [b, 2·width]."""
    scale, shift = film.unsqueeze(1).chunk(2, -1)
    return torch.addcmul(shift, x, 1 + scale)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward over [b, length, latent]."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.self_attn = Attention(sizes.latent, sizes.heads)
        self.linear1 = nn.Linear(sizes.latent, sizes.feed_forward)
        self.linear2 = nn.Linear(sizes.feed_forward, sizes.latent)
        self.norm1 = nn.LayerNorm(sizes.latent)
        self.norm2 = nn.LayerNorm(sizes.latent)
        self.rotary = Rotary(sizes.latent)

    def forward(self, x: Tensor) -> Tensor:
        turn = self.rotary.turn(x.shape[1])
        normed: Tensor = self.norm1(x)
        x = x + self.self_attn(normed, self.self_attn.hear(normed, turn), turn)
        wide = functional.gelu(self.linear1(self.norm2(x)))
        narrow: Tensor = self.linear2(wide)
        return x + narrow


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention and feed-forward over [b, length, latent], each filmed and added."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.self_attn = Attention(sizes.latent, sizes.heads)
        self.multihead_attn = Attention(sizes.latent, sizes.heads)
        self.linear1 = nn.Linear(sizes.latent, sizes.feed_forward)
        self.linear2 = nn.Linear(sizes.feed_forward, sizes.latent)
        self.norm1 = nn.LayerNorm(sizes.latent)
        self.norm2 = nn.LayerNorm(sizes.latent)
        self.norm3 = nn.LayerNorm(sizes.latent)
        self.film1 = Film(sizes.latent)
        self.film2 = Film(sizes.latent)
        self.film3 = Film(sizes.latent)
        self.rotary = Rotary(sizes.latent)

    def films(self, condition: Tensor) -> Tensor:
        """The three films [..., 3, 2·latent] of a condition [..., latent]."""
        return torch.stack((self.film1(condition), self.film2(condition), self.film3(condition)), -2)

    def listen(self, x: Tensor, turn: Turn) -> Tensor:
        """What self-attention finds in x [b, length, latent], before its film: no condition has a part in it."""
        normed: Tensor = self.norm1(x)
        found: Tensor = self.self_attn(normed, self.self_attn.hear(normed, turn), turn)
        return found

    def answer(self, x: Tensor, own: Tensor, heard: Heard, films: Tensor, turn: Turn) -> Tensor:
        """The layer's output, given what `listen` found in x, the memory as `multihead_attn.hear` made it, and films
        [b, 3, 2·latent]."""
        x = x + filmed(own, films[:, 0])
        x = x + filmed(self.multihead_attn(self.norm2(x), heard, turn), films[:, 1])
        wide = functional.gelu(self.linear1(self.norm3(x)))
        return x + filmed(self.linear2(wide), films[:, 2])


class Decoder(nn.Module):
    """The layers under the name that the published checkpoint has for them."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.stack = nn.ModuleList(DecoderLayer(sizes) for _ in range(sizes.decoder_layers))

    @property
    def layers(self) -> list[DecoderLayer]:
        return [layer for layer in self.stack if isinstance(layer, DecoderLayer)]
