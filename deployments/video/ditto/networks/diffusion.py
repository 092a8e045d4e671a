"""LMDM: from conditions on sound and face to motion, by diffusion (Ditto, arXiv 2411.19509)."""

import math

import torch
from torch import Tensor, nn

from deployments.video.ditto.networks.attention import Heard, Rotary
from deployments.video.ditto.networks.diffusion_layers import Decoder, EncoderLayer
from deployments.video.ditto.sizes import CONDITION_DIMS, FULL, MOTION_DIMS, WINDOW_FRAMES, Sizes

GUIDANCE = 2.0
"""How far the result is moved from the unconditional towards the conditional one, and past it."""
TIME_TOKENS = 2
_PERIODS = 10000


class TimeEmbedding(nn.Module):
    """Sines, then cosines, of times [b]: [b, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.waves = width // 2

    def forward(self, times: Tensor) -> Tensor:
        steps = torch.arange(self.waves, device=times.device)
        frequencies = torch.exp(steps * (-math.log(_PERIODS) / (self.waves - 1)))
        angles = times[:, None] * frequencies
        return torch.cat((angles.sin(), angles.cos()), -1)


class MotionDiffusion(nn.Module):
    """Keys of the state dict are those of the part `model_state_dict` of `lmdm_v0.4_hubert.pth`.

    `tokens`, `hidden`, `time` and `hear` make what a window or a schedule fixes; `branch` is the network as published.
    """

    def __init__(self, sizes: Sizes = FULL) -> None:
        super().__init__()
        width = sizes.latent
        self.null_cond_embed = nn.Parameter(torch.zeros(1, WINDOW_FRAMES, width))
        self.null_cond_hidden = nn.Parameter(torch.zeros(1, width))
        self.rotary = Rotary(width)
        self.time_mlp = nn.Sequential(TimeEmbedding(width), nn.Linear(width, 4 * width), nn.Mish())
        self.to_time_cond = nn.Sequential(nn.Linear(4 * width, width))
        self.to_time_tokens = nn.Sequential(nn.Linear(4 * width, TIME_TOKENS * width))
        self.norm_cond = nn.LayerNorm(width)
        self.input_projection = nn.Linear(2 * MOTION_DIMS, width)
        self.cond_encoder = nn.Sequential(*(EncoderLayer(sizes) for _ in range(sizes.encoder_layers)))
        self.cond_projection = nn.Linear(CONDITION_DIMS, width)
        self.non_attn_cond_projection = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.seqTransDecoder = Decoder(sizes)
        self.final_layer = nn.Linear(width, MOTION_DIMS)

    def tokens(self, conditions: Tensor) -> Tensor:
        """[b, 80, latent] of conditions [b, 80, 1103]."""
        found: Tensor = self.cond_encoder(self.cond_projection(conditions))
        return found

    def hidden(self, tokens: Tensor) -> Tensor:
        """[b, latent], one vector for all tokens [b, 80, latent] of a window."""
        found: Tensor = self.non_attn_cond_projection(tokens.mean(1))
        return found

    def time(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """Of diffusion times [b] (0 to 999): their part of the films' condition [b, latent], their tokens
        [b, 2, latent]."""
        embedded = self.time_mlp(times)
        tokens: Tensor = self.to_time_tokens(embedded)
        return self.to_time_cond(embedded), torch.unflatten(tokens, 1, (TIME_TOKENS, -1))

    def hear(self, memory: Tensor, first: int = 0) -> list[Heard]:
        """What each layer hears of memory tokens [b, length, latent] that stand at position `first` and after it."""
        normed: Tensor = self.norm_cond(memory)
        heard = []
        for layer in self.seqTransDecoder.layers:
            cosine, sine = layer.rotary.turn(first + memory.shape[1])
            heard.append(layer.multihead_attn.hear(normed, (cosine[first:], sine[first:])))
        return heard

    def branch(self, x: Tensor, first: Tensor, tokens: Tensor | None, times: Tensor) -> Tensor:
        """Motion without noise [b, 80, 265] as one branch predicts it.

        `x`: noisy motion [b, 80, 265]. `first`: the conditioning motion [b, 265]. `tokens`: those of the conditions,
        or None for the unconditional branch. `times`: [b].
        """
        batch = x.shape[0]
        hidden: Tensor = self.null_cond_hidden if tokens is None else self.hidden(tokens)
        tokens = self.null_cond_embed.expand(batch, -1, -1) if tokens is None else tokens
        time, time_tokens = self.time(times)
        return self._decoded(x, first, torch.cat((tokens, time_tokens), 1), time + hidden)

    def forward(self, x: Tensor, cond_frame: Tensor, cond: Tensor, time_cond: Tensor) -> Tensor:
        """x_start, guided motion without noise [b, 80, 265]. Names as in the published ONNX graph.

        `x`: noisy motion [b, 80, 265]. `cond_frame`: the conditioning motion [b, 265]. `cond`: conditions
        [b, 80, 1103]. `time_cond`: int64 [b], 0 to 999. Both branches run as one batch of 2·b.
        """
        batch = x.shape[0]
        tokens = self.tokens(cond)
        time, time_tokens = self.time(time_cond)
        both = torch.cat((tokens, self.null_cond_embed.expand(batch, -1, -1)))
        memory = torch.cat((both, torch.cat((time_tokens, time_tokens))), 1)
        condition = torch.cat((time + self.hidden(tokens), time + self.null_cond_hidden))
        found = self._decoded(torch.cat((x, x)), torch.cat((cond_frame, cond_frame)), memory, condition)
        return guided(found)

    def _decoded(self, x: Tensor, first: Tensor, memory: Tensor, condition: Tensor) -> Tensor:
        frames = torch.cat((x, first[:, None].expand(-1, x.shape[1], -1)), -1)
        x = self.input_projection(frames)
        for layer, heard in zip(self.seqTransDecoder.layers, self.hear(memory), strict=True):
            turn = layer.rotary.turn(x.shape[1])
            x = layer.answer(x, layer.listen(x, turn), heard, layer.films(condition), turn)
        found: Tensor = self.final_layer(x)
        return found


def guided(both: Tensor) -> Tensor:
    """[b, …] of conditional and then unconditional rows [2·b, …]: classifier-free guidance (arXiv 2207.12598)."""
    # not chunk: that would fix the batch in an exported graph
    conditional, unconditional = torch.unflatten(both, 0, (2, -1)).unbind(0)
    return unconditional + GUIDANCE * (conditional - unconditional)
