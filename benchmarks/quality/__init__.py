"""Measures of a finished film that a still image fails: `measure(film, ...)`, and `python -m benchmarks.quality`."""

from benchmarks.quality.measure import Quality, judged, measure

__all__ = ["Quality", "judged", "measure"]
