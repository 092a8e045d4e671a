"""Whisper as a Transcriber: a batch of utterances in, a transcript or an error for each out.

The window is as long as the speech needs instead of 30 s, which costs a fifth (0.2 CPU seconds an utterance for the
base model). Windows come in a few lengths, and only windows of one length share a run of the model: so what an
utterance is taken for does not depend on the company it comes in.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from deployments.asr.failures import failure
from deployments.asr.guards import compression_ratio
from deployments.asr.loops import made_up, repetitions
from deployments.asr.model import UNSPACED_LANGUAGES, Aligned, Decoded, Encoded, WhisperModel
from deployments.asr.settings import AsrSettings
from deployments.asr.speech import Span, find_spans
from deployments.asr.words import in_order
from deployments.contracts import HEARING_RATE_HZ, Float32, Transcript, Utterance, Word
from deployments.errors import AvatarError, BadInput, TooLarge, Unsupported

T = TypeVar("T")
WINDOW_GRID_SECONDS = 2.0
SILENCE_AFTER_SECONDS = 1.0
LONGEST_WINDOW_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Window:
    """A piece of speech on its way through the model. `member` is the utterance's place in the batch."""

    member: int
    start_seconds: float
    samples: Float32
    window_seconds: float
    language: str | None
    encoded: Encoded | None = None
    text: str = ""
    words: tuple[Word, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.samples) / HEARING_RATE_HZ


