"""Who goes first when all stages want the processor at once."""

import os
from pathlib import Path


def yield_to_others(niceness: int) -> None:
    """Lowers the priority of every thread this process has, and so of those they start (Linux: nice is per thread).

    `niceness` 0 changes nothing, 19 is the most yielding. It cannot be taken back without root, so it is never
    lowered: a process already nicer than asked stays so.
    """
    for task in Path("/proc/self/task").iterdir():
        thread = int(task.name)
        try:
            if os.getpriority(os.PRIO_PROCESS, thread) < niceness:
                os.setpriority(os.PRIO_PROCESS, thread, niceness)
        except ProcessLookupError:
            continue  # the thread ended between listing and asking
