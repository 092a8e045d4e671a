"""Texts compared: what was meant against what was heard."""

from collections.abc import Sequence


def edits(meant: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest substitutions, insertions and deletions between the two: Levenshtein's distance, by Wagner and Fischer's
    table kept one row at a time."""
    row = list(range(len(heard) + 1))
    for line, one in enumerate(meant, 1):
        corner, row[0] = row[0], line
        for column, other in enumerate(heard, 1):
            corner, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, corner + (one != other))
    return row[-1]


def simplified(text: str) -> str:
    """Traditional Chinese characters as simplified ones: which of them a recogniser writes is no error."""
    from misaki.zh_normalization.char_convert import tranditional_to_simplified

    return str(tranditional_to_simplified(text))
