"""Signs that Whisper made a text up. Thresholds are settings; their defaults are those of the Whisper paper (§4.5)."""

import zlib


def compression_ratio(text: str) -> float:
    """How many times smaller zlib makes the text. Ordinary sentences stay under 2.4, a decoding loop does not.

    A text under 40 bytes cannot be judged and counts as 1.
    """
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if len(data) >= 40 else 1.0
