"""When each sound is really heard: the programs' times, made exact by the sound itself.

The times that come with synthetic speech are not those of the lips. Kokoro's alignment counts 25 ms units, gives the
gap between words a length that no one hears and starts each phone about 65 ms late; espeak-ng dates a stop by its
release and leaves the closure to the phone before. So a model of each sound (one Gaussian over cepstra and their
slopes, full covariance drawn towards the common one) is fitted to each program's speech by Viterbi training: segment,
fit, repeat. Sounds keep their order and stay near the given time; pauses, and the closures of stops other than p and b,
may be passed over.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from benchmarks.mouth.sounds import SILENCE, Span
from deployments.contracts import HEARING_RATE_HZ, Float32
from deployments.video.portrait.features import HOP_SAMPLES, SPAN_SAMPLES, log_mel

SECONDS_PER_FRAME = 0.005
OFFSETS = {"kokoro": -0.055, "espeak": -0.020, "flite": -0.005}
"""Seconds added to a program's times before alignment; measured as the mean dip of energy around p, b and m."""
_SLACK_SECONDS = {"kokoro": 0.085, "espeak": 0.065, "flite": 0.055}
_PAUSE_SLACK_SECONDS = 0.6
"""Kokoro often gives the silence after a sentence to its last vowel or tone."""
_CEPSTRA = 13
_ROUNDS = 5
_SAME_CLOSURE_SECONDS = 0.06
"""A pause as short as this before p or b belongs to their closure (espeak-ng dates both so)."""
_LEAST_FRAMES = {"p·": 6, "b·": 6, "m": 7, "w": 5, "ʰ": 2, "p": 2, "b": 2, "t": 2, "d": 2, "k": 2, "ɡ": 2}
"""Of 5 ms, for a sound that is there; 3 for all others. Lips do not close and open in less."""
_COMMON_WEIGHT = 150.0
"""Frames of the covariance common to all sounds that each sound's own is mixed with."""


