"""Streams in lockstep: who asks for the same goes through a network together, and nobody pays for another's failure."""

import itertools
from collections.abc import Generator

import numpy as np
import pytest
import torch

from deployments.contracts import Float32
from deployments.errors import BadInput, EngineFailed
from deployments.video.ditto.driver import Run, drive
from deployments.video.ditto.motion.stage import Diffuse, Hear
from deployments.video.failures import DeviceFailed

pytestmark = pytest.mark.plain
Script = str
"""What a stream asks for, a letter a request: h to hear, d to diffuse in 3 steps, f in 2; x: it breaks itself."""


def stream(script: Script, name: float) -> Generator[Hear | Diffuse, Float32, list[float]]:
    """Returns what it was sent."""
    got = []
    for letter in script:
        if letter == "x":
            raise BadInput("This stream has ended. Start a new one.")
        if letter == "h":
            answer = yield Hear(np.full(6480, name, np.float32))
        else:
            noise = np.full((3 if letter == "d" else 2, 80, 265), name, np.float32)
            answer = yield Diffuse(np.zeros((80, 1103), np.float32), np.full(265, name, np.float32), noise)
        got.append(float(answer.flat[0]))
    return got


class Networks:
    """Hearer and Diffuser that double what they get, and note with whom they got it."""

    def __init__(self, hates: float | None = None, error: Exception | None = None) -> None:
        self.calls: list[tuple[str, list[float]]] = []
        self._hates, self._error = hates, error or ValueError("no idea")

    def features(self, windows: Float32) -> Float32:
        return self._note("h", windows[:, 0], np.repeat(windows[:, :1, None], 20, 1))

    def sample(self, conditions: Float32, first: Float32, noise: Float32) -> Float32:
        assert noise.shape[1] == len(first) == len(conditions)
        return self._note("d" if len(noise) == 3 else "f", first[:, 0], noise[0])

    def _note(self, kind: str, names: Float32, values: Float32) -> Float32:
        self.calls.append((kind, [float(name) for name in names]))
        if self._hates is not None and self._hates in names:
            raise self._error
        return 2 * values


def together(networks: Networks, *scripts: Script) -> list[Run[list[float]]]:
    clock = itertools.count()
    streams = [stream(script, name) for name, script in enumerate(scripts, 1)]
    return drive(streams, networks, networks, lambda: float(next(clock)))


def test_a_stream_alone_goes_through_one_by_one() -> None:
    networks = Networks()
    (run,) = together(networks, "hhdhd")
    assert run.answer == [2.0] * 5 and run.failure is None
    assert networks.calls == [(kind, [1.0]) for kind in "hhdhd"]


def test_like_requests_of_different_streams_share_a_call() -> None:
    networks = Networks()
    runs = together(networks, "hd", "hhd", "d")
    assert [run.answer for run in runs] == [[2.0, 2.0], [4.0, 4.0, 4.0], [6.0]]
    assert networks.calls == [("h", [1, 2]), ("h", [2]), ("d", [1, 2, 3])]


def test_diffusions_of_different_length_do_not_share_a_call() -> None:
    networks = Networks()
    together(networks, "d", "f", "d")
    assert networks.calls == [("d", [1, 3]), ("f", [2])]


def test_no_streams_ask_for_nothing() -> None:
    assert together(Networks()) == []
    (run,) = together(Networks(), "")
    assert run.answer == []


def test_a_stream_that_breaks_itself_spares_the_others() -> None:
    good, bad, also = together(Networks(), "hd", "hx", "hd")
    assert isinstance(bad.failure, BadInput) and bad.answer is None
    assert good.answer == [2.0, 2.0] and also.answer == [6.0, 6.0]


def test_a_call_that_fails_is_made_for_each_alone() -> None:
    networks = Networks(hates=2.0)
    good, bad, also = together(networks, "hd", "hd", "hd")
    assert isinstance(bad.failure, EngineFailed) and "Try again" in str(bad.failure)
    assert good.answer == [2.0, 2.0] and also.answer == [6.0, 6.0]
    assert networks.calls == [("h", [1, 2, 3]), ("h", [1]), ("h", [2]), ("h", [3]), ("d", [1, 3])]


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("CUDA out of memory. Tried to allocate"),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested buffer"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
    ],
)
def test_a_device_that_failed_is_not_asked_again(error: Exception) -> None:
    networks = Networks(hates=2.0, error=error)
    runs = together(networks, "hd", "hd")
    assert all(isinstance(run.failure, DeviceFailed) for run in runs)
    assert networks.calls == [("h", [1, 2])]


def test_an_out_of_memory_names_the_remedy() -> None:
    error = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
    (run,) = together(Networks(hates=1.0, error=error), "d")
    for word in ("max_batch_frames", "fewer replicas", "vram_gigabytes"):
        assert word in str(run.failure)


def test_time_of_a_shared_call_is_shared() -> None:
    """The clock moves by one with each look at it."""
    one, other = together(Networks(), "hd", "hd")
    assert one.seconds["hear"] == other.seconds["hear"] == 0.5
    assert one.seconds["diffuse"] == 0.5 and one.seconds["analyse"] == 3.0
