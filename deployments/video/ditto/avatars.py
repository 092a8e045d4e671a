"""Avatars ready on the device: enrolled, read once, and kept while they are in use."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from deployments.video.builtins import built_in_avatars, enrolment_of, other_size
from deployments.video.ditto.drawing import Face
from deployments.video.ditto.face.avatar import DittoAvatar
from deployments.video.ditto.motion.character import Character

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """`face`: what is drawn. `character`: whom the motion is made for."""

    face: Face
    character: Character


class Avatars:
    """The least recently used goes when there are too many."""

    def __init__(
        self,
        load: Callable[[str], bytes],
        enrol: Callable[[str], DittoAvatar],
        prepare: Callable[[DittoAvatar], Ready],
        canvas: Size,
        most: int,
    ) -> None:
        """`load` gives the enrolment blob of an avatar id, or raises NotFound. `enrol` makes an avatar of a built-in
        one's photo; `prepare` puts one on the device."""
        self._load, self._enrol, self._prepare = load, enrol, prepare
        self._canvas, self._most = canvas, most
        self._kept: OrderedDict[str, Ready] = OrderedDict()
        self._built_in: dict[str, DittoAvatar] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, avatar_id: str, begins: bool) -> Ready:
        """The avatar of a stream. Where one `begins`, an avatar that was deleted is not found although it is here.

        Raises NotFound, BadInput for an avatar of another canvas, EngineFailed for a damaged one.
        """
        if begins and avatar_id in self._kept and avatar_id not in built_in_avatars():
            enrolment_of(avatar_id, self._load)
        ready = self._kept.pop(avatar_id, None)
        if ready is None:
            ready = self._prepare(self._avatar(avatar_id))
        self._kept[avatar_id] = ready
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return ready

    def _avatar(self, avatar_id: str) -> DittoAvatar:
        if avatar_id in built_in_avatars():
            if avatar_id not in self._built_in:
                self._built_in[avatar_id] = self._enrol(avatar_id)
            return self._built_in[avatar_id]
        avatar = DittoAvatar.from_bytes(enrolment_of(avatar_id, self._load))
        if avatar.canvas != self._canvas:
            raise other_size(avatar.canvas, self._canvas)
        return avatar
