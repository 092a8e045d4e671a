"""How many people are answered at once, and what is remembered for how long."""

from pydantic import BaseModel, ConfigDict, Field


class CapacitySettings(BaseModel):
    """Where it was measured how many people a card holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str | None = Field(
        None, min_length=1, description="what `avatar bench capacity` wrote; while it is not there, max_people stands"
    )
    gpu: str | None = Field(None, description="the card it must have been measured on, as in `NVIDIA L4`: L4")
    cards: int = Field(1, ge=1, description="so many cards; the people of one are multiplied by it")


class CoordinatorSettings(BaseModel):
    """Settings of admission and of resumable sessions. All times in seconds of wall time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_people: int = Field(4, ge=1, description="people answered at once, over all gateways")
    capacity: CapacitySettings = Field(
        CapacitySettings(), description="a measurement (`file`, `gpu`, `cards`) that replaces max_people"
    )
    max_waiting: int = Field(16, ge=0, description="people who may wait for a place; more are refused")
    max_wait_seconds: float = Field(120, gt=0, description="who has waited for so long is refused")
    turn_seconds: float = Field(
        10, gt=0, description="how long an answer is taken to hold its place, until some have been measured"
    )
    grace_seconds: float = Field(300, ge=0, description="a session can be resumed for so long after its connection")
    settle_seconds: float = Field(
        1.0, ge=0, description="after a start no session is resumed for so long: what gateways have to save comes first"
    )
    database_url: str = Field(
        "sqlite:///~/.local/share/realtime-avatar/state.db",
        min_length=1,
        description="where sessions and jobs are kept: an SQLAlchemy URL; ~ is this user's home, sqlite:// is memory",
    )
    busy_seconds: float = Field(10, gt=0, description="how long a write waits for another process's write to the file")
    poll_seconds: float = Field(1, gt=0, description="who waits is told the position at least so often")
    beat_seconds: float = Field(2, gt=0, description="how often a gateway says who it is answering")
    gateway_silence_seconds: float = Field(10, gt=0, description="a gateway silent for longer loses its places")
    waiting_silence_seconds: float = Field(5, gt=0, description="who waits and does not ask for so long is forgotten")
    answer_seconds: float = Field(2, gt=0, description="the Coordinator counts as away when it is silent for longer")
    restart_seconds: float = Field(30, ge=0, description="how long history and jobs wait for it to come back")
