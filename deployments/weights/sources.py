"""What a source of weights is to the puller: bytes into a file, progress on the way, and one kind of failure."""

from collections.abc import Callable

Advanced = Callable[[int], None]
"""Told how many bytes of the file are there now. The number falls back where a source starts again."""


class SourceFailed(Exception):
    """One source could not give a file. The next one is tried; the messages of all end in WeightsMissing."""
