"""The silence around a clause that is still being made: what pauses.trimmed does to a whole one, piece by piece."""

import numpy as np

from deployments.contracts import Float32
from deployments.tts.pauses import trimmed
from deployments.tts.settings import PauseSettings

_WINDOW_SECONDS = 0.01
_EMPTY = np.zeros(0, np.float32)


class Edges:
    """Gives on what is surely neither the silence ahead nor that at the end. All that it gave, joined, is what
    `trimmed` makes of all that it got, joined."""

    def __init__(self, rate_hz: int, pause_seconds: float, settings: PauseSettings) -> None:
        self._rate_hz = rate_hz
        self._pause_seconds = pause_seconds
        self._settings = settings
        self._window = round(rate_hz * _WINDOW_SECONDS)
        self._threshold = 10 ** (settings.threshold_db / 20)
        self._sound = _EMPTY
        self._looked = 0
        self._audible: tuple[int, int] | None = None
        self._given = 0

    def push(self, sound: Float32) -> Float32:
        """What can be heard of it by now."""
        self._sound = np.concatenate([self._sound, sound])
        self._look()
        if self._audible is None:
            return _EMPTY
        start = max(0, self._audible[0] - round(self._settings.lead_seconds * self._rate_hz))
        fades = round(max(self._settings.fade_in_seconds, self._settings.fade_out_seconds) * self._rate_hz)
        # The fade at the end reaches back from wherever the end will be, and needs a whole fade ahead of itself.
        sure = self._audible[1] - start - fades
        if sure < 2 * fades or sure <= self._given:
            return _EMPTY
        return self._give(self._whole()[:sure])

    def finish(self) -> Float32:
        """The rest, and the pause."""
        return self._give(self._whole())

    def _look(self) -> None:
        count = len(self._sound) // self._window
        fresh = self._sound[self._looked * self._window : count * self._window].reshape(-1, self._window)
        heard = np.flatnonzero(np.sqrt(np.mean(fresh**2, axis=1)) > self._threshold) + self._looked
        self._looked = count
        if len(heard):
            first = self._audible[0] if self._audible is not None else int(heard[0]) * self._window
            self._audible = first, (int(heard[-1]) + 1) * self._window

    def _whole(self) -> Float32:
        return trimmed(self._sound, self._rate_hz, self._pause_seconds, self._settings)

    def _give(self, whole: Float32) -> Float32:
        fresh = whole[self._given :]
        self._given += len(fresh)
        return fresh
