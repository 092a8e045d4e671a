"""What needs the card, on stand-ins for it: shapes, addresses and the order of calls."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from deployments.errors import EngineFailed, EngineUnusable
from deployments.gpu.errors import NoGpu
from deployments.video.ditto.runtimes import cuda_graph, tensorrt_runner
from deployments.video.ditto.runtimes.cuda_graph import WARM_UPS, _Recording
from deployments.video.ditto.runtimes.graphs import Graph, Port
from deployments.video.ditto.runtimes.tensorrt_runner import TensorRt, TensorRtRunner

pytestmark = pytest.mark.plain
CPU = torch.device("cpu")
TWICE = Graph("twice", (Port("x", (2,), "own"), Port("times", (), "int64")), (Port("y", (2,), "own"),))


class Context:
    """An execution context that doubles `x` where it is told that it lies."""

    def __init__(self, starts: bool = True) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.streams: list[int] = []
        self.starts = starts

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = shape
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        self.streams.append(stream)
        count = self.shapes["x"][0] * 2
        given = (ctypes.c_float * count).from_address(self.addresses["x"])
        made = (ctypes.c_float * count).from_address(self.addresses["y"])
        made[:] = [2 * value for value in given]
        return self.starts


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: SimpleNamespace(cuda_stream=77))


def test_a_runner_binds_what_it_is_given_on_torchs_stream(stream: None) -> None:
    context = Context()
    run = TensorRtRunner(context, TWICE, torch.float32, CPU)
    # of another type, and not contiguous: what the engine sees is its own type, in rows
    x = torch.arange(12, dtype=torch.float64).reshape(6, 2)[::2]
    (made,) = run(x, torch.zeros(3, dtype=torch.int64))
    assert torch.equal(made, 2 * x.float())
    assert context.shapes == {"x": (3, 2), "times": (3,)} and context.streams == [77]
    (made,) = run(x[:1], torch.zeros(1, dtype=torch.int64))
    assert made.shape == (1, 2) and context.shapes["x"] == (1, 2)


def test_an_engine_that_does_not_start_is_an_error(stream: None) -> None:
    with pytest.raises(EngineFailed, match="could not start the graph twice"):
        TensorRtRunner(Context(starts=False), TWICE, torch.float32, CPU)(torch.ones(1, 2), torch.zeros(1))


class Driver:
    def __init__(self, version: str | None) -> None:
        self.version = version

    def driver(self) -> str:
        if self.version is None:
            raise NoGpu("No NVIDIA driver answers. Install it.")
        return self.version


def library(engine: Any) -> Any:
    """A TensorRT whose runtime reads any plan as `engine`."""

    class Severities:
        INTERNAL_ERROR, ERROR, WARNING = range(3)

    def runtime(listener: Any) -> Any:
        def read(plan: bytes) -> Any:
            if engine is None:
                listener.log(Severities.ERROR, "out of memory")
            return engine

        return SimpleNamespace(deserialize_cuda_engine=read)

    return SimpleNamespace(ILogger=Severities, Runtime=runtime)


@contextmanager
def no_device(device: object) -> Iterator[None]:
    yield


def test_nothing_of_tensorrt_is_touched_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_runner, "load", lambda name: pytest.fail("loaded TensorRT"))
    with pytest.raises(NoGpu):
        TensorRt("tensorrt", Driver(None), CPU)  # type: ignore[arg-type]


def test_engines_that_the_card_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device", no_device)
    for engine in (None, SimpleNamespace(create_execution_context=lambda: None)):
        monkeypatch.setattr(tensorrt_runner, "load", lambda name, engine=engine: library(engine))
        runtime = TensorRt("tensorrt", Driver("580.65.06"), CPU)  # type: ignore[arg-type]
        with pytest.raises(EngineUnusable, match=r"engine of twice.*max_batch_frames"):
            runtime.runner(b"plan", TWICE, torch.float32)
    ready = SimpleNamespace(create_execution_context=Context)
    monkeypatch.setattr(tensorrt_runner, "load", lambda name: library(ready))
    runtime = TensorRt("tensorrt", Driver("580.65.06"), CPU)  # type: ignore[arg-type]
    assert isinstance(runtime.runner(b"plan", TWICE, torch.float32), TensorRtRunner)


def test_a_recording_warms_up_records_once_and_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its outputs lie still: a replay fills them anew from inputs that were copied into its own."""
    events: list[str] = []

    class Stream:
        def wait_stream(self, other: object) -> None:
            events.append("wait")

    class CudaGraph:
        def replay(self) -> None:
            events.append("replay")

        def pool(self) -> tuple[int, int]:
            return (0, 1)

    @contextmanager
    def entered(*_: object, **__: object) -> Iterator[None]:
        events.append("enter")
        yield

    fake = SimpleNamespace(
        Stream=Stream, current_stream=Stream, stream=entered, CUDAGraph=CudaGraph, graph=entered, is_available=bool
    )
    monkeypatch.setattr(cuda_graph.torch, "cuda", fake)
    ran: list[int] = []

    def network(x: torch.Tensor) -> torch.Tensor:
        ran.append(x.data_ptr())
        events.append("run")
        return x + 1

    x = torch.zeros(2)
    recording = _Recording(network, (x,), None)
    assert events == ["wait", "enter", *["run"] * WARM_UPS, "wait", "enter", "run"]
    assert len(set(ran)) == 1 and ran[0] != x.data_ptr() and recording.pool == (0, 1)
    (first,) = recording.replay((torch.ones(2),))
    (second,) = recording.replay((torch.full((2,), 5.0),))
    assert first is second and len(ran) == WARM_UPS + 1 and events[-2:] == ["replay", "replay"]
    assert recording._inputs[0].tolist() == [5, 5]
