"""What the realtime socket allows, and how turns are taken on it."""

from pydantic import BaseModel, ConfigDict, Field

from serve_app.realtime.hearing.settings import EarSettings


class RealtimeSettings(BaseModel):
    """Limits of the realtime socket. All times in seconds of wall time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_sessions: int = Field(64, ge=1, description="open sockets in one gateway; more are closed with 1013")
    max_session_seconds: float = Field(3600, gt=0, description="a connection's longest life; it may then be resumed")
    max_message_bytes: int = Field(4 * 2**20, ge=1024, description="largest message from a client; 1009 closes")
    max_backlog_bytes: int = Field(
        16 * 2**20, ge=1024, description="messages from a client that wait to be worked on; beyond it 1009 closes"
    )
    send_queue_bytes: int = Field(
        4 * 2**20, ge=1024, description="what waits to be sent before an answer is made no further"
    )
    stall_seconds: float = Field(
        10, gt=0, description="a client with unplayed media, or one that takes nothing, is closed after such a silence"
    )
    pause_seconds: float = Field(
        60, gt=0, description="a client whose playback stands still, though it gives signs of life, is closed after it"
    )
    ear: EarSettings = Field(EarSettings(), description="how speech and the ends of turns are heard")
    idle_gap_seconds: float = Field(
        0.5, gt=0, description="while somebody speaks, sound that stays away for longer counts as silence"
    )
    speculate: bool = Field(True, description="begin the answer at the first short pause, before the turn is over")
    partials: bool = Field(True, description="write down what is being said while it is being said")
    max_items: int = Field(1000, ge=2, description="items a conversation keeps; beyond it the oldest are deleted")
    max_text_characters: int = Field(4000, gt=0, description="longest text of an item or of instructions")
    max_item_audio_seconds: float = Field(60, gt=0, description="longest sound in an item that a client creates")
    save_retry_seconds: float = Field(1, gt=0, description="between attempts to save a session")
    farewell_seconds: float = Field(2, ge=0, description="time for the closing words, and to forget a session")
    last_save_seconds: float = Field(
        20,
        ge=0,
        description="how long a session whose line broke is tried to be saved, as while the Coordinator restarts",
    )
