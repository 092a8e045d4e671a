"""The faces that 8-bit engines are calibrated on: the user's own avatars."""

import logging

from deployments.errors import BadInput, EngineFailed
from deployments.store.store import AVATAR_ENROLMENTS, Store
from deployments.video.ditto.face.avatar import DittoAvatar
from deployments.video.ditto.runtimes.exportable import Networks
from deployments.video.ditto.runtimes.samples import Frames, of_avatars

logger = logging.getLogger("ray.serve")

NO_AVATARS = (
    "8-bit engines are calibrated on your own avatars, and the store {url} has none that Ditto enrolled. Start the "
    "server with fp16 engines, upload photos (POST /v1/avatars), and build again; or stay with fp16."
)


def stored_frames(url: str, networks: Networks, each: int) -> Frames:
    """`each` frames of every avatar that Ditto enrolled in a store. Others' enrolments are passed over.

    Raises BadInput where there is none.
    """
    store = Store(url)
    found = []
    for avatar_id in store.list(AVATAR_ENROLMENTS):
        try:
            found.append(DittoAvatar.from_bytes(store.get(AVATAR_ENROLMENTS, avatar_id)))
        except EngineFailed as error:
            logger.warning("Avatar %s is passed over: %s", avatar_id, error.message)
    if not found:
        raise BadInput(NO_AVATARS.format(url=url))
    return of_avatars(found, networks, each)
