"""espeak-ng (GPL-3) as a program of its own: it spells words in IPA. Nothing of it is loaded into this process."""

import json
import logging
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Protocol

from deployments.errors import EngineFailed, WeightsMissing
from deployments.tts.settings import EspeakSettings

logger = logging.getLogger("ray.serve")

TIE = "^"
"""Joins the two letters of a diphthong or affricate in what espeak-ng writes."""

REMEDY = (
    "English and Spanish speech need espeak-ng. Install the program (apt-get install espeak-ng, brew install "
    "espeak-ng) or the package espeakng-loader (pip install 'realtime-avatar[espeak]'; GPL-3, kept in a process of "
    "its own)."
)


class Speller(Protocol):
    """Words to IPA."""

    def spell(self, phrases: Sequence[str], voice: str) -> list[str]:
        """One line of IPA for each phrase, ties included. A phrase has no newline. `voice`: en-us, en (British), es.

        Raises EngineFailed where espeak-ng fails twice.
        """
        ...


def open_espeak(settings: EspeakSettings) -> Speller:
    """The program if it is there, else the library in a child. Raises WeightsMissing with the remedy."""
    program = shutil.which(settings.program)
    if program:
        return EspeakProgram(program, settings.timeout_seconds)
    if settings.extra and find_spec("espeakng_loader"):
        return EspeakChild(settings.timeout_seconds)
    raise WeightsMissing(REMEDY)


class EspeakProgram:
    """Runs the program once for each text: that takes 10 ms, of which 2 ms are computing, and leaves no state."""

    def __init__(self, program: str, timeout_seconds: float) -> None:
        self._program = program
        self._timeout_seconds = timeout_seconds

    def spell(self, phrases: Sequence[str], voice: str) -> list[str]:
        lines = self._run("\n".join(phrases), voice)
        if len(lines) == len(phrases):
            return lines
        # It breaks long phrases into lines by its own rules: ask for each one by itself.
        return [" ".join(self._run(phrase, voice)) for phrase in phrases]

    def _run(self, text: str, voice: str) -> list[str]:
        command = [self._program, "-q", "--ipa", f"--tie={TIE}", "-b", "1", "-v", voice]
        failure = ""
        for _ in (1, 2):
            try:
                done = subprocess.run(
                    command, input=f"{text}\n".encode(), capture_output=True, timeout=self._timeout_seconds, check=True
                )
            except (OSError, subprocess.SubprocessError) as error:
                logger.warning("espeak-ng failed: %s", error)
                failure = str(error)
                continue
            return [line.strip() for line in done.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
        raise EngineFailed(f"espeak-ng failed twice: {failure}")


class EspeakChild:
    """The library of the espeakng-loader package in a process of ours that lives on and is replaced if it fails."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._process: subprocess.Popen[bytes] | None = None

    def spell(self, phrases: Sequence[str], voice: str) -> list[str]:
        failure = ""
        for _ in (1, 2):
            try:
                return self._ask(phrases, voice)
            except (OSError, TimeoutError, ValueError) as error:
                logger.warning("The espeak-ng process failed and is replaced: %s", error)
                failure = str(error)
                self.close()
        raise EngineFailed(f"espeak-ng failed twice: {failure} {REMEDY}")

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, phrases: Sequence[str], voice: str) -> list[str]:
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"voice": voice, "phrases": list(phrases)}).encode() + b"\n")
        process.stdin.flush()
        # One line for one line: nothing is left in the buffer, so `select` sees whether an answer comes.
        if not select.select([process.stdout], [], [], self._timeout_seconds)[0]:
            raise TimeoutError(f"no answer within {self._timeout_seconds} s")
        answer = json.loads(process.stdout.readline() or "null")
        if not isinstance(answer, list) or len(answer) != len(phrases):
            raise ValueError(f"unexpected answer {answer!r}")
        return [str(line) for line in answer]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            paths = os.pathsep.join(path for path in sys.path if path)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deployments.tts.espeak_child"],
                env={**os.environ, "PYTHONPATH": paths},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._process
