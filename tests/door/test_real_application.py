"""The whole application as `avatar serve` runs it, with the real weights: what a newcomer has, tried end to end."""

import io
import os
import re
import signal
import struct
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import httpx
import numpy as np
import openai
import pytest
import soundfile
import soxr

from deployments.errors import AvatarError, BadInput, NotFound, TooLarge, Unsupported
from serve_app.client import AvatarClient
from serve_app.media.synthetic import is_marked_synthetic
from serve_app.samples.catalogue import question
from serve_app.turn_report import report_in
from tests.door.conftest import wav
from tests.door.real import real_application

pytestmark = [pytest.mark.weights, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def ray_folder() -> Iterator[str]:
    """Short: paths of Unix sockets end at 107 characters."""
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:
        yield folder


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, ray_folder: str) -> Iterator[str]:
    with real_application(tmp_path_factory.mktemp("kept"), ray_folder) as url:
        yield url


def sound_of(film: bytes) -> np.ndarray:
    """The soundtrack at 16 kHz."""
    with av.open(io.BytesIO(film)) as container:
        rate = container.streams.audio[0].rate
        samples = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    return soxr.resample(samples.astype(np.float32), rate, 16_000)


def pictures_of(film: bytes) -> np.ndarray:
    with av.open(io.BytesIO(film)) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])


def letters(text: str) -> str:
    return re.sub(r"[^\w]", "", text.lower())


def share_understood(said: str, heard: str) -> float:
    """1 - edit distance over length, by letters: how much of what was said was heard."""
    a, b = letters(said), letters(heard)
    row = np.arange(len(b) + 1)
    for i, one in enumerate(a, 1):
        before, row = row, np.empty_like(row)
        row[0] = i
        for j, other in enumerate(b, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (one != other))
    return 1 - row[-1] / max(1, len(a))


