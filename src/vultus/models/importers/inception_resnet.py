"""Inception-ResNet-v1 as an ONNX graph, built from arrays that the importers read.

Its layers: `inception_resnet_layers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vultus.errors import ModelInvalid
from vultus.models.importers.inception_resnet_layers import (
    BLOCKS,
    STEM,
    Block,
    Branch,
    Convolution,
    Pool,
    convolutions,
)
from vultus.records.seen import Float32

Weights = Mapping[str, tuple[Float32, Float32]]
"""Canonical layer name -> (weights, bias): (O, I, H, W) and (O,) of a convolution, (D, 1792) and (D,) of BOTTLENECK."""

BOTTLENECK = "Bottleneck"
FEATURES = 1792
INPUT_SIDE = 160
OPSET = 17
IR_VERSION = 8  # released with opset 17; every onnxruntime that Vultus allows reads it


def fold_batch_norm(
    kernel: Float32, gamma: Float32, beta: Float32, mean: Float32, variance: Float32, epsilon: float
) -> tuple[Float32, Float32]:
    """Fold a batch normalisation into the layer before it, which has no bias: (weights, bias), float32.

    kernel: output channels first, (O, I, H, W) or (O, I); the four statistics: (O,). Computed in float64.
    gamma x (kernel * x - mean) / sqrt(variance + epsilon) + beta: Ioffe and Szegedy, arXiv:1502.03167, algorithm 2.
    """
    factor = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    folded = kernel * factor.reshape(-1, *[1] * (kernel.ndim - 1))
    return folded.astype(np.float32), (beta - mean * factor).astype(np.float32)


def build_inception_resnet(weights: Weights) -> Any:
    """Build the ONNX model from the weights of every convolution of `convolutions()` and of BOTTLENECK.

    Input "input": (N, 3, 160, 160) float32. Output "embedding": (N, D) float32, raw, not of unit length; D is what
    the bottleneck's weights say. Residual scales are folded into the convolutions before the additions.

    Raises: ModelInvalid when a layer is missing, is not in this network, or has another shape.
    """
    dimension = _checked_dimension(weights)
    graph = _Graph(weights)
    tensor = graph.chain(STEM, "input")
    for block in BLOCKS:
        tensor = graph.block(block, tensor)
    graph.embedding(tensor)
    side = INPUT_SIDE
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "inception_resnet_v1",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, side, side])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", dimension])],
            graph.constants,
        ),
        producer_name="vultus",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


def _checked_dimension(weights: Weights) -> int:
    """The embedding's dimension D. Raises: ModelInvalid unless every layer is there with the right shape."""
    shapes: dict[str, tuple[int, ...]] = {layer.name: layer.shape for layer in convolutions()}
    dimension = int(weights[BOTTLENECK][0].shape[0]) if BOTTLENECK in weights and weights[BOTTLENECK][0].ndim else 0
    shapes[BOTTLENECK] = (dimension, FEATURES)
    for name, shape in shapes.items():
        if name not in weights:
            raise ModelInvalid(f"Inception-ResNet-v1 lacks the weights of {name}; the source is another network")
        found, bias = (array.shape for array in weights[name])
        if found != shape or bias != shape[:1]:
            raise ModelInvalid(
                f"{name} of Inception-ResNet-v1 has weights {found} and bias {bias}, not {shape} and {shape[:1]}; "
                "the source is another network"
            )
    if unknown := sorted(set(weights) - set(shapes)):
        raise ModelInvalid(f"Inception-ResNet-v1 has no layer {unknown[0]}; the source is another network")
    return dimension


class _Graph:
    """The nodes and constants written so far; every method takes a tensor's name and returns its result's name."""

    def __init__(self, weights: Weights) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._weights = weights

    def chain(self, steps: Branch, tensor: str) -> str:
        for step in steps:
            tensor = self._pool(step, tensor) if isinstance(step, Pool) else self._convolve(step, tensor)
        return tensor

    def block(self, block: Block, tensor: str) -> str:
        branches = [self.chain(branch, tensor) for branch in block.branches]
        joined = self._node("Concat", branches, f"{block.name}/concat", axis=1)
        if block.up is None:
            return joined
        residual = self._convolve(block.up, joined, scale=block.scale)
        total = self._node("Add", [tensor, residual], f"{block.name}/add")
        return self._node("Relu", [total], f"{block.name}/relu") if block.relu else total

    def embedding(self, tensor: str) -> None:
        """The mean over the last 3x3 pixels, then the bottleneck."""
        pooled = self._node("GlobalAveragePool", [tensor], "pool")
        features = self._node("Flatten", [pooled], "features", axis=1)
        self._node("Gemm", [features, *self._constants(BOTTLENECK)], "embedding", transB=1)

    def _convolve(self, layer: Convolution, tensor: str, *, scale: float = 1.0) -> str:
        (height, width), same = layer.kernel, layer.same
        pads = [height // 2, width // 2, height // 2, width // 2] if same else [0, 0, 0, 0]
        tensor = self._node(
            "Conv",
            [tensor, *self._constants(layer.name, scale)],
            f"{layer.name}/conv",
            kernel_shape=[height, width],
            strides=[layer.stride, layer.stride],
            pads=pads,
        )
        return self._node("Relu", [tensor], f"{layer.name}/relu") if layer.relu else tensor

    def _pool(self, pool: Pool, tensor: str) -> str:
        return self._node("MaxPool", [tensor], pool.name, kernel_shape=[3, 3], strides=[2, 2])

    def _constants(self, layer: str, scale: float = 1.0) -> list[str]:
        names = [f"{layer}/weights", f"{layer}/bias"]
        for name, array in zip(names, self._weights[layer], strict=True):
            self.constants.append(numpy_helper.from_array(_scaled(array, scale), name))
        return names

    def _node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output


def _scaled(array: Float32, scale: float) -> NDArray[np.float32]:
    return np.ascontiguousarray(array if scale == 1.0 else array * np.float32(scale), np.float32)
