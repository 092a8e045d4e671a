"""A job as its clients see it: OpenAI's video object, with what else there is to know."""

from serve_app.jobs.contracts import Job, JobStatus
from serve_app.served_models import REALTIME


def video_object(job: Job, frame_size: tuple[int, int] | None) -> dict[str, object]:
    """JSON. Times in whole Unix seconds, as there; `seconds` is a string, as there; `durations` are seconds by stage.
    `frame_size` None: the video stage does not say at the moment."""
    order = job.order
    failed = job.status is JobStatus.FAILED
    return {
        "id": job.id,
        "object": "video",
        "model": REALTIME,
        "status": job.status.value,
        "progress": job.progress,
        "created_at": int(job.created_at),
        "started_at": _whole(job.started_at),
        "completed_at": _whole(job.completed_at),
        "expires_at": _whole(job.expires_at),
        "error": {"code": job.error_code, "message": job.error_message} if failed else None,
        "prompt": order.script,
        "seconds": f"{job.seconds:g}",
        "size": f"{frame_size[0]}x{frame_size[1]}" if frame_size else None,
        "remixed_from_video_id": None,
        "language": job.language or order.language,
        "voice": order.voice_id,
        "avatar": order.avatar_id,
        "seed": order.seed,
        "callback_url": order.callback_url,
        "transcript": job.transcript or None,
        "worker": job.worker,
        "attempts": job.attempts,
        "durations": job.durations | _spans(job),
    }


def _spans(job: Job) -> dict[str, float]:
    """`queued`: until it was begun first. `elapsed`: from the order to the end."""
    spans = {"queued": job.started_at, "elapsed": job.completed_at}
    return {name: round(until - job.created_at, 3) for name, until in spans.items() if until is not None}


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