@pytest.mark.parametrize("name", ["en-capital", "es-capital", "zh-capital"])
def test_a_spoken_question_is_heard_answered_spoken_and_shown(url: str, name: str) -> None:
    asked = question(name)
    answer = httpx.post(
        f"{url}/conversation",
        content=asked.sound(),
        headers={"Content-Type": "audio/wav", "X-Request-ID": f"real-{name}"},
        timeout=120,
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Request-ID"] == f"real-{name}" and "Server-Timing" in answer.headers
    report = report_in(answer.content)
    assert report is not None and report.language == asked.language
    assert share_understood(asked.text, report.transcript) > 0.9
    assert is_marked_synthetic(answer.content)
    sound, pictures = sound_of(answer.content), pictures_of(answer.content)
    assert len(pictures) / 25 == pytest.approx(report.media_seconds, abs=0.05)
    assert len(sound) / 16_000 == pytest.approx(report.media_seconds, abs=0.1)
    # the soundtrack, heard by the same application, says what the reply says
    file = io.BytesIO()
    soundfile.write(file, sound, 16_000, format="WAV")
    heard = AvatarClient(url).transcribe(file.getvalue(), language=asked.language)
    assert share_understood(report.reply, heard.text) > 0.75, (report.reply, heard.text)
    # something in the picture moves while the sound is loud, and the picture is not black
    assert pictures.mean() > 20 and np.abs(np.diff(pictures.astype(np.float32), axis=0)).mean(axis=(1, 2)).max() > 0.3


def replicas(ray_folder: str) -> dict[int, str]:
    """Process ids of the application's replicas, with their deployments, by the titles that Ray gives them. Others
    that run on this machine have another folder."""
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                title = (process / "cmdline").read_bytes().decode(errors="replace")
                ours = f"RAY_TMPDIR={ray_folder}".encode() in (process / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if ours and (match := re.match(r"ray::ServeReplica:avatar:(\w+)", title)):
                found[int(process.name)] = match.group(1)
    return found


def temporary_files() -> set[str]:
    return {name for name in os.listdir(tempfile.gettempdir()) if not name.startswith(("ray", "pytest"))}


def test_bad_input_gets_its_typed_error_restarts_nothing_and_leaves_nothing(url: str, ray_folder: str) -> None:
    replicas_before, files_before = replicas(ray_folder), temporary_files()
    assert {"ASR", "LLM", "TTS", "Video"} <= set(replicas_before.values())
    nan = io.BytesIO()
    soundfile.write(nan, np.full(16_000, np.nan, np.float32), 16_000, format="WAV", subtype="FLOAT")
    hour = io.BytesIO()
    soundfile.write(hour, np.zeros(3600 * 8_000, np.float32), 8_000, format="FLAC", subtype="PCM_16")
    bad_sounds = {
        "empty": (b"", 400),
        "text": (b"I am not a sound at all, whatever my name is.", 400),
        "truncated": (wav(2.0)[:2_000], 400),
        "silent": (wav(2.0, level=0.0), 400),
        "not a number": (nan.getvalue(), 400),
        "an hour": (hour.getvalue(), 413),
    }
    for name, (body, status) in bad_sounds.items():
        answer = httpx.post(f"{url}/conversation", content=body, headers={"Content-Type": "audio/wav"}, timeout=60)
        assert answer.status_code == status, (name, answer.status_code, answer.text)
        assert answer.json()["error"]["message"], name
    bad_requests: list[tuple[dict[str, str], int]] = [
        ({"text": "hello", "avatar": "nobody"}, 404),
        ({"text": "hello", "voice": "nobody"}, 404),
        ({"text": "hello", "language": "xx"}, 415),
        ({"text": ""}, 422),
    ]
    for request, status in bad_requests:
        answer = httpx.post(f"{url}/generate", json=request, timeout=60)
        assert answer.status_code == status, (request, answer.status_code, answer.text)
    speech, rate = soundfile.read(io.BytesIO(question("en-capital").sound()))
    eight = io.BytesIO()
    soundfile.write(eight, np.repeat(speech[:, None], 8, axis=1), rate, format="WAV")
    assert "capital" in AvatarClient(url).transcribe(eight.getvalue()).text
    assert httpx.post(f"{url}/generate", json={"text": "All is well."}, timeout=60).status_code == 200
    assert replicas(ray_folder) == replicas_before
    assert temporary_files() <= files_before


@pytest.mark.parametrize("stage", ["ASR", "LLM", "TTS", "Video"])
def test_a_turn_outlives_the_death_of_a_stage(url: str, ray_folder: str, stage: str) -> None:
    client = AvatarClient(url, timeout_seconds=120)
    victims = [process for process, name in replicas(ray_folder).items() if name == stage]
    delay = 0.05 if stage == "ASR" else 1.0
    killer = threading.Timer(delay, lambda: [os.kill(process, signal.SIGKILL) for process in victims])
    killer.start()
    film = client.talk(question("en-sky").sound())
    killer.join()
    assert film.report.media_seconds > 1
    end = time.monotonic() + 90
    while not client.health().ok:
        assert time.monotonic() < end, "the stage did not come back"
        time.sleep(0.5)


def test_two_people_are_answered_at_once_and_get_their_own_answers(url: str) -> None:
    films = {}

    def ask(name: str, text: str) -> None:
        films[name] = AvatarClient(url, timeout_seconds=120).say(text)

    texts = {"one": "The first of us says apples.", "two": "The second of us says oranges."}
    threads = [threading.Thread(target=ask, args=item) for item in texts.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: film.report.reply for name, film in films.items()} == texts


PORTRAIT = ROOT / "deployments/video/portraits/astronaut.png"


def as_png(picture: np.ndarray) -> bytes:
    done, data = cv2.imencode(".png", picture)
    assert done
    return data.tobytes()


def bomb_png() -> bytes:
    """A PNG of 20000 × 20000 black pixels in 140 kB."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(bytes(20_000 * 2_501), 9)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def turned_by_exif(picture: np.ndarray) -> bytes:
    """A JPEG stored on its side, with the EXIF note that a phone adds: turn it by 90° clockwise to look at it."""
    done, data = cv2.imencode(".jpg", cv2.rotate(picture, cv2.ROTATE_90_COUNTERCLOCKWISE))
    assert done
    tiff = b"MM\x00*\x00\x00\x00\x08\x00\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0) + b"\x00\x00\x00\x00"
    exif = b"Exif\x00\x00" + tiff
    jpeg = data.tobytes()
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def test_photos_are_refused_with_the_reason_and_a_turned_one_becomes_a_face_that_speaks(
    url: str, ray_folder: str
) -> None:
    before = replicas(ray_folder)
    client = AvatarClient(url, timeout_seconds=120)
    face = cv2.imread(str(PORTRAIT))
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)
    refused: list[tuple[bytes, type[AvatarError], str]] = [
        (as_png(noise), BadInput, "face"),
        (as_png(np.hstack([face, face])), BadInput, "face"),
        (bomb_png(), TooLarge, "pixels"),
        (b"not a picture", Unsupported, "JPEG"),
    ]
    for data, error, word in refused:
        with pytest.raises(error, match=word):
            client.add_avatar(data, consent=True)
    avatar = client.add_avatar(turned_by_exif(face), consent=True, name="Eileen")
    film = client.say("Hello from me.", avatar=avatar.id)
    assert film.report.media_seconds > 1
    client.delete_avatar(avatar.id)
    with pytest.raises(NotFound):
        client.say("Hello again.", avatar=avatar.id)
    assert replicas(ray_folder) == before


def test_a_voice_is_matched_to_a_sample_and_speaks(url: str) -> None:
    client = AvatarClient(url, timeout_seconds=120)
    with pytest.raises(BadInput):
        client.add_voice(wav(1.0), consent=True)
    sample = np.concatenate(
        [soundfile.read(io.BytesIO(question(name).sound()))[0] for name in ("en-sky", "en-capital")]
    )
    file = io.BytesIO()
    soundfile.write(file, np.tile(sample, 2), 16_000, format="WAV")
    voice = client.add_voice(file.getvalue(), consent=True, name="somebody")
    film = client.say("This is a matched voice.", voice=voice.id)
    assert film.report.media_seconds > 1
    client.delete_voice(voice.id)


@pytest.fixture
def program(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none")


@pytest.mark.parametrize("name", ["en-capital", "es-capital", "zh-capital"])
def test_a_recording_is_written_down_with_times(program: openai.OpenAI, name: str) -> None:
    asked = question(name)
    heard = program.audio.transcriptions.create(
        model="whisper-1",
        file=("question.wav", asked.sound()),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert share_understood(asked.text, heard.text) > 0.9
    assert heard.language == {"en": "english", "es": "spanish", "zh": "chinese"}[asked.language]
    assert heard.words and heard.segments and 0 <= heard.segments[0].start < heard.segments[-1].end <= heard.duration


def test_a_pirate_answers_and_tokens_are_counted(program: openai.OpenAI) -> None:
    stream = program.chat.completions.create(
        model="any",
        messages=[
            {"role": "system", "content": "You are Captain Barbara, a gruff pirate."},
            {"role": "user", "content": "Who are you?"},
        ],
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Barbara" in said
    usage = chunks[-1].usage
    assert usage is not None and usage.prompt_tokens > 30 and usage.completion_tokens > 5


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I am glad that you have come to see me."),
        ("es", "Me alegro de que hayas venido a verme."),
        ("zh", "今天下午我们去河边散步。"),
    ],
)
def test_speech_is_heard_back(program: openai.OpenAI, language: str, text: str) -> None:
    with program.audio.speech.with_streaming_response.create(model="any", voice="alloy", input=text) as answer:
        chunks = list(answer.iter_bytes(512))
        assert answer.headers["x-avatar-voice"] not in ("", "alloy", "default")
    data = b"".join(chunks)
    assert np.abs(sound_of(data)).max() > 0.1
    heard = program.audio.transcriptions.create(model="any", file=("speech.mp3", data), language=language)
    assert share_understood(text, heard.text) > 0.75, heard.text


def test_the_idle_clip_is_made_once_and_moves(url: str) -> None:
    clip = httpx.get(f"{url}/v1/avatars/astronaut/idle", timeout=60)
    assert clip.status_code == 200 and is_marked_synthetic(clip.content)
    pictures = pictures_of(clip.content).astype(np.float32)
    assert len(pictures) / 25 == pytest.approx(7.4)
    assert np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2)).max() > 0.3
    unchanged = httpx.get(f"{url}/v1/avatars/astronaut/idle", headers={"If-None-Match": clip.headers["ETag"]})
    assert unchanged.status_code == 304
