"""Trains the mouth network: `python -m benchmarks.mouth.train --folder DIR --out mouth.onnx`.

One torch thread; about a quarter of an hour. The same corpus, seed and versions give the same network.
"""

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.mouth.examples import Example, disturbed, training_examples
from benchmarks.mouth.network import OPEN, PRESS, PUCKER, ROWS_AHEAD, ROWS_AROUND, SILENT_LEVEL, Mouth, export
from deployments.contracts import Float32
from deployments.video.portrait.features import BANDS
from deployments.video.portrait.pose import MOUTH_CHANNELS

logger = logging.getLogger(__name__)

SHARES = {"kokoro": 0.38, "world": 0.30, "espeak": 0.16, "flite": 0.16}
"""How often each kind of speech is drawn."""
BATCH, ROWS, STEPS = 32, 120, 9000
SCALE = 5.6
"""Divisor of the log-mel levels, about their spread; one for all bands so that a level change is a shift."""
SPREAD = torch.tensor([0.09, 0.07, 0.25, 0.28, 0.20, 0.22, 0.08, 0.25])[None, :, None]
WEIGHTS = torch.tensor([1.4, 1.0, 1.2, 0.8, 0.7, 0.0, 1.0, 0.6])[None, :, None]
BEND = 4.0
"""In spreads, where the Huber loss turns straight. At 1 it finds medians, and the median of a rare sound (f) is 0."""
PRESS_WEIGHT = 5.0
MISSED_CLOSURE_WEIGHT = 2.0
"""A frame that should be pressed counts this much more than one that should not: closures are a tenth of the time."""
CLOSED_OPENING_WEIGHT = 2.0
"""What an opening left in a closed mouth costs more."""
ROUNDED_WEIGHT = 1.5
"""Rounded vowels are rare, Mandarin's ü above all, and seen at once when missed."""
EDGE_SHARE = 0.5
"""How often the time outside a recording is digital silence, as around a stream, whatever the background within."""
AVERAGING = 0.998


def loss_of(made: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
    """Huber on the shapes, cross-entropy on the press."""
    away = (made - wanted) / SPREAD
    huber = torch.where(away.abs() < BEND, 0.5 * away * away, BEND * (away.abs() - 0.5 * BEND))
    pressed = wanted[:, PRESS : PRESS + 1].clamp(0, 1)
    counts = torch.ones_like(huber)
    counts[:, OPEN] += CLOSED_OPENING_WEIGHT * pressed[:, 0]
    counts[:, PUCKER] += ROUNDED_WEIGHT * wanted[:, PUCKER].clamp(0, 1)
    huber = huber * counts
    closing = binary_cross_entropy_with_logits(made[:, PRESS : PRESS + 1], pressed, reduction="none")
    closing = closing * (1 + MISSED_CLOSURE_WEIGHT * pressed)
    total: Tensor = (huber * WEIGHTS * counted).mean() + PRESS_WEIGHT / len(MOUTH_CHANNELS) * (closing * counted).mean()
    return total


class Batches:
    """Random stretches of the corpus, disturbed anew each time."""

    def __init__(self, examples: list[Example], mean: Float32, seed: int) -> None:
        self._chance = np.random.default_rng(seed)
        self._mean = mean
        self._by_source = {name: [e for e in examples if e.source == name] for name in SHARES}
        # Longer recordings are drawn more often, so that every second of the corpus counts the same.
        lengths = {name: np.array([len(e.channels) for e in found], float) for name, found in self._by_source.items()}
        self._odds = {name: length / length.sum() for name, length in lengths.items()}

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised rows [BATCH, 80, ROWS + ROWS_AROUND], channels and validity of the ROWS that come out."""
        rows = np.zeros((BATCH, 2 * BANDS, ROWS + ROWS_AROUND), np.float32)
        wanted = np.zeros((BATCH, len(MOUTH_CHANNELS), ROWS), np.float32)
        counted = np.zeros((BATCH, 1, ROWS), np.float32)
        names = list(SHARES)
        for place, kind in enumerate(self._chance.choice(len(names), BATCH, p=list(SHARES.values()))):
            pool = self._by_source[names[kind]]
            example = pool[self._chance.choice(len(pool), p=self._odds[names[kind]])]
            length = len(example.channels)
            start = int(self._chance.integers(0, max(1, length - ROWS)))
            first = start + ROWS_AHEAD - ROWS_AROUND
            heard = example.levels[2 * max(0, first) : 2 * (start + ROWS_AHEAD + ROWS)].astype(np.float32)
            levels = np.full((2 * (ROWS + ROWS_AROUND), BANDS), SILENT_LEVEL, np.float32)
            begin = 2 * max(0, -first)
            levels[begin:][: len(heard)] = heard
            levels = disturbed(levels, self._chance)
            if self._chance.random() < EDGE_SHARE:
                levels[:begin] = levels[begin + len(heard) :] = SILENT_LEVEL
            normal = (levels - self._mean) / SCALE
            rows[place] = normal.reshape(ROWS + ROWS_AROUND, -1).T
            found = example.channels[start : start + ROWS]
            wanted[place, :, : len(found)] = found.T
            counted[place, :, : len(found)] = 1.0
        return torch.from_numpy(rows), torch.from_numpy(wanted), torch.from_numpy(counted)


def train(examples: list[Example], steps: int, seed: int, progress: Callable[[Mouth, Float32], None]) -> None:
    """Calls `progress` with the averaged network and the mean of the levels (float32 [40]), now and then, and last."""
    torch.manual_seed(seed)
    mean = np.concatenate([example.levels[::7] for example in examples[::5]]).astype(np.float32).mean(axis=0)
    batches = Batches(examples, mean, seed)
    mouth, averaged = Mouth(), Mouth()
    averaged.load_state_dict(mouth.state_dict())
    optimizer = torch.optim.AdamW(mouth.parameters(), 2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps + 1, pct_start=0.1)
    losses: list[float] = []
    began = time.monotonic()
    for step in range(steps):
        rows, wanted, counted = batches.draw()
        loss = loss_of(mouth(rows), wanted, counted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch declares no types for it
        torch.nn.utils.clip_grad_norm_(mouth.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        with torch.no_grad():
            for kept, new in zip(averaged.parameters(), mouth.parameters(), strict=True):
                kept.lerp_(new, 1 - min(AVERAGING, step / (step + 10)))
        if step % 250 == 249:
            progress(averaged, mean)
            logger.info("step %d loss %.4f, %.0f s", step + 1, np.mean(losses[-250:]), time.monotonic() - began)
    progress(averaged, mean)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    examples = training_examples(options.folder, np.random.default_rng(options.seed))
    hours = sum(len(example.channels) for example in examples) / 50 / 3600
    logger.info("%d examples, %.1f hours", len(examples), hours)
    train(examples, options.steps, options.seed, lambda mouth, mean: export(mouth, mean, SCALE, options.out))
    logger.info("wrote %s", options.out)


if __name__ == "__main__":
    main()
