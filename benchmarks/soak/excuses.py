"""What nobody is to blame for: replicas die, and places are taken."""

from benchmarks.soak.diary import Diary

AFTER_DEATH_SECONDS = 60.0
"""So long after a replica's death lost lines and errors of the house are to be expected: on two busy cores its
successor takes about half of that to be ready."""
_BUSY = ("at_capacity", "coordinator_away")


def busy_code(code: str) -> bool:
    """Whether an error says that one is to come again."""
    return code in _BUSY


def excused(diary: Diary, what: str, trouble: str) -> None:
    """`what` happened: a mere `trouble` where a replica has just died, else wrong. Its words are kept either way."""
    if diary.killed_within(AFTER_DEATH_SECONDS):
        diary.note_excused(what, trouble)
    else:
        diary.note_wrong(what)
