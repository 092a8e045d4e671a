"""What a response is to be like: the session's way, and what the client asked of this one."""

from dataclasses import dataclass

from serve_app.realtime.client_events import ResponseFields
from serve_app.realtime.configuration import Avatar, Configuration
from serve_app.voice_names import our_voice


@dataclass(frozen=True, slots=True)
class Plan:
    """`voice` "default" is the language's own. `max_tokens` None: the configured length. Out of band
    (`in_conversation` False) nobody will remember it."""

    avatar: Avatar
    modality: str
    voice: str
    speed: float
    instructions: str | None
    max_tokens: int | None
    in_conversation: bool = True
    metadata: dict[str, str] | None = None

    @property
    def spoken(self) -> bool:
        return self.modality == "audio"

    @property
    def picture(self) -> bool:
        return self.spoken and self.avatar.video

    @property
    def voice_id(self) -> str | None:
        return our_voice(self.voice)


def plan_of(configuration: Configuration, asked: ResponseFields | None = None) -> Plan:
    """What `asked` leaves out is as the session says."""
    asked = asked or ResponseFields()
    output = asked.audio.output if asked.audio else None
    modalities = asked.output_modalities or configuration.output_modalities
    limit = configuration.max_output_tokens if asked.max_output_tokens is None else asked.max_output_tokens
    return Plan(
        avatar=configuration.avatar,
        modality=modalities[0],
        voice=(output.voice if output else None) or configuration.audio.output.voice,
        speed=configuration.audio.output.speed,
        instructions=configuration.instructions if asked.instructions is None else asked.instructions,
        max_tokens=None if limit == "inf" else int(limit),
        in_conversation=asked.conversation != "none",
        metadata=asked.metadata,
    )
