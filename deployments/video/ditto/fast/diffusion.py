"""LMDM with everything made once that a schedule or a window fixes. What it gives is what the plain sampler gives.

Once a schedule: time embeddings, their tokens' keys and values, all of the unconditional branch's films. Once a window:
the encoder's tokens, their keys and values, the films of all steps, the conditioning motion's share of the input. A
step then is self-attention, queries and feed-forward, with both branches of the guidance in one batch; the first
layer's self-attention, to which no condition has come yet, is one for both.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from deployments.contracts import Float32
from deployments.video.ditto import sampler
from deployments.video.ditto.networks.attention import Heard, Rotary
from deployments.video.ditto.networks.diffusion import MotionDiffusion, guided
from deployments.video.ditto.runtimes.cuda_graph import Graphed
from deployments.video.ditto.sizes import MOTION_DIMS, WINDOW_FRAMES


@dataclass(frozen=True, slots=True, eq=False)
class _Timed:
    """What a schedule of s steps fixes. `condition`: [s, latent], the time's part of the films' condition. `films`:
    [s, layers, 3, 2·latent] of the unconditional branch. `heard`: [s, layers, 2, 1, heads, 2, width of a head]."""

    condition: Tensor
    films: Tensor
    heard: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """What a window of b streams fixes. `start`: [b, 1, latent], the conditioning motion's share of the input. `films`:
    [s, layers, 2·b, 3, 2·latent]. `heard`: [layers, 2, 2·b, heads, 82, width of a head]; the last two of the 82, the
    time's tokens, are put there by each step."""

    start: Tensor
    films: Tensor
    heard: Tensor


class CachedDiffuser:
    """Implements types.Diffuser in torch."""

    def __init__(
        self, network: MotionDiffusion, device: torch.device | str = "cpu", half: bool = False, graphs: bool = True
    ) -> None:
        """`network` stays as it is, in single precision. `half`: the network computes in half precision, the sampling
        around it and everything that depends on the time alone in single. `graphs`: on a GPU, record a whole window
        once for each batch and number of steps, and replay it."""
        self._reference = network.eval().requires_grad_(False)
        self._device = torch.device(device)
        self._type = torch.float16 if half else torch.float32
        self._network = _placed(self._reference, self._device, self._type)
        self._layers = self._network.seqTransDecoder.layers
        self._turns = [layer.rotary.turn(WINDOW_FRAMES) for layer in self._layers]
        self._unguided = _stacked(self._network.hear(self._network.null_cond_embed))
        self._timed: dict[int, _Timed] = {}
        self._run = Graphed(self.window, enabled=graphs)

    @torch.no_grad()
    def sample(self, conditions: Float32, first: Float32, noise: Float32) -> Float32:
        """As types.Diffuser says. Raises EngineFailed where the shapes do not fit each other."""
        sampler.check_window(conditions, first, noise)
        self.prepare(len(noise))
        asked = (torch.from_numpy(array).to(self._device) for array in (conditions, first, noise))
        found: Float32 = self._run(*asked)[0].cpu().numpy()
        return found

    @torch.no_grad()
    def prepare(self, steps: int) -> None:
        """Make what a schedule of so many steps fixes, unless it is there. On the host in single precision: it is done
        once, and half precision would cost the time's sines their meaning."""
        if steps in self._timed:
            return
        condition, tokens = self._reference.time(torch.tensor(sampler.times(steps)))
        unguided = condition + self._reference.null_cond_hidden
        films = torch.stack([layer.films(unguided) for layer in self._reference.seqTransDecoder.layers], 1)
        heard = _stacked(self._reference.hear(tokens, WINDOW_FRAMES)).movedim(2, 0).unsqueeze(3)
        made = (part.to(self._device, self._type) for part in (condition, films, heard))
        self._timed[steps] = _Timed(*made)

    def window(self, conditions: Tensor, first: Tensor, noise: Tensor) -> Tensor:
        """Motion [b, 80, 265] of conditions [b, 80, 1103], conditioning motion [b, 265] and noise [steps, b, 80, 265],
        all float32 on the device. After `prepare(steps)`. No shape depends on a value: it can be recorded."""
        timed = self._timed[len(noise)]
        fixed = self._fixed(conditions.to(self._type), first.to(self._type), timed)
        return sampler.denoise(lambda step, x: self._predicted(step, x, timed, fixed), noise)

    def _fixed(self, conditions: Tensor, first: Tensor, timed: _Timed) -> _Window:
        batch = len(first)
        tokens = self._network.tokens(conditions)
        condition = timed.condition[:, None] + self._network.hidden(tokens)
        guided_films = torch.stack([layer.films(condition) for layer in self._layers], 1)
        unguided_films = timed.films[:, :, None].expand_as(guided_films)
        unguided = self._unguided.expand(-1, -1, batch, -1, -1, -1)
        heard = torch.cat((_stacked(self._network.hear(tokens)), unguided), 2)
        projection = self._network.input_projection
        start = functional.linear(first, projection.weight[:, MOTION_DIMS:], projection.bias)
        times = timed.heard[0].expand(-1, -1, 2 * batch, -1, -1, -1)
        return _Window(start[:, None], torch.cat((guided_films, unguided_films), 2), torch.cat((heard, times), 4))

    def _predicted(self, step: int, x: Tensor, timed: _Timed, fixed: _Window) -> Tensor:
        """Guided motion without noise [b, 80, 265] at one step, float32."""
        fixed.heard[..., WINDOW_FRAMES:, :] = timed.heard[step]
        weight = self._network.input_projection.weight[:, :MOTION_DIMS]
        single = functional.linear(x.to(self._type), weight) + fixed.start
        own = self._layers[0].listen(single, self._turns[0])
        own, both = torch.cat((own, own)), torch.cat((single, single))
        for index, (layer, turn) in enumerate(zip(self._layers, self._turns, strict=True)):
            own = layer.listen(both, turn) if index else own
            both = layer.answer(both, own, fixed.heard[index], fixed.films[step, index], turn)
        found: Tensor = self._network.final_layer(both)
        return guided(found.float())


def _placed(reference: MotionDiffusion, device: torch.device, kind: torch.dtype) -> MotionDiffusion:
    """The network on its device and in its precision, the positions' frequencies always in single."""
    if device.type == "cpu" and kind == torch.float32:
        return reference
    placed = copy.deepcopy(reference).to(device, kind)
    for own, exact in zip(placed.modules(), reference.modules(), strict=True):
        if isinstance(own, Rotary) and isinstance(exact, Rotary):
            own.freqs = exact.freqs.to(device)
    return placed


def _stacked(heard: list[Heard]) -> Tensor:
    """[layers, 2, b, heads, length, width of a head] of what each layer hears."""
    return torch.stack(heard)
