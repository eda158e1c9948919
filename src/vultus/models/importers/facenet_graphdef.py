"""David Sandberg's FaceNet as a frozen TensorFlow graph -> ONNX.

The graph was frozen for OpenCV: batch normalisations are folded into the convolutions (the bias has the name
`Conv2D_bn_offset`), except the one after the bottleneck. The L2 normalisation at the end is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vultus.errors import ModelInvalid
from vultus.models.importers.graphdef import Node, read_graph
from vultus.models.importers.inception_resnet import BOTTLENECK, FEATURES, build_inception_resnet, fold_batch_norm
from vultus.models.importers.inception_resnet_layers import BLOCKS, Block, Convolution, convolutions
from vultus.records.seen import Float32

_ROOT = "InceptionResnetV1"
_REPEATS = {"block35": "Repeat/block35", "block17": "Repeat_1/block17", "block8": "Repeat_2/block8"}
_LAST_BLOCK = "block8_6"
_BATCH_NORM = f"{_ROOT}/{BOTTLENECK}/BatchNorm"

Weights = dict[str, tuple[Float32, Float32]]


def convert_facenet_graphdef(data: bytes) -> bytes:
    """Convert a frozen FaceNet graph to ONNX: (N, 3, 160, 160) -> (N, D) raw vectors; reproducible byte for byte.

    Raises: ModelInvalid when the bytes are no GraphDef, or a tensor is missing or has another shape or value.
    """
    weights = read_weights(read_graph(data))
    serialized: bytes = build_inception_resnet(weights).SerializeToString(deterministic=True)
    return serialized


def read_weights(nodes: Mapping[str, Node]) -> Weights:
    """Read the weights from the graph's nodes, under the canonical names of `inception_resnet`.

    Raises: ModelInvalid naming the node that is missing or has another shape, type or value.
    """
    for block in BLOCKS:
        if block.up is not None:
            _check_scale(nodes, block)
    weights = {layer.name: _convolution(nodes, layer) for layer in convolutions()}
    weights[BOTTLENECK] = _bottleneck(nodes)
    return weights


def _path(name: str) -> str:
    """The path in the graph of a layer or block with this canonical name."""
    block, slash, rest = name.partition("/")
    if block == _LAST_BLOCK:
        return f"{_ROOT}/Block8{slash}{rest}"
    family, _, index = block.partition("_")
    if family in _REPEATS:
        return f"{_ROOT}/{_REPEATS[family]}_{index}{slash}{rest}"
    return f"{_ROOT}/{name}"


def _constant(nodes: Mapping[str, Node], name: str, *shape: int | None) -> Float32:
    """The float32 constant `name`; None in `shape` means any size."""
    tensor = nodes[name].tensor if name in nodes else None
    if tensor is None:
        raise ModelInvalid(f"the FaceNet graph has no constant {name}; it is another network or a damaged file")
    fits = len(tensor.shape) == len(shape) and all(
        want in (None, got) for want, got in zip(shape, tensor.shape, strict=True)
    )
    if not fits or tensor.dtype != np.float32:
        wanted = " x ".join("any" if size is None else str(size) for size in shape) or "a single number"
        raise ModelInvalid(
            f"the FaceNet graph's constant {name} is {tensor.dtype} of shape {tensor.shape}, not float32 of {wanted}"
        )
    return np.asarray(tensor, np.float32)


def _convolution(nodes: Mapping[str, Node], layer: Convolution) -> tuple[Float32, Float32]:
    """Weights from TensorFlow's (H, W, I, O) to (O, I, H, W), and the bias."""
    path = _path(layer.name)
    kernel = _constant(nodes, f"{path}/weights", *layer.kernel, layer.inputs, layer.outputs)
    # The 1x1 convolutions before an addition have no batch normalisation, so their bias has the ordinary name.
    bias = _constant(nodes, f"{path}/{'Conv2D_bn_offset' if layer.relu else 'biases'}", layer.outputs)
    return kernel.transpose(3, 2, 0, 1), bias


def _check_scale(nodes: Mapping[str, Node], block: Block) -> None:
    name = f"{_path(block.name)}/mul/x"
    found = float(_constant(nodes, name))
    if not np.isclose(found, block.scale, rtol=1e-6):
        raise ModelInvalid(f"the FaceNet graph scales a residual by {name} = {found:g}, not {block.scale:g}")


def _bottleneck(nodes: Mapping[str, Node]) -> tuple[Float32, Float32]:
    """The dense layer with its batch normalisation folded in: (D, 1792) and (D,)."""
    kernel = _constant(nodes, f"{_ROOT}/{BOTTLENECK}/weights", FEATURES, None).T
    live = nodes.get(f"{_BATCH_NORM}/cond/FusedBatchNorm_1")
    epsilon = live.attributes.get("epsilon") if live else None
    if live is None or len(live.inputs) != 5 or not isinstance(epsilon, float):
        raise ModelInvalid(f"the FaceNet graph has no batch normalisation {_BATCH_NORM}/cond/FusedBatchNorm_1")
    gamma, beta, mean, variance = (_constant(nodes, name, len(kernel)) for name in live.inputs[1:])
    return fold_batch_norm(kernel, gamma, beta, mean, variance, epsilon)
