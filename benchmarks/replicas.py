"""The replicas of a running application, and their sudden death."""

import asyncio
import os
import random
import re
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.application import family_of


def replicas(process_id: int) -> dict[str, list[int]]:
    """Process ids of each deployment's replicas, by the deployment's name, among the descendants of a process."""
    found: dict[str, list[int]] = {}
    for child in family_of(process_id):
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if name := re.match(r"ray::.*ServeReplica:[^:]*:(\w+)", command):
            found.setdefault(name.group(1), []).append(child)
    return found


async def kill_now_and_then(
    process_id: int, names: Sequence[str], seconds: float, chance: random.Random, killed: Callable[[str], None]
) -> None:
    """Every so many seconds one replica dies without a word: the deployments in order, the replica by chance. `killed`
    hears whose it was; never returns."""
    number = 0
    while True:
        await asyncio.sleep(seconds * chance.uniform(0.5, 1.5))
        name = names[number % len(names)]
        number += 1
        if victims := replicas(process_id).get(name):
            with suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL)
                killed(name)
