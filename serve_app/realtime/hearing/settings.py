"""How a session hears: when somebody begins and ends to speak, and what of it is the avatar's own voice."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TurnDetection(_Settings):
    """Who decides that a turn is over: the server, by the silence after it. As OpenAI's `server_vad`."""

    type: Literal["server_vad"] = Field("server_vad", description="the only kind there is; none is push-to-talk")
    threshold: float = Field(0.5, ge=0, le=1, description="probability above which a 32 ms window is speech")
    prefix_padding_ms: int = Field(300, ge=0, le=2000, description="sound kept from before the speech")
    silence_duration_ms: int = Field(500, ge=200, le=2000, description="so much silence ends the turn")
    create_response: bool = Field(True, description="answer when the turn is over")
    interrupt_response: bool = Field(True, description="stop answering when somebody speaks")


class EchoSettings(_Settings):
    """How the avatar's own voice is told from a person's when the microphone hears both."""

    enabled: bool = Field(True, description="without it whatever sounds like speech interrupts the avatar")
    filter_ms: int = Field(192, ge=16, le=512, description="length of the room's answer that is subtracted")
    search_back_seconds: float = Field(
        1.5, ge=0.1, le=5, description="how much earlier in the answer than reported the echo is looked for"
    )
    search_ahead_seconds: float = Field(
        0.8, ge=0, le=5, description="how much later in the answer than reported the echo is looked for"
    )
    search_sound_ms: int = Field(400, ge=100, le=1000, description="how much of the microphone's sound is looked for")
    likeness: float = Field(0.22, gt=0, le=1, description="correlation above which the sound is an echo")
    unlikeness: float = Field(
        0.15, gt=0, le=1, description="correlation under which it is none; between the two it is listened to again"
    )
    doubts: int = Field(2, ge=0, le=10, description="how often it is listened to again before it counts as a person")
    doubt_ms: int = Field(96, ge=32, le=500, description="how much more speech is waited for each time")
    leak_db: float = Field(
        0.0, ge=-30, le=20, description="what stays of an echo is at most so loud, relative to what was subtracted"
    )
    least_leak_db: float = Field(
        -10.0, ge=-40, le=20, description="the same once the subtraction has proved to be better"
    )
    decay_db_per_second: float = Field(
        100.0, gt=0, description="how fast a room's reverberation dies away; 60 dB in 0.6 s is a living room"
    )
    tail_seconds: float = Field(1.5, ge=0, le=5, description="sound that may still be on its way after playback ended")
    kept_seconds: float = Field(20.0, ge=2, le=120, description="how much of an answer is remembered behind playback")


class EarSettings(_Settings):
    """What one session's ear does. Times in milliseconds of the session's sound."""

    detection: TurnDetection | None = Field(TurnDetection(), description="turn detection of a new session")
    start_ms: int = Field(96, ge=32, le=1000, description="so much speech begins a turn; shorter bursts are noises")
    speculate_ms: int = Field(
        150, ge=64, le=1000, description="after so much silence an answer is begun on speculation"
    )
    resume_ms: int = Field(64, ge=32, le=500, description="so much speech after a pause goes on with the turn")
    interrupt_ms: int = Field(200, ge=32, le=1000, description="so much speech interrupts the avatar")
    hysteresis: float = Field(
        0.15, ge=0, lt=0.5, description="a window is silent when its probability is so far below the threshold"
    )
    lengthened_ms: int = Field(1000, ge=200, description="speech between two looks at what was said so far")
    max_utterance_seconds: float = Field(60.0, ge=1, le=600, description="a longer turn is ended; longer input refused")
    min_commit_ms: int = Field(100, ge=0, description="less sound than this is no input")
    echo: EchoSettings = Field(EchoSettings(), description="the avatar's own voice in the microphone")
