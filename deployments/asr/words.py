"""From Whisper's alignment of tokens with sound to words with times."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from deployments.contracts import Word

SECONDS_PER_STEP = 0.02
"""The encoder's output has 50 steps a second."""


def align_words(
    texts: Sequence[str],
    token_counts: Sequence[int],
    alignments: Sequence[tuple[int, int]],
    offset_seconds: float,
    spaced: bool = True,
) -> list[Word]:
    """Words from one window's alignment.

    `texts` are the words with their leading spaces, `token_counts` their lengths in tokens, one more for the end of
    text. `alignments`: (token, step) pairs along the path of dynamic time warping: where a token first appears on it
    the token begins. `offset_seconds` is where the window starts in the utterance.
    `spaced`: the language puts spaces between words, so that what has none before it ("-known") belongs to the last.
    """
    if len(alignments) == 0 or len(texts) < 2:
        return []
    begins = [second + offset_seconds for second in token_begins(alignments)]
    boundaries = np.cumsum([0, *token_counts[:-1]])
    words: list[Word] = []
    for text, first, last in zip(texts, boundaries, boundaries[1:], strict=False):
        if last >= len(begins):
            break
        start, end = begins[first], begins[last]
        if words and is_punctuation(text):
            words[-1] = replace(words[-1], text=words[-1].text + text.strip())
        elif words and spaced and not text.startswith(" "):
            words[-1] = Word(words[-1].text + text.rstrip(), words[-1].start_seconds, end)
        else:
            words.append(Word(text.strip(), start, end))
    return [word for word in words if word.text]


def token_begins(alignments: Sequence[tuple[int, int]]) -> list[float]:
    """Seconds from the start of the window at which each token begins, the end of text last."""
    tokens = np.array([pair[0] for pair in alignments], np.int64)
    steps = np.array([pair[1] for pair in alignments], np.int64)
    return [float(step) * SECONDS_PER_STEP for step in steps[np.flatnonzero(np.diff(tokens, prepend=-1))]]


def is_punctuation(text: str) -> bool:
    """Whether a word is nothing but punctuation, of any script."""
    return all(unicodedata.category(character)[0] in "PSZ" for character in text)


def in_order(words: Sequence[Word], seconds: float) -> tuple[Word, ...]:
    """The words with times that never go back and stay within the utterance."""
    ordered: list[Word] = []
    latest = 0.0
    for word in words:
        start = min(max(word.start_seconds, latest), seconds)
        end = min(max(word.end_seconds, start), seconds)
        ordered.append(Word(word.text, round(start, 3), round(end, 3)))
        latest = end
    return tuple(ordered)
