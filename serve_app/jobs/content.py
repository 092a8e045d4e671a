"""What is stored for a job: the question, the parts made so far, the film. Every key begins with the job's id."""

import asyncio
import logging

from deployments.errors import NotFound
from deployments.store.store import FILMS, JOB_AUDIO, JOB_PARTS, Store

logger = logging.getLogger("ray.serve")

KINDS = (JOB_AUDIO, JOB_PARTS, FILMS)


def part_key(job_id: str, token: str, number: int) -> str:
    """A lease's own: what a worker that has lost its lease still writes harms nobody."""
    return f"{job_id}.{token[:12]}.{number}"


def film_key(job_id: str, token: str) -> str:
    return f"{job_id}.{token[:12]}"


def job_of_key(key: str) -> str:
    return key.split(".")[0]


async def delete_content(store: Store, job_id: str, kinds: tuple[str, ...] = KINDS) -> None:
    """Deletes all that was stored for a job, whichever worker stored it."""
    for kind in kinds:
        for key in await asyncio.to_thread(store.list, kind):
            if job_of_key(key) == job_id:
                await delete_blob(store, kind, key)


async def delete_blob(store: Store, kind: str, key: str) -> None:
    try:
        await asyncio.to_thread(store.delete, kind, key)
    except NotFound:
        logger.info("%s/%s was gone already", kind, key)