class WhisperTranscriber:
    """Implements Transcriber. Loads in about a second; 0.3 GB resident for the base model."""

    def __init__(self, settings: AsrSettings, folder: Path) -> None:
        self._settings = settings
        self._model = WhisperModel(folder, settings)
        if settings.warm_up:
            window = _Window(0, 0.0, np.zeros(HEARING_RATE_HZ, np.float32), settings.min_window_seconds, None)
            try:
                self._listen([window])
            except RuntimeError as error:  # some libraries of a GPU are looked for with the first run only
                raise failure(error, settings) from error

    def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript | Exception]:
        """As the contract says. Errors by member: BadInput, TooLarge, Unsupported, EngineFailed."""
        failed: dict[int, Exception] = {}
        windows: list[_Window] = []
        for member, utterance in enumerate(batch):
            try:
                windows += self._windows(member, utterance)
            except AvatarError as error:
                failed[member] = error
        heard: list[_Window] = []
        most = self._settings.batching.max_windows
        for same_length in _grouped(windows, lambda window: window.window_seconds, most):
            try:
                heard += self._encode(same_length)
            except RuntimeError as error:
                failed.update(dict.fromkeys((window.member for window in same_length), failure(error, self._settings)))
        heard = _settle_languages(heard)
        texts: list[_Window] = []
        for alike in _grouped(heard, lambda window: (window.window_seconds, window.language), most):
            try:
                texts += self._decode(alike)
            except RuntimeError as error:
                failed.update(dict.fromkeys((window.member for window in alike), failure(error, self._settings)))
        return [
            failed.get(m) or self._transcript(batch[m], [w for w in texts if w.member == m]) for m in range(len(batch))
        ]

    def _listen(self, windows: Sequence[_Window]) -> list[_Window]:
        return self._decode(_settle_languages(self._encode(windows)))

    def _windows(self, member: int, utterance: Utterance) -> list[_Window]:
        pcm, settings = utterance.pcm, self._settings
        if pcm.rate_hz != HEARING_RATE_HZ or pcm.samples.ndim != 1:
            raise BadInput(f"Speech must be mono at {HEARING_RATE_HZ} Hz, not {pcm.rate_hz} Hz {pcm.samples.shape}.")
        if pcm.seconds > settings.max_utterance_seconds:
            raise TooLarge(f"One utterance may last {settings.max_utterance_seconds:g} s, not {pcm.seconds:.0f} s.")
        if utterance.language is not None and utterance.language not in settings.languages:
            known = ", ".join(settings.languages)
            raise Unsupported(f"The language {utterance.language!r} is not understood here; these are: {known}.")
        samples = np.ascontiguousarray(pcm.samples, np.float32)
        if not np.isfinite(samples).all():
            raise BadInput("The speech holds samples that are not finite numbers (NaN or infinity).")
        return [
            _Window(
                member=member,
                start_seconds=span.start / HEARING_RATE_HZ,
                samples=samples[span.start : span.end],
                window_seconds=self._window_seconds(span),
                language=utterance.language,
            )
            for span in find_spans(samples, settings.voice_activity)
        ]

    def _window_seconds(self, span: Span) -> float:
        needed = math.ceil((span.seconds + SILENCE_AFTER_SECONDS) / WINDOW_GRID_SECONDS) * WINDOW_GRID_SECONDS
        return min(LONGEST_WINDOW_SECONDS, max(self._settings.min_window_seconds, needed))

    def _encode(self, windows: Sequence[_Window]) -> list[_Window]:
        """Windows of one length, encoded, and each with its own likeliest language where none was given."""
        encoded = self._model.encode([window.samples for window in windows], windows[0].window_seconds)
        languages: list[str | None] = [window.language for window in windows]
        unknown = [row for row, language in enumerate(languages) if language is None]
        if unknown:
            for row, shares in zip(unknown, self._model.language_probabilities(encoded[unknown]), strict=True):
                languages[row] = max(self._settings.languages, key=lambda name: shares.get(name, 0.0))
        return [
            replace(window, encoded=row, language=language)
            for window, row, language in zip(windows, encoded, languages, strict=True)
        ]

    def _decode(self, windows: Sequence[_Window]) -> list[_Window]:
        """Windows of one length and one language, with their text and words."""
        rows = np.stack([window.encoded for window in windows if window.encoded is not None])
        language = windows[0].language or self._settings.languages[0]
        decoded = self._guarded(rows, language, windows[0].window_seconds)
        words: list[list[Word]] = [[] for _ in windows]
        for row, aligned in self._aligned(rows, language, decoded, windows):
            if self._settings.word_times:
                words[row] = self._model.words(aligned, language, windows[row].start_seconds)
        return [
            replace(window, text=one.text, words=tuple(found))
            for window, one, found in zip(windows, decoded, words, strict=True)
        ]

    def _aligned(
        self, rows: Encoded, language: str, decoded: list[Decoded], windows: Sequence[_Window]
    ) -> Iterator[tuple[int, Aligned]]:
        """Texts where they lie in the sound; what has no place there is taken out of `decoded` on the way.

        Without word times only what repeats itself is aligned.
        """
        wanted = [row for row, one in enumerate(decoded) if one.text]
        if not self._settings.word_times:
            wanted = [r for r in wanted if any(repetitions(self._said(decoded[r], language)))]
        while wanted:
            seconds = [windows[row].seconds for row in wanted]
            found = self._model.align(rows[wanted], language, [decoded[row] for row in wanted], seconds)
            shortened = []
            for row, aligned in zip(wanted, found, strict=True):
                keys = self._model.keys(aligned.tokens, language)
                start, end = made_up(keys, aligned.begins, self._settings.max_tokens_per_second)
                if start == end:
                    yield row, aligned
                else:
                    decoded[row] = self._model.without(decoded[row], language, start, end)
                    shortened.append(row)
            wanted = shortened

    def _said(self, decoded: Decoded, language: str) -> list[str | int]:
        return [key for key in self._model.keys(decoded.tokens, language) if key is not None]

    def _guarded(self, rows: Encoded, language: str, window_seconds: float) -> list[Decoded]:
        """Decoded texts; a loop is decoded once more with repetition forbidden; what stays doubtful becomes silence."""
        decoded = self._model.decode(rows, language, window_seconds)
        looping = [row for row, one in enumerate(decoded) if self._repeats(one)]
        if looping:
            again = self._model.decode(rows[looping], language, window_seconds, against_repetition=True)
            for row, one in zip(looping, again, strict=True):
                decoded[row] = one
        return [replace(one, text="") if self._doubtful(one) else one for one in decoded]

    def _repeats(self, decoded: Decoded) -> bool:
        return compression_ratio(decoded.text) > self._settings.max_compression_ratio

    def _doubtful(self, decoded: Decoded) -> bool:
        silent = decoded.no_speech > self._settings.max_no_speech_probability
        unsure = decoded.confidence < self._settings.min_mean_log_probability
        return (silent and unsure) or self._repeats(decoded)

    def _transcript(self, utterance: Utterance, windows: Sequence[_Window]) -> Transcript:
        ordered = sorted(windows, key=lambda window: window.start_seconds)
        language = utterance.language or next((w.language for w in ordered if w.language), self._settings.languages[0])
        between = "" if language in UNSPACED_LANGUAGES else " "
        return Transcript(
            text=between.join(window.text for window in ordered if window.text),
            language=language,
            words=in_order([word for window in ordered for word in window.words], utterance.pcm.seconds),
            seconds=utterance.pcm.seconds,
        )


def _settle_languages(windows: Sequence[_Window]) -> list[_Window]:
    """One language for each utterance: the one most of its seconds were taken for."""
    seconds: dict[int, dict[str, float]] = {}
    for window in windows:
        votes = seconds.setdefault(window.member, {})
        votes[window.language or ""] = votes.get(window.language or "", 0.0) + window.seconds
    return [replace(w, language=max(seconds[w.member], key=lambda name: seconds[w.member][name])) for w in windows]


def _grouped(items: Iterable[T], key: Callable[[T], Hashable], most: int) -> list[list[T]]:
    """Items of equal key together, in the order in which the keys first come, at most so many in a group."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return [group[at : at + most] for group in groups.values() for at in range(0, len(group), most)]
