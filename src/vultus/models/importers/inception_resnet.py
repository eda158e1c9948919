"""Inception-ResNet-v1 as an ONNX graph, built from arrays that the importers read.

The layers are those of Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on
Learning" (arXiv:1602.07261, figures 10-15) in the smaller form that David Sandberg's facenet trains for 160x160 crops
(facenet/src/models/inception_resnet_v1.py, MIT), residual scales .17, .10, .20 and 1.0 included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vultus.errors import ModelInvalid
from vultus.records.seen import Float32

Weights = Mapping[str, tuple[Float32, Float32]]
"""Canonical layer name -> (weights, bias): (O, I, H, W) and (O,) of a convolution, (D, 1792) and (D,) of BOTTLENECK."""

BOTTLENECK = "Bottleneck"
FEATURES = 1792
INPUT_SIDE = 160
OPSET = 17
IR_VERSION = 8  # released with opset 17; every onnxruntime that Vultus allows reads it


@dataclass(frozen=True)
class Convolution:
    """One convolution: kernel (height, width); `same` pads so that stride 1 keeps the size; ReLU follows if `relu`."""

    name: str
    inputs: int
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    same: bool = True
    relu: bool = True

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.outputs, self.inputs, *self.kernel


@dataclass(frozen=True)
class Pool:
    """A 3x3 maximum with stride 2, unpadded."""

    name: str


Step = Convolution | Pool
Branch = tuple[Step, ...]


@dataclass(frozen=True)
class Block:
    """Parallel branches, concatenated; with `up` they are a residual: input + scale x up(concatenation)."""

    name: str
    branches: tuple[Branch, ...]
    up: Convolution | None = None
    scale: float = 1.0
    relu: bool = True


def _chain(prefix: str, inputs: int, *steps: tuple[str, int]) -> Branch:
    """Convolutions one after another, each (name, outputs); the name gives kernel ("3x3") and stride ("1a": 2)."""
    chain: list[Step] = []
    for name, outputs in steps:
        height, width = (int(side) for side in name.rsplit("_", 1)[1].split("x"))
        strided = "_1a_" in name
        stride = 2 if strided else 1
        chain.append(Convolution(f"{prefix}/{name}", inputs, outputs, (height, width), stride=stride, same=not strided))
        inputs = outputs
    return tuple(chain)


def _residual(name: str, branches: tuple[Branch, ...], channels: int, scale: float, *, relu: bool = True) -> Block:
    width = sum(branch[-1].outputs for branch in branches if isinstance(branch[-1], Convolution))
    up = Convolution(f"{name}/Conv2d_1x1", width, channels, relu=False)
    return Block(name, branches, up, scale, relu)


def _block35(name: str) -> Block:
    branches = (
        _chain(f"{name}/Branch_0", 256, ("Conv2d_1x1", 32)),
        _chain(f"{name}/Branch_1", 256, ("Conv2d_0a_1x1", 32), ("Conv2d_0b_3x3", 32)),
        _chain(f"{name}/Branch_2", 256, ("Conv2d_0a_1x1", 32), ("Conv2d_0b_3x3", 32), ("Conv2d_0c_3x3", 32)),
    )
    return _residual(name, branches, 256, 0.17)


def _block17(name: str) -> Block:
    branches = (
        _chain(f"{name}/Branch_0", 896, ("Conv2d_1x1", 128)),
        _chain(f"{name}/Branch_1", 896, ("Conv2d_0a_1x1", 128), ("Conv2d_0b_1x7", 128), ("Conv2d_0c_7x1", 128)),
    )
    return _residual(name, branches, 896, 0.10)


def _block8(name: str, *, scale: float = 0.20, relu: bool = True) -> Block:
    branches = (
        _chain(f"{name}/Branch_0", 1792, ("Conv2d_1x1", 192)),
        _chain(f"{name}/Branch_1", 1792, ("Conv2d_0a_1x1", 192), ("Conv2d_0b_1x3", 192), ("Conv2d_0c_3x1", 192)),
    )
    return _residual(name, branches, 1792, scale, relu=relu)


STEM: Branch = (
    Convolution("Conv2d_1a_3x3", 3, 32, (3, 3), stride=2, same=False),
    Convolution("Conv2d_2a_3x3", 32, 32, (3, 3), same=False),
    Convolution("Conv2d_2b_3x3", 32, 64, (3, 3)),
    Pool("MaxPool_3a_3x3"),
    Convolution("Conv2d_3b_1x1", 64, 80),
    Convolution("Conv2d_4a_3x3", 80, 192, (3, 3), same=False),
    Convolution("Conv2d_4b_3x3", 192, 256, (3, 3), stride=2, same=False),
)

_MIXED_6A = Block(
    "Mixed_6a",
    (
        _chain("Mixed_6a/Branch_0", 256, ("Conv2d_1a_3x3", 384)),
        _chain("Mixed_6a/Branch_1", 256, ("Conv2d_0a_1x1", 192), ("Conv2d_0b_3x3", 192), ("Conv2d_1a_3x3", 256)),
        (Pool("Mixed_6a/Branch_2/MaxPool_1a_3x3"),),
    ),
)

_MIXED_7A = Block(
    "Mixed_7a",
    (
        _chain("Mixed_7a/Branch_0", 896, ("Conv2d_0a_1x1", 256), ("Conv2d_1a_3x3", 384)),
        _chain("Mixed_7a/Branch_1", 896, ("Conv2d_0a_1x1", 256), ("Conv2d_1a_3x3", 256)),
        _chain("Mixed_7a/Branch_2", 896, ("Conv2d_0a_1x1", 256), ("Conv2d_0b_3x3", 256), ("Conv2d_1a_3x3", 256)),
        (Pool("Mixed_7a/Branch_3/MaxPool_1a_3x3"),),
    ),
)

BLOCKS: tuple[Block, ...] = (
    *(_block35(f"block35_{i}") for i in range(1, 6)),
    _MIXED_6A,
    *(_block17(f"block17_{i}") for i in range(1, 11)),
    _MIXED_7A,
    *(_block8(f"block8_{i}") for i in range(1, 6)),
    _block8("block8_6", scale=1.0, relu=False),
)


def convolutions() -> Iterator[Convolution]:
    """Every convolution of the network, 132 of them, in the order in which it runs."""
    branches = (STEM, *(branch for block in BLOCKS for branch in (*block.branches, (block.up,) if block.up else ())))
    return (step for branch in branches for step in branch if isinstance(step, Convolution))


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
