"""MiniFASNet's weights as PyTorch trained them -> ONNX.

The network is that of github.com/minivision-ai/Silent-Face-Anti-Spoofing (Apache-2.0), src/model_lib/MiniFASNet.py: a
MobileFaceNet with pruned widths, which are in the shapes of the file. Blocks of three convolutions: 1x1, 3x3 for each
channel apart, 1x1; PReLUs after the first two; in V1SE the last block of each run weighs its channels by squeeze and
excitation (Hu et al., arXiv:1709.01507). Batch normalisations are folded into the convolutions before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from vultus.errors import ModelInvalid
from vultus.models.importers.inception_resnet import fold_batch_norm
from vultus.models.importers.prelu_convolutions import write_prelus_as_convolutions
from vultus.models.importers.torch_tensors import Array, read_tensors
from vultus.records.seen import Float32

OPSET, IR_VERSION = 17, 8
SIDE, CLASSES = 80, 3
EPSILON = 1e-5  # of PyTorch's batch normalisation; a weight file does not hold it
PREFIX = "module."  # before each name, as the weights were trained on several GPUs
RUNS = (("conv_23", "conv_3", 4), ("conv_34", "conv_4", 6), ("conv_45", "conv_5", 2))  # halving, run, its blocks
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
_COUNTERS = ".num_batches_tracked"  # of the training


def convert_minifasnet(data: bytes) -> bytes:
    """Convert to ONNX: (N, 3, 80, 80) float32 BGR 0..255 -> (N, 3) probabilities, of which the second is "live";
    reproducible byte for byte.

    Raises: ModelInvalid when the bytes are no file of tensors, or a layer is missing, unknown or of another shape.
    """
    tensors = {name.removeprefix(PREFIX): tensor for name, tensor in read_tensors(data).items()}
    graph = _Graph({name: tensor for name, tensor in tensors.items() if not name.endswith(_COUNTERS)})
    picture = graph.convolution("conv2_dw", graph.convolution("conv1", "input", stride=2))
    for halving, run, blocks in RUNS:
        picture = graph.block(halving, picture, stride=2)
        for number in range(blocks):
            picture = graph.residual_block(f"{run}.model.{number}", picture)
    graph.head(graph.convolution("conv_6_dw", graph.convolution("conv_6_sep", picture), padded=False))
    return write_prelus_as_convolutions(graph.serialize())


class _Graph:
    """The nodes and constants written so far, and the tensors not used yet."""

    def __init__(self, tensors: Mapping[str, Array]) -> None:
        self._tensors = dict(tensors)
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def convolution(self, name: str, of: str, *, stride: int = 1, padded: bool = True) -> str:
        """A convolution with its batch normalisation, and its PReLU where the file has one."""
        kernel = self._take(f"{name}.conv.weight", 4)
        side = kernel.shape[2]
        pad = side // 2 if padded else 0
        # Of a kernel for each channel apart, the second size is one; the first layer of all has three.
        groups = len(kernel) if kernel.shape[1] == 1 else 1
        weights = self._folded(kernel, f"{name}.bn")
        made = self._node("Conv", [of, *weights], group=groups, strides=[stride, stride], pads=[pad] * 4)
        slopes = f"{name}.prelu.weight"
        if slopes not in self._tensors:
            return made
        return self._node("PRelu", [made, self._constant(self._take(slopes, 1).reshape(-1, 1, 1))])

    def block(self, name: str, of: str, *, stride: int = 1) -> str:
        """Three convolutions, the middle one for each channel apart."""
        inner = self.convolution(f"{name}.conv_dw", self.convolution(f"{name}.conv", of), stride=stride)
        return self.convolution(f"{name}.project", inner)

    def residual_block(self, name: str, of: str) -> str:
        """A block whose output, weighed by squeeze and excitation where the file has it, is added to its input."""
        made = self.block(name, of)
        if f"{name}.se_module.fc1.weight" in self._tensors:
            made = self._weighed(f"{name}.se_module", made)
        return self._node("Add", [of, made])

    def head(self, picture: str) -> None:
        """A matrix with its batch normalisation, the matrix of the classes, and the probabilities. All tensors are
        used then."""
        flat = self._node("Flatten", [picture], axis=1)
        matrix = self._folded(self._take("linear.weight", 2), "bn")
        features = self._node("Gemm", [flat, *matrix], transB=1)
        classes = self._take("prob.weight", 2)
        if len(classes) != CLASSES:
            raise _other_network(f"{len(classes)} classes in place of {CLASSES}")
        if self._tensors:
            raise _other_network(f"a tensor {min(self._tensors)[:80]!r}")
        scores = self._node("Gemm", [features, self._constant(classes)], transB=1)
        self._nodes.append(helper.make_node("Softmax", [scores], ["probabilities"], axis=1))

    def serialize(self) -> bytes:
        shape: list[int | str] = ["N", 3, SIDE, SIDE]
        given = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
        answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", CLASSES])
        model = helper.make_model(
            helper.make_graph(self._nodes, "minifasnet", [given], [answer], self._constants),
            producer_name="vultus",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        serialized: bytes = model.SerializeToString(deterministic=True)
        return serialized

    def _weighed(self, name: str, of: str) -> str:
        pooled = self._node("GlobalAveragePool", [of])
        squeezed = self._node("Relu", [self._pointwise(f"{name}.fc1", f"{name}.bn1", pooled)])
        excited = self._node("Sigmoid", [self._pointwise(f"{name}.fc2", f"{name}.bn2", squeezed)])
        return self._node("Mul", [of, excited])

    def _pointwise(self, name: str, norm: str, of: str) -> str:
        return self._node("Conv", [of, *self._folded(self._take(f"{name}.weight", 4), norm)])

    def _folded(self, kernel: Float32, norm: str) -> tuple[str, str]:
        """The names of the weights and the bias of a layer with its batch normalisation."""
        gamma, beta, mean, variance = (self._take(f"{norm}.{part}", 1) for part in _BATCH_NORM)
        if not len(kernel) == len(gamma) == len(beta) == len(mean) == len(variance) or variance.min() < 0:
            raise _other_network(f"a batch normalisation {norm!r} that does not fit its layer")
        weights, bias = fold_batch_norm(kernel, gamma, beta, mean, variance, EPSILON)
        return self._constant(weights), self._constant(bias)

    def _take(self, name: str, dimensions: int) -> Float32:
        tensor = self._tensors.pop(name, None)
        if tensor is None or tensor.dtype != np.float32 or tensor.ndim != dimensions or not tensor.size:
            raise _other_network(f"no tensor {name!r} of {dimensions} dimensions")
        if not np.isfinite(tensor).all():
            raise _other_network(f"numbers in {name!r} that are not finite")
        return tensor

    def _constant(self, array: Float32) -> str:
        name = f"weights_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def _other_network(found: str) -> ModelInvalid:
    return ModelInvalid(f"the PyTorch file has {found}; it is not MiniFASNet")