def cepstra(samples: Float32) -> Float32:
    """13 cepstra and their slopes every 5 ms, mean removed: float32 [frames, 26]. Frame i is centred on 5 i ms."""
    padded = np.pad(samples, (SPAN_SAMPLES // 2, SPAN_SAMPLES // 2 + HOP_SAMPLES))
    even, odd = log_mel(padded), log_mel(padded[HOP_SAMPLES // 2 :])
    count = min(len(even), len(odd))
    levels = np.stack([even[:count], odd[:count]], axis=1).reshape(2 * count, -1)
    levels = np.maximum(levels, levels.max() - 16.0)  # recordings differ in how silent their silence is
    kept = dct(levels, axis=1, norm="ortho")[:, :_CEPSTRA]
    slopes = np.gradient(np.pad(kept, ((2, 2), (0, 0)), mode="edge"), axis=0)[2:-2] * 3.0
    found = np.concatenate([kept, slopes], axis=1)
    result: Float32 = (found - found.mean(axis=0)).astype(np.float32)
    return result


@dataclass
class _Item:
    """One recording under alignment. `segments`: per frame the number of its span."""

    features: Float32
    spans: list[Span]
    segments: np.ndarray


class Aligner:
    """The sounds of one program's speech."""

    def __init__(self, source: str) -> None:
        self._offset = OFFSETS[source]
        self._slack = _SLACK_SECONDS[source]
        self._items: list[_Item] = []
        self._names: list[str] = []
        self._means = self._whiteners = self._constants = np.zeros(0)

    def add(self, samples: Float32, spans: Sequence[Span]) -> None:
        """Takes a recording into the training. `spans`: with the program's own times."""
        features = cepstra(samples)
        last = len(samples) / HEARING_RATE_HZ
        moved = [
            Span(s.sound, max(0.0, s.start + self._offset), max(0.0, s.end + self._offset), s.needed) for s in spans
        ]
        moved[-1] = Span(moved[-1].sound, moved[-1].start, max(last, moved[-1].end), moved[-1].needed)
        starts = np.round(np.array([s.start for s in moved]) / SECONDS_PER_FRAME)
        self._items.append(_Item(features, moved, np.searchsorted(starts[1:], np.arange(len(features)), side="right")))

    def train(self) -> list[list[Span]]:
        """The spans of each recording in the order they were added, with the times heard; passed-over ones are gone."""
        self._names = sorted({span.sound for item in self._items for span in item.spans})
        for _ in range(_ROUNDS):
            self._fit()
            for item in self._items:
                item.segments = self._segment(item)
        return [self._heard(item) for item in self._items]

    def _fit(self) -> None:
        number = {name: place for place, name in enumerate(self._names)}
        frames = np.concatenate([item.features for item in self._items])
        labels = np.concatenate([np.array([number[s.sound] for s in i.spans])[i.segments] for i in self._items])
        width = frames.shape[1]
        means = np.zeros((len(self._names), width))
        scatter = np.zeros((len(self._names), width, width))
        counts = np.bincount(labels, minlength=len(self._names)).astype(float)
        for place in range(len(self._names)):
            own = frames[labels == place]
            means[place] = own.mean(axis=0) if len(own) else frames.mean(axis=0)
            scatter[place] = (own - means[place]).T @ (own - means[place])
        common = scatter.sum(axis=0) / counts.sum()
        covariances = (scatter + _COMMON_WEIGHT * common) / (counts + _COMMON_WEIGHT)[:, None, None]
        self._whiteners = np.linalg.cholesky(np.linalg.inv(covariances))
        self._means = np.einsum("kd,kde->ke", means, self._whiteners)
        self._constants = -0.5 * np.linalg.slogdet(covariances)[1]

    def _segment(self, item: _Item) -> np.ndarray:
        """Best path. A needed sound lasts its least number of frames; what is not needed may be passed over."""
        place = np.array([self._names.index(span.sound) for span in item.spans])
        kinds, column = np.unique(place, return_inverse=True)
        away = item.features @ self._whiteners[kinds] - self._means[kinds][:, None]
        scores = (self._constants[kinds] - 0.5 * np.square(away).sum(axis=2).T)[:, column]
        times = np.arange(len(scores))[:, None] * SECONDS_PER_FRAME
        starts, ends = (np.array([getattr(span, edge) for span in item.spans]) for edge in ("start", "end"))
        slack = np.where([span.sound == SILENCE for span in item.spans], _PAUSE_SLACK_SECONDS, self._slack)
        scores[(times < starts - slack) | (times > ends + slack)] = -1e6
        repeats = np.array([_LEAST_FRAMES.get(span.sound, 3) if span.needed else 1 for span in item.spans])
        needed = np.repeat([span.needed for span in item.spans], repeats)
        path = _best_path(np.repeat(scores, repeats, axis=1), needed)
        segments: np.ndarray = np.repeat(np.arange(len(item.spans)), repeats)[path]
        return segments

    def _heard(self, item: _Item) -> list[Span]:
        found: list[Span] = []
        for number, span in enumerate(item.spans):
            frames = np.flatnonzero(item.segments == number)
            if len(frames):
                begin = (frames[0] - 0.5) * SECONDS_PER_FRAME
                silent = found and found[-1].sound == SILENCE and begin - found[-1].start < _SAME_CLOSURE_SECONDS
                if silent and span.sound in ("p·", "b·"):
                    begin = found.pop().start
                found.append(Span(span.sound, max(0.0, begin), (frames[-1] + 0.5) * SECONDS_PER_FRAME, span.needed))
        return found


def _best_path(scores: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """State per frame, never going back; from each state to itself, the next, or past up to two skippable ones."""
    frames, states = scores.shape
    steps = np.zeros((frames, states), np.int8)
    best = np.full(states, -1e12)
    entry = 1 + int(np.argmax(needed)) if needed.any() else 1
    best[:entry] = scores[0, :entry]
    one = np.where(needed[:-1], -1e12, 0.0)  # may state s - 1 be skipped, seen from s
    for frame in range(1, frames):
        reach = np.full((4, states), -1e12)
        reach[0] = best
        reach[1, 1:] = best[:-1]
        reach[2, 2:] = best[:-2] + one[1:]
        reach[3, 3:] = best[:-3] + one[2:] + one[1:-1]
        steps[frame] = reach.argmax(axis=0)
        best = reach.max(axis=0) + scores[frame]
    state = states - 1
    while not needed[state] and state > 0 and best[state - 1] > best[state]:
        state -= 1
    path = np.zeros(frames, int)
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        state -= int(steps[frame, state])
    return path
