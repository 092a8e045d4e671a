"""Narrow networks of Ditto with pseudo-weights, and their exports, each made once a test run; a stand-in for HuBERT."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from deployments.video.ditto.networks.appearance import Appearance
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.diffusion import MotionDiffusion
from deployments.video.ditto.networks.motion import MotionExtractor
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.networks.warp import Warp
from deployments.video.ditto.runtimes.export import export
from deployments.video.ditto.runtimes.exportable import Networks, modules_of, precision_of
from deployments.video.ditto.runtimes.graphs import graphs_of
from deployments.video.ditto.runtimes.lint import TensorRtVersion
from deployments.video.ditto.sizes import NARROW
from tests.ditto_weights import fill_module, n

SIZES = replace(NARROW, grid=8, hourglass_blocks=2, decoder_layers=1, middle_blocks=1, motion_depths=(1, 1, 1, 1))
"""One layer of each kind, where there may be one: tracing takes its time by the node."""
GRAPHS = graphs_of(SIZES)
NAMES = tuple(GRAPHS)
HALF = tuple((name, True) for name in ("fields", "tail", "decoder"))
EVERY = (*((name, False) for name in NAMES), *HALF)
"""Each graph with whether it is in half precision: there, those that run for every frame."""


@cache
def networks() -> Networks:
    made = Networks(
        Appearance(SIZES), MotionExtractor(SIZES), Stitch(SIZES), MotionDiffusion(SIZES), Warp(SIZES), Decoder(SIZES)
    )
    for network in made.by_name().values():
        fill_module(network)
    return made


@cache
def modules() -> dict[str, nn.Module]:
    return {name: module.eval() for name, module in modules_of(networks()).items()}


@cache
def model(name: str, half: bool = False, tensorrt: TensorRtVersion = "11.2") -> onnx.ModelProto:
    """A graph by its name. The caller must not change it."""
    module = modules_of(networks(), "rank4" if tensorrt == "10.15" else "rank5")[name]
    return export(module, GRAPHS[name], precision_of(name, half), tensorrt)


def exported(networks: Networks, half: bool = False, tensorrt: TensorRtVersion = "11.2") -> dict[str, onnx.ModelProto]:
    """As export_all, of what is exported once; in half precision where HALF says so."""
    return {name: model(name, half and (name, True) in HALF, tensorrt) for name in NAMES}


def own_type(name: str, half: bool) -> torch.dtype:
    return precision_of(name, half)


@cache
def hubert(rows: int = 20, dims: int = 1024, name: str = "input_values", length: str | int = "n") -> bytes:
    """A graph of HuBERT's inputs and outputs, sound [1, n] to features [t, dims], of one convolution: 400 samples every
    320, so that 6480 samples make 20 rows."""
    kernel = n("hubert:kernel", (dims, 1, 400)) / np.float32(20)
    nodes = [
        helper.make_node("Unsqueeze", [name, "axis"], ["deep"]),
        helper.make_node("Conv", ["deep", "kernel"], ["heard"], strides=[320]),
        helper.make_node("Tanh", ["heard"], ["bounded"]),
        helper.make_node("Squeeze", ["bounded", "first"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["encoding_out"], perm=[1, 0]),
    ]
    if rows != 20:
        nodes[-1] = helper.make_node("Transpose", ["flat"], ["all_rows"], perm=[1, 0])
        nodes.append(helper.make_node("Slice", ["all_rows", "zero", "stop"], ["encoding_out"]))
    arrays = {"axis": [1], "first": [0], "zero": [0], "stop": [rows]}
    initializers = [numpy_helper.from_array(np.array(value, np.int64), key) for key, value in arrays.items()]
    graph = helper.make_graph(
        nodes,
        "hubert",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, length])],
        [helper.make_tensor_value_info("encoding_out", TensorProto.FLOAT, ["t", dims])],
        [*initializers, numpy_helper.from_array(kernel, "kernel")],
    )
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def hubert_file(folder: Path, data: bytes) -> Path:
    path = folder / "hubert.onnx"
    path.write_bytes(data)
    return path
