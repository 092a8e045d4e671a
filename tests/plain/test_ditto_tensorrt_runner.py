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
from deployments.video.ditto.runtimes.cuda_graph import WARM_UPS, Graphed, _Recording
from deployments.video.ditto.runtimes.graphs import Graph, Port
from deployments.video.ditto.runtimes.tensorrt_runner import TensorRt, TensorRtRunner
from deployments.video.ditto.stopwatch import stopwatch

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
        self.memory: tuple[int, int] | None = None

    def set_device_memory(self, address: int, size: int) -> None:
        self.memory = (address, size)

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
    contexts: list[Context] = []

    def fresh() -> Context:
        contexts.append(Context())
        return contexts[-1]

    run = TensorRtRunner(fresh, TWICE, torch.float32, CPU)
    # of another type, and not contiguous: what the engine sees is its own type, in rows
    x = torch.arange(12, dtype=torch.float64).reshape(6, 2)[::2]
    (made,) = run(x, torch.zeros(3, dtype=torch.int64))
    assert torch.equal(made, 2 * x.float())
    assert contexts[0].shapes == {"x": (3, 2), "times": (3,)} and contexts[0].streams == [77]
    # what was recorded with one shape must not be touched by another
    (made,) = run(x[:1], torch.zeros(1, dtype=torch.int64))
    assert made.shape == (1, 2) and contexts[1].shapes["x"] == (1, 2) and contexts[0].shapes["x"] == (3, 2)
    run(x, torch.zeros(3, dtype=torch.int64))
    assert len(contexts) == 2


def test_an_engine_that_does_not_start_is_an_error(stream: None) -> None:
    with pytest.raises(EngineFailed, match="could not start the graph twice"):
        TensorRtRunner(lambda: Context(starts=False), TWICE, torch.float32, CPU)(torch.ones(1, 2), torch.zeros(1))


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

    strategies = SimpleNamespace(USER_MANAGED="ours")
    return SimpleNamespace(ILogger=Severities, Runtime=runtime, ExecutionContextAllocationStrategy=strategies)


@contextmanager
def no_device(device: object) -> Iterator[None]:
    yield


def test_nothing_of_tensorrt_is_touched_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_runner, "load", lambda name: pytest.fail("loaded TensorRT"))
    with pytest.raises(NoGpu):
        TensorRt("tensorrt", Driver(None), CPU)  # type: ignore[arg-type]


class Engine:
    """Of two bytes of working memory, with as many contexts as it is given."""

    device_memory_size_v2 = 2

    def __init__(self, *contexts: Context | None) -> None:
        self.contexts = list(contexts)

    def create_execution_context(self, strategy: str) -> Context | None:
        assert strategy == "ours"
        return self.contexts.pop()


def test_engines_that_the_card_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device", no_device)
    for engine in (None, Engine(None)):
        monkeypatch.setattr(tensorrt_runner, "load", lambda name, engine=engine: library(engine))
        runtime = TensorRt("tensorrt", Driver("580.65.06"), CPU)  # type: ignore[arg-type]
        with pytest.raises(EngineUnusable, match=r"engine of twice.*max_batch_frames"):
            runtime.runner(b"plan", TWICE, torch.float32)(torch.ones(1, 2), torch.zeros(1))


def test_contexts_of_an_engine_share_its_working_memory(stream: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device", no_device)
    contexts = [Context(), Context()]
    monkeypatch.setattr(tensorrt_runner, "load", lambda name: library(Engine(*contexts)))
    run = TensorRt("tensorrt", Driver("580.65.06"), CPU).runner(b"plan", TWICE, torch.float32)  # type: ignore[arg-type]
    for rows in (1, 2):
        run(torch.ones(rows, 2), torch.zeros(rows))
    first, second = (context.memory for context in contexts)
    assert first is not None and first == second and first[0] and first[1] == 2


def test_graphs_and_marks_are_of_the_card_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """The current card is another thread's affair, or nobody's."""
    second, entered = torch.device("cuda", 1), []

    class Event:
        def __init__(self, enable_timing: bool) -> None: ...

        def record(self, stream: object) -> None:
            entered.append(stream)

    class Recorded:
        pool = None

        def __init__(self, *_: object) -> None: ...

        def replay(self, inputs: object) -> tuple[torch.Tensor, ...]:
            return (torch.ones(1),)

    @contextmanager
    def device(which: torch.device) -> Iterator[None]:
        entered.append(which)
        yield

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    monkeypatch.setattr(cuda_graph, "_Recording", Recorded)
    on_card: Any = SimpleNamespace(is_cuda=True, shape=(1,), dtype=torch.float32, device=second)
    graphed = Graphed(lambda x: x)
    assert graphed(on_card)[0].tolist() == [1] and graphed.shapes == 1
    stopwatch(second)()
    assert entered == [second, "stream of cuda:1"]


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
