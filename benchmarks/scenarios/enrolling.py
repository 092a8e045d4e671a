"""How long it takes until a new face, and a new voice, can speak."""

import io
import time

import cv2
import numpy as np
import soundfile

from benchmarks.scenarios.contracts import Bench
from benchmarks.sound import recording
from deployments.video.builtins import DEFAULT_AVATAR, built_in_photo
from serve_app.client import AvatarClient
from serve_app.samples.catalogue import questions

RATE_HZ = 16_000


def enrolments(client: AvatarClient, bench: Bench, count: int) -> list[dict[str, float]]:
    """Seconds from sending the upload to its id, of so many faces and voices; each is deleted again."""
    rows = []
    for number in range(count):
        bench.tell(f"enrolment {number + 1} of {count}")
        chance = np.random.default_rng([time.time_ns(), number])
        start = time.perf_counter()
        avatar = client.add_avatar(_new_photo(chance), consent=True, name="benchmark")
        between = time.perf_counter()
        voice = client.add_voice(_new_voice(chance), consent=True, name="benchmark")
        end = time.perf_counter()
        client.delete_avatar(avatar.id)
        client.delete_voice(voice.id)
        rows.append({"avatar_enrolment_seconds": between - start, "voice_enrolment_seconds": end - between})
    return rows


def _new_photo(chance: np.random.Generator) -> bytes:
    """The default portrait as a PNG that the server has not seen: one corner of it is new each time."""
    photo = built_in_photo(DEFAULT_AVATAR).copy()
    photo[:8, :8] = chance.integers(0, 256, (8, 8, 3), np.uint8)
    done, data = cv2.imencode(".png", photo)
    if not done:
        raise ValueError("the portrait cannot be written as PNG")
    return data.tobytes()


def _new_voice(chance: np.random.Generator) -> bytes:
    """The English questions one after the other as a WAV, and a breath of noise that is new each time."""
    speech = [recording(question, RATE_HZ) for question in questions() if question.language == "en"]
    noise = chance.normal(0, 0.001, RATE_HZ // 10).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, np.concatenate([*speech, noise]), RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()
