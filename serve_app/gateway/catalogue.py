"""Who can be seen and heard here: the built-in avatars and voices, and the uploaded ones."""

from dataclasses import asdict, dataclass
from datetime import timedelta

from deployments.errors import Unsupported
from deployments.store.store import AVATAR_ENROLMENTS, IDLE_CLIPS, PORTRAITS, VOICE_ENROLMENTS, Store
from deployments.video.builtins import built_in_avatars
from serve_app.gateway.settings import GatewaySettings
from serve_app.gateway.uploads import Record, Uploads
from serve_app.stages import Stages


@dataclass(frozen=True, slots=True)
class Choice:
    """How a turn looks and sounds, checked: all three exist, or are None where the client named none."""

    avatar_id: str | None
    voice_id: str | None
    language: str | None


class Catalogue:
    """Looks names up before any stage works. Built-in voices come from the TTS stage and are asked for once."""

    def __init__(self, stages: Stages, store: Store, settings: GatewaySettings, languages: tuple[str, ...]) -> None:
        retention = timedelta(hours=settings.retention_hours)
        faces = (AVATAR_ENROLMENTS, PORTRAITS, IDLE_CLIPS)
        self.avatars = Uploads(store, "avatar", faces, retention, settings.max_uploads)
        self.voices = Uploads(store, "voice", (VOICE_ENROLMENTS,), retention, settings.max_uploads)
        self.portraits = built_in_avatars()
        self._stages = stages
        self._languages = languages
        self._builtin_voices: list[dict[str, object]] | None = None

    async def choose(self, owner: str, avatar: str | None, voice: str | None, language: str | None) -> Choice:
        """Checked anew for each turn: an upload may have been deleted, or its time be over, since the last one.

        `owner` is the asking key's name. Raises Unsupported for a language that is not spoken here, NotFound for an
        unknown avatar or voice and for another owner's.
        """
        spoken = self.language(language)
        if avatar is not None and avatar not in self.portraits:
            await self.avatars.find(owner, avatar)
        if voice is not None and voice not in [entry["id"] for entry in await self.builtin_voices()]:
            await self.voices.find(owner, voice)
        return Choice(avatar, voice, spoken)

    def language(self, tag: str | None) -> str | None:
        """The ISO 639-1 part of a language tag, such as en of en-GB. Raises Unsupported."""
        if tag is None:
            return None
        language = tag.split("-")[0].lower()
        if language not in self._languages:
            raise Unsupported(f"The language {tag!r} is not spoken here. Choose one of: {', '.join(self._languages)}.")
        return language

    async def builtin_voices(self) -> list[dict[str, object]]:
        """The voices of the TTS stage; each has at least an `id`."""
        if self._builtin_voices is None:
            self._builtin_voices = await self._stages.voices()
        return self._builtin_voices

    async def list_avatars(self, owner: str) -> list[dict[str, object]]:
        builtin = [_avatar(name, name.replace("_", " ").title(), "built-in") for name in self.portraits]
        return builtin + [avatar_entry(record) for record in await self.avatars.current(owner)]

    async def list_voices(self, owner: str) -> list[dict[str, object]]:
        builtin = [_builtin_voice(voice) for voice in await self.builtin_voices()]
        return builtin + [voice_entry(record) for record in await self.voices.current(owner)]

    async def find_avatar(self, owner: str, id: str) -> dict[str, object]:
        """Raises NotFound."""
        for entry in await self.list_avatars(owner) if id in self.portraits else []:
            if entry["id"] == id:
                return entry
        return avatar_entry(await self.avatars.find(owner, id))

    async def find_voice(self, owner: str, id: str) -> dict[str, object]:
        """Raises NotFound."""
        for voice in await self.builtin_voices():
            if voice["id"] == id:
                return _builtin_voice(voice)
        return voice_entry(await self.voices.find(owner, id))

    async def sweep(self) -> int:
        """Deletes the uploads whose time is over; how many that were."""
        return await self.avatars.sweep() + await self.voices.sweep()


def avatar_entry(record: Record) -> dict[str, object]:
    times = {"created_at": record.created_at, "expires_at": record.expires_at}
    return {**_avatar(record.id, record.name, "upload"), **times}


def voice_entry(record: Record) -> dict[str, object]:
    """An uploaded voice: a match of the sample among the voices there are, in any language they speak."""
    fields = asdict(record)
    del fields["noun"], fields["owner"]
    return {**fields, "source": "upload"}


def _avatar(id: str, name: str, source: str) -> dict[str, object]:
    return {"id": id, "name": name, "source": source, "portrait": f"/v1/avatars/{id}/portrait"}


def _builtin_voice(voice: dict[str, object]) -> dict[str, object]:
    """`source` is the doors' word, for faces and voices alike, for what the stage calls `kind`."""
    return {name: value for name, value in voice.items() if name != "kind"} | {"source": "built-in"}


def refuse_builtin(id: str, builtin: bool, noun: str) -> None:
    """Raises Unsupported for an attempt to delete what comes with the product."""
    if builtin:
        raise Unsupported(f"The {noun} {id!r} comes with the product and cannot be deleted.")
