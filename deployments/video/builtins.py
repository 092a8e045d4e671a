"""The portraits that come with the product. Their avatar ids are the file names without the ending."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from deployments.contracts import Image
from deployments.errors import BadInput, EngineFailed, NotFound

PORTRAITS = Path(__file__).resolve().parent / "portraits"
DEFAULT_AVATAR = "grace_hopper"
_ENDINGS = (".jpg", ".png")


@cache
def built_in_avatars() -> dict[str, Path]:
    """Avatar id to photo, the default one first."""
    found = {path.stem: path for path in sorted(PORTRAITS.iterdir()) if path.suffix in _ENDINGS}
    return {DEFAULT_AVATAR: found.pop(DEFAULT_AVATAR), **found}


def built_in_photo(avatar_id: str) -> Image:
    """The photo of a built-in avatar: uint8 [h, w, 3] BGR. Raises NotFound."""
    path = built_in_avatars().get(avatar_id)
    if path is None:
        raise NotFound(f"There is no built-in avatar {avatar_id!r}. There are: {', '.join(built_in_avatars())}.")
    photo = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if photo is None:
        raise EngineFailed(f"The built-in portrait {path} cannot be read. Install the package again.")
    return photo.astype(np.uint8, copy=False)


def enrolment_of(avatar_id: str, load: Callable[[str], bytes]) -> bytes:
    """What `load` gives for an uploaded avatar. Raises NotFound that names those which are always there."""
    try:
        return load(avatar_id)
    except NotFound as error:
        known = ", ".join(built_in_avatars())
        raise NotFound(f"There is no avatar {avatar_id!r}. Use {known}, or enrol a photo first.") from error


def other_size(made_for: tuple[int, int], frame_size: tuple[int, int]) -> BadInput:
    """The refusal of an avatar that was enrolled for frames of another (width, height)."""
    return BadInput(
        f"The avatar was enrolled for frames of {made_for} pixels, and the video stage now makes {frame_size}. "
        "Enrol the photo again."
    )
