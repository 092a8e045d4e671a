"""How jobs are queued, worked on and kept."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from serve_app.phrasing.settings import PhrasingSettings

UNHURRIED = PhrasingSettings(
    first_min_words=3, first_max_words=16, first_min_characters=5, first_max_characters=32, growth=1.0
)
"""Nobody waits for the first sound of a job: all its clauses may be long, which sounds better."""


class JobSettings(BaseModel):
    """Settings of the job queue, of its workers and of completion callbacks. Times are wall time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(1, ge=0, description="jobs that one gateway works on at once; 0 leaves them to others")
    beside_people: int = Field(
        0, ge=0, description="jobs go on while at most this many people are being answered and nobody waits for a place"
    )
    poll_seconds: float = Field(1.0, gt=0, description="how often a worker without a job asks for one")
    patience_seconds: float = Field(
        1.0, ge=0, description="how long one question whether to go on may wait while people are being answered"
    )
    yield_seconds: float = Field(
        0.25, gt=0, description="how often a unit of work looks whether somebody wants to be answered, and gives way"
    )
    lease_seconds: float = Field(
        30.0, gt=0, description="a worker that gives no sign for this long loses its job; it gives one each third of it"
    )
    attempts: int = Field(3, ge=1, description="attempts without a further clause done after which a job has failed")
    retry_seconds: float = Field(5.0, ge=0, description="wait before a job that a stage failed is resumed; doubles")
    backoff_seconds: float = Field(
        0.5, gt=0, description="first wait where the queue does not answer, as while the Coordinator restarts; doubles"
    )
    longest_backoff_seconds: float = Field(10.0, gt=0, description="longest such wait")
    max_queued: int = Field(100, ge=1, description="jobs that may wait or be worked on; more are answered 503")
    max_script_characters: int = Field(10_000, gt=0, description="longest text of a job; about ten minutes of film")
    step_frames: int = Field(
        10, ge=5, le=250, multiple_of=5, description="frames asked for in one step; a person may have to wait for one"
    )
    phrasing: PhrasingSettings = Field(
        UNHURRIED, description="lengths of a job's clauses; each is kept when it is done"
    )
    retention_hours: float = Field(
        24.0,
        gt=0,
        description="an ended job and its film are deleted after this time; one that has waited for it has failed",
    )
    sweep_seconds: float = Field(600.0, gt=0, description="how often expired jobs and leftovers are looked for")
    callback_secret: SecretStr | None = Field(
        None, description="signs completion callbacks, 'whsec_' and base64; AVATAR_WEBHOOK_SECRET where it is not set"
    )
    callback_private: bool = Field(
        False, description="whether callbacks may go to private, loopback and other addresses that are not public"
    )
    callback_timeout_seconds: float = Field(10.0, gt=0, description="time a callback's receiver has to answer")
    callback_attempts: int = Field(8, ge=1, description="times a callback is tried")
    callback_retry_seconds: float = Field(
        5.0, ge=0, description="wait before a callback's second try; each further one is four times as long"
    )
    longest_callback_retry_seconds: float = Field(3600.0, gt=0, description="longest wait between two tries")
