"""The parts of Kokoro's graph on disk: made once per published graph, marked with their hashes, found again."""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from filelock import FileLock

from deployments.contracts import Float32
from deployments.errors import EngineFailed
from deployments.tts.harmonics import harmonic_source
from deployments.weights.digest import mark, marked_sha256, sha256_of

logger = logging.getLogger("ray.serve")

FORMAT = 1
"""Goes up with every change of kokoro_graph.py, kokoro_snake.py or `check_inputs` that changes their output."""

PARTS = ("text", "prosody", "decoder")
CHECK_NAME = "check.npy"
"""The decoder's output for `check_inputs`, float32 [1, 22, 120t + 1], computed by ONNX Runtime."""

_CHECK_FRAMES = 16
_MARKER = "parts.json"
_LIMIT_SECONDS = 300


def ensure_parts(published: Path, parent: Path | None = None) -> Path:
    """The folder with `<part>.onnx` for each of PARTS, made from the graph `published` if it is not there yet.

    `parent` is where the folder goes; by default the one of the weight set. Making it takes some seconds, 250 MB of
    disk and, in a process of its own, 1.2 GB of memory. Safe to call from several processes at once. Raises
    EngineFailed with the reason.
    """
    source = marked_sha256(published) or sha256_of(published)
    parent = parent or published.parent.parent
    folder = parent / f"{published.parent.name}-parts-{FORMAT}-{source[:12]}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(folder) + ".lock", timeout=_LIMIT_SECONDS):
            if not _whole(folder, source):
                _make(published, folder, source)
    except OSError as error:
        raise EngineFailed(
            f"The voice model cannot be prepared in {parent} ({error}). Name a folder that can be written to in "
            "tts.kokoro.derived_dir, or set tts.kokoro.runtime to onnxruntime."
        ) from error
    return folder


def check_inputs() -> dict[str, Float32]:
    """Inputs of the decoder that resemble speech: noise of the right size around a gliding pitch."""
    random = np.random.Generator(np.random.Philox(7))
    pitch = np.linspace(120, 180, 2 * _CHECK_FRAMES, dtype=np.float32)[None]
    return {
        "letter_frames": 0.3 * random.standard_normal((1, 512, _CHECK_FRAMES), np.float32),
        "pitch": pitch,
        "energy": np.full_like(pitch, 2.0),
        "source": harmonic_source(pitch),
        "timbre": 0.2 * random.standard_normal((1, 128), np.float32),
    }


def _whole(folder: Path, source: str) -> bool:
    marker = folder / _MARKER
    if not marker.is_file():
        return False
    try:
        noted = json.loads(marker.read_text())
        hashes = {part: str(noted["sha256"][part]) for part in PARTS}
    except (ValueError, KeyError, TypeError):
        logger.warning("%s cannot be read: making the parts of the voice model again.", marker)
        return False
    if noted.get("source") != source:
        return False
    return (folder / CHECK_NAME).is_file() and all(_is(folder / f"{part}.onnx", hashes[part]) for part in PARTS)


def _is(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    if marked_sha256(path) == sha256:
        return True
    if sha256_of(path) != sha256:
        logger.warning("%s is not as it was made: making the parts of the voice model again.", path)
        return False
    mark(path, sha256)
    return True


def _make(published: Path, folder: Path, source: str) -> None:
    logger.info("Preparing the voice model for this machine: once, a few seconds.")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".parts-") as name:
        fresh = Path(name) / "parts"
        fresh.mkdir()
        command = [sys.executable, "-m", "deployments.tts.kokoro_graph", str(published), str(fresh)]
        paths = os.pathsep.join(path for path in sys.path if path)
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise EngineFailed(
                f"The voice model could not be prepared: {reason} It takes 1.2 GB of memory and 250 MB in "
                f"{folder.parent}. With tts.kokoro.runtime: onnxruntime it is used as published."
            )
        hashes = {part: sha256_of(fresh / f"{part}.onnx") for part in PARTS}
        (fresh / _MARKER).write_text(json.dumps({"format": FORMAT, "source": source, "sha256": hashes}, indent=1))
        if folder.exists():
            shutil.rmtree(folder)
        fresh.replace(folder)
    logger.info("The voice model is prepared: %.1f s.", time.monotonic() - begun)
