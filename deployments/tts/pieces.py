"""Long texts, as phonemes, cut into pieces that the model can speak."""

import re

_BREAKS = (r"(?<=[.!?…]) ", r"(?<=[;:—]) ", r"(?<=[,”)]) ", r" ")


def split_phonemes(phonemes: str, limit: int) -> list[str]:
    """Pieces of at most `limit` phonemes, cut where the best mark is: sentences, then clauses, then words.

    Joined by spaces they are `phonemes` again; a word longer than the limit is cut hard.
    """
    phonemes = phonemes.strip()
    if len(phonemes) <= limit:
        return [phonemes] if phonemes else []
    for pattern in _BREAKS:
        places = [match.start() for match in re.finditer(pattern, phonemes)]
        # Near the middle of what fits, so that no piece is a single word; the last place that fits otherwise.
        fitting = [place for place in places if limit // 4 <= place <= limit]
        if fitting:
            return [phonemes[: fitting[-1]].strip(), *split_phonemes(phonemes[fitting[-1] :], limit)]
    return [phonemes[:limit].strip(), *split_phonemes(phonemes[limit:], limit)]
