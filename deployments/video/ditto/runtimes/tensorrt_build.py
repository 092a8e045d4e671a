"""From a graph to an engine. Parsing and building run on any machine with TensorRT-RTX, and with TensorRT proper only
on the card that the engine is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx

from deployments.errors import EngineUnusable, Unsupported
from deployments.video.ditto.runtimes.onnx_types import dimensions
from deployments.video.ditto.runtimes.plan_header import Library
from deployments.video.ditto.runtimes.tensorrt_library import Log, load


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """`capability`: as sm_89, for TensorRT-RTX ahead of time; None builds for the card that is here."""

    library: Library
    max_batch: int
    capability: str | None = None


def build_plan(model: onnx.ModelProto, options: BuildOptions, name: str) -> bytes:
    """The engine of one graph for batches of 1 up to `max_batch`, best at that. Its precision is that of the
    graph's types.

    Raises EngineUnusable where TensorRT is absent or does not take the graph, Unsupported for a card it has no name
    for. With TensorRT proper, ask `require_driver` first.
    """
    module = load(options.library)
    log = Log(module)
    builder = module.Builder(log.listener)
    # `network` and `parser` are referred to until the plan is there: the parser owns weights that the network reads
    network = builder.create_network(_flags(module))
    parser = module.OnnxParser(network, log.listener)
    if not parser.parse(model.SerializeToString()):
        raise EngineUnusable(f"TensorRT does not take the graph {name}: {' '.join(log.errors)}")
    plan = builder.build_serialized_network(network, _configured(module, builder, model, options))
    if plan is None:
        raise EngineUnusable(f"TensorRT cannot build {name}: {log.last()}.")
    del parser
    return bytes(plan)


def batch_profile(model: onnx.ModelProto, max_batch: int) -> Mapping[str, tuple[tuple[int, ...], ...]]:
    """Smallest, best and largest shape of each input: 1, `max_batch` and
    `max_batch` in place of the symbolic batch."""
    found = {}
    for value in model.graph.input:
        shape = dimensions(value) or ()
        found[value.name] = tuple(
            tuple(size if isinstance(size, int) else batch for size in shape) for batch in (1, max_batch, max_batch)
        )
    return found


def _flags(module: Any) -> int:
    """Strongly typed: the precision is the graph's. Where TensorRT has no such flag any more, it is always so."""
    flag = module.NetworkDefinitionCreationFlag.__members__.get("STRONGLY_TYPED")
    return 0 if flag is None else 1 << int(flag)


def _configured(module: Any, builder: Any, model: onnx.ModelProto, options: BuildOptions) -> Any:
    config = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    for name, shapes in batch_profile(model, options.max_batch).items():
        profile.set_shape(name, *shapes)
    config.add_optimization_profile(profile)
    # float32 stays float32: TF32 alone is further from torch than what is accepted
    config.clear_flag(module.BuilderFlag.TF32)
    if options.capability is not None:
        known = module.ComputeCapability.__members__
        if options.capability.upper().replace("_", "") not in known:
            offered = ", ".join(name.replace("SM", "sm_") for name in known if name.startswith("SM"))
            raise Unsupported(f"TensorRT-RTX builds for {offered}, not for {options.capability}.")
        config.num_compute_capabilities = 1
        config.set_compute_capability(known[options.capability.upper().replace("_", "")], 0)
    return config
