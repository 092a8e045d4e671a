"""Whisper's own four operations on CTranslate2, without the 30-second window: encode, tell language, decode, align."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ctranslate2
import numpy as np
import numpy.typing as npt
import tokenizers
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import _LANGUAGE_CODES as LANGUAGE_CODES
from faster_whisper.tokenizer import Tokenizer

from deployments.asr.cublas import load_cublas
from deployments.asr.failures import failure
from deployments.asr.settings import AsrSettings
from deployments.asr.words import align_words, is_punctuation, token_begins
from deployments.contracts import HEARING_RATE_HZ, Float32, Word
from deployments.errors import Unsupported

MEL_FRAMES_PER_SECOND = 100
UNSPACED_LANGUAGES = frozenset({"zh", "yue", "ja", "th"})
MAX_TOKENS = 224
"""Half of Whisper's context of 448: the other half belongs to the prompt."""

Encoded = npt.NDArray[np.float32]
"""float32 [windows, 50 steps a second, model width]."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of one window. `no_speech`: probability that nobody speaks; `confidence`: mean log probability."""

    tokens: tuple[int, ...]
    text: str
    no_speech: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Aligned:
    """The tokens of one window, and (token, step) pairs along the path on which they meet the sound."""

    tokens: tuple[int, ...]
    alignments: tuple[tuple[int, int], ...]

    @property
    def begins(self) -> list[float]:
        """Seconds from the start of the window at which each token begins, and at which the last one ends."""
        found = token_begins(self.alignments)
        last = found[-1] if found else 0.0
        return (found + [last] * (len(self.tokens) + 1))[: len(self.tokens) + 1]


class WhisperModel:
    """One loaded model. Not thread-safe. Raises RuntimeError where CTranslate2 does.

    What goes in and comes out lies in the processor's memory whatever the device: an encoded window is 2 MB at most.
    """

    def __init__(self, folder: Path, settings: AsrSettings) -> None:
        """Raises EngineFailed where the device or its libraries are missing or cannot do `compute_type`, Unsupported
        for a configured language that the model does not know; both with the remedy."""
        self._settings = settings
        if settings.device == "cuda":
            load_cublas()
        try:
            self._model = ctranslate2.models.Whisper(
                str(folder),
                device=settings.device,
                device_index=settings.device_index if settings.device == "cuda" else 0,
                compute_type=settings.compute_type,
                intra_threads=settings.threads,
                inter_threads=1,
            )
        except (RuntimeError, ValueError) as error:
            raise failure(error, settings) from error
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        for language in settings.languages:
            # Large-v3 has Cantonese (yue), which the smaller ones do not.
            if language not in LANGUAGE_CODES or tokenizer.token_to_id(f"<|{language}|>") is None:
                raise Unsupported(
                    f"{settings.weights} does not know the language {language!r}. Take it out of asr.languages, or "
                    "choose other weights, such as whisper-large-v3-turbo."
                )
        self._tokenizers = {
            language: Tokenizer(tokenizer, True, task="transcribe", language=language)
            for language in settings.languages
        }
        self._features = FeatureExtractor(feature_size=self._model.n_mels)

    def encode(self, windows: Sequence[Float32], window_seconds: float) -> Encoded:
        """Windows of speech, each shorter than `window_seconds` and followed by silence up to it.

        The sound is padded, not the spectrogram: so was all that the model learned from.
        """
        length = round(window_seconds * HEARING_RATE_HZ)
        frames = round(window_seconds * MEL_FRAMES_PER_SECOND)
        features = [self._features(np.pad(samples, (0, length - len(samples))))[:, :frames] for samples in windows]
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(np.stack(features), np.float32))
        return np.array(self._model.encode(view, to_cpu=True), np.float32)

    def language_probabilities(self, encoded: Encoded) -> list[dict[str, float]]:
        """For each window, the probability of each configured language (of all that the model knows)."""
        found = self._model.detect_language(_view(encoded))
        return [
            {name[2:-2]: float(share) for name, share in row if name[2:-2] in self._settings.languages} for row in found
        ]

    def decode(
        self, encoded: Encoded, language: str, window_seconds: float, against_repetition: bool = False
    ) -> list[Decoded]:
        """The text of each window, all in one language. The same input gives the same text.

        `against_repetition` forbids any three tokens to come twice: the second try after a decoding loop.
        """
        tokenizer = self._tokenizers[language]
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        before = self._settings.prompts.get(language)
        if before:
            prompt = [tokenizer.sot_prev, *tokenizer.encode(" " + before), *prompt]
        room = min(MAX_TOKENS, round(self._settings.max_tokens_per_second * window_seconds))
        results = self._model.generate(
            _view(encoded),
            [prompt] * len(encoded),
            beam_size=self._settings.beam_size,
            max_length=len(prompt) + room,
            repetition_penalty=1.2 if against_repetition else 1.0,
            no_repeat_ngram_size=3 if against_repetition else 0,
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [
            Decoded(
                tokens=tuple(result.sequences_ids[0]),
                text=tokenizer.decode(result.sequences_ids[0]).strip(),
                no_speech=float(result.no_speech_prob),
                confidence=float(result.scores[0]),
            )
            for result in results
        ]

    def align(
        self, encoded: Encoded, language: str, decoded: Sequence[Decoded], seconds: Sequence[float]
    ) -> list[Aligned]:
        """Where in its window each token lies. `seconds`: length of the speech in each window."""
        tokenizer = self._tokenizers[language]
        frames = [max(2, int(length * MEL_FRAMES_PER_SECOND)) for length in seconds]
        texts = [[token for token in one.tokens if token < tokenizer.eot] for one in decoded]
        results = self._model.align(_view(encoded), tokenizer.sot_sequence, texts, frames)
        return [Aligned(tuple(tokens), tuple(result.alignments)) for tokens, result in zip(texts, results, strict=True)]

    def words(self, aligned: Aligned, language: str, offset: float) -> list[Word]:
        """Words with times; the window starts at `offset` seconds of the utterance."""
        tokenizer = self._tokenizers[language]
        names, groups = tokenizer.split_to_word_tokens([*aligned.tokens, tokenizer.eot])
        counts = [len(group) for group in groups]
        return align_words(names, counts, aligned.alignments, offset, language not in UNSPACED_LANGUAGES)

    def keys(self, tokens: Sequence[int], language: str) -> list[str | int | None]:
        """What each token says, without case and spaces; None for punctuation, its number for part of a letter."""
        texts = [self._tokenizers[language].decode([token]).strip().casefold() for token in tokens]
        return [
            token if "\ufffd" in text else None if is_punctuation(text) else text
            for token, text in zip(tokens, texts, strict=True)
        ]

    def without(self, decoded: Decoded, language: str, start: int, end: int) -> Decoded:
        """The text without tokens `start` to `end` (exclusive)."""
        tokens = (*decoded.tokens[:start], *decoded.tokens[end:])
        return replace(decoded, tokens=tokens, text=self._tokenizers[language].decode(tokens).strip())


def _view(encoded: Encoded) -> ctranslate2.StorageView:
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(encoded))
