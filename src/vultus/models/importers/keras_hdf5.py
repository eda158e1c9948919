"""FaceNet as Keras HDF5, in the layout of DeepFace's `facenet_weights.h5` and `facenet512_weights.h5` -> ONNX.

Supported are Keras 2's `save_weights` (layers at the root) and `save` to `.h5` of Keras 2 and 3 (layers in
`model_weights`): each layer is a group under its name, with tensors such as `<scope>/kernel:0` in it. Layer names,
layers without bias and batch normalisation without scale are those of github.com/serengil/deepface (MIT),
deepface/models/facial_recognition/Facenet.py.

HDF5 can refer to other files and to filter plug-ins; no such reference is followed. Attributes are not read: Keras
needs them for the order of layers only, and a damaged one can keep the HDF5 library in an endless loop.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from vultus.errors import ModelInvalid
from vultus.models.importers.inception_resnet import BOTTLENECK, FEATURES, build_inception_resnet, fold_batch_norm
from vultus.models.importers.inception_resnet_layers import Convolution, convolutions
from vultus.records.seen import Float32

EPSILON = 1e-3  # of every batch normalisation: epsilon=0.001 in Facenet.py; a weight file does not hold it

_DIMENSIONS = (128, 512)
_MODEL = "model_weights"
_MOST_MEMBERS = 8  # a layer of this network has three tensors at most
_MOST_SCOPES = 3  # nested name scopes; Keras makes one
_PLAIN_LAYOUTS = (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS)
_NAMELESS = ("layers", "_layer_checkpoint_dependencies")  # roots of .weights.h5 of Keras 3 and of late Keras 2

Weights = dict[str, tuple[Float32, Float32]]
Shape = tuple[int | None, ...]


def convert_keras_hdf5(data: bytes) -> bytes:
    """Convert FaceNet's Keras weights to ONNX: (N, 3, 160, 160) -> (N, D) raw vectors; reproducible byte for byte.

    D is 128 or 512, from the file. Raises: ModelInvalid when the bytes are no HDF5, have another layout, or a
    layer is missing, unknown, or of another shape or type.
    """
    serialized: bytes = build_inception_resnet(read_weights(data)).SerializeToString(deterministic=True)
    return serialized


def read_weights(data: bytes) -> Weights:
    """Read the weights under the canonical names of `inception_resnet`, batch normalisation folded in.

    Raises: ModelInvalid naming the layer that is missing or has another shape, type or value.
    """
    with _opened(data) as file:
        layers = _layers(file)
        weights = {layer.name: _convolution(layers, layer) for layer in convolutions()}
        weights[BOTTLENECK] = _bottleneck(layers)
    return weights


def layer_name(name: str) -> str:
    """The Keras layer of a canonical name: "block17_3/Branch_1/Conv2d_0a_1x1" -> "Block17_3_Branch_3_Conv2d_0a_1x1".

    The second branch of every Block17 and of Block8 1 to 5 has the block's number; that of Block8_6 is "Branch_1".
    """
    block, _, rest = name.partition("/")
    family, _, index = block.partition("_")
    if family == "block17" or (family == "block8" and index != "6"):
        rest = rest.replace("Branch_1/", f"Branch_{index}/")
    path = f"{block}/{rest}" if rest else block
    return path.replace("block", "Block").replace("/", "_")


# --- layers -----------------------------------------------------------------------------------------------------------


def _convolution(layers: Any, layer: Convolution) -> tuple[Float32, Float32]:
    """(O, I, H, W) and (O,) of a convolution and its batch normalisation, from Keras' (H, W, I, O)."""
    name = layer_name(layer.name)
    shape = (*layer.kernel, layer.inputs, layer.outputs)
    if layer.relu:
        (kernel,) = _tensors(layers, name, kernel=shape)
        return _folded(layers, name, kernel.transpose(3, 2, 0, 1))
    # The 1x1 convolutions before an addition have a bias and no batch normalisation.
    kernel, bias = _tensors(layers, name, kernel=shape, bias=(layer.outputs,))
    return kernel.transpose(3, 2, 0, 1), bias


def _bottleneck(layers: Any) -> tuple[Float32, Float32]:
    """(D, 1792) and (D,) of the dense layer with its batch normalisation."""
    (kernel,) = _tensors(layers, BOTTLENECK, kernel=(FEATURES, None))
    if kernel.shape[1] not in _DIMENSIONS:
        raise ModelInvalid(f"the Keras layer {BOTTLENECK} has {kernel.shape[1]} outputs, not 128 or 512")
    return _folded(layers, BOTTLENECK, kernel.T)


def _folded(layers: Any, name: str, kernel: Float32) -> tuple[Float32, Float32]:
    """A kernel, output channels first, and the layer `<name>_BatchNorm` after it."""
    norm = f"{name}_BatchNorm"
    size = (len(kernel),)
    beta, mean, variance = _tensors(layers, norm, beta=size, moving_mean=size, moving_variance=size)
    if variance.min() < 0:
        raise ModelInvalid(f"the Keras layer {norm} has a variance of {variance.min():g}, below 0; the file is damaged")
    with np.errstate(over="raise"):  # numbers that float32 cannot hold mean a damaged file, too
        return fold_batch_norm(kernel, np.ones_like(beta), beta, mean, variance, EPSILON)


def _tensors(layers: Any, name: str, **shapes: Shape) -> list[Float32]:
    """The tensors of one layer in the order of `shapes`. Raises: ModelInvalid unless it has exactly these."""
    found = _datasets(_member(layers, name, h5py.Group))
    if set(found) != set(shapes):
        raise ModelInvalid(
            f"the Keras layer {name} holds {', '.join(sorted(found)) or 'nothing'}, not {', '.join(shapes)}; "
            "it is another network or a damaged file"
        )
    return [_tensor(found[part], f"{name}: {part}", shape) for part, shape in shapes.items()]


# --- HDF5 -------------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """Open the file. Raises: ModelInvalid for every error of the HDF5 library, also inside the `with` block."""
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            yield file
    except ModelInvalid:
        raise
    except Exception as exc:  # h5py raises OSError, KeyError, RuntimeError, TypeError or ValueError
        raise ModelInvalid("the Keras weights are no HDF5 file, or a damaged or truncated one; fetch it again") from exc


def _layers(file: Any) -> Any:
    """The group with one group per layer. Raises: ModelInvalid when it has a layer of another network."""
    layers = _member(file, _MODEL, h5py.Group) if file.id.links.exists(_MODEL.encode()) else file
    if any(layers.id.links.exists(name.encode()) for name in _NAMELESS):
        raise ModelInvalid(
            "the Keras weights are in the .weights.h5 layout, which numbers the layers and does not name them; "
            "load them with Keras and save the whole model: model.save('facenet.h5')"
        )
    expected = set(_expected_layers())
    for name in layers:
        if name not in expected and _datasets(_member(layers, name, h5py.Group)):
            raise ModelInvalid(f"the Keras layer {name!r} is not one of FaceNet's; the file is another network")
    return layers


def _expected_layers() -> Iterator[str]:
    """Every layer of the network that has weights."""
    yield from (BOTTLENECK, f"{BOTTLENECK}_BatchNorm")
    for layer in convolutions():
        yield layer_name(layer.name)
        if layer.relu:
            yield f"{layer_name(layer.name)}_BatchNorm"


def _datasets(group: Any, depth: int = 0) -> dict[str, Any]:
    """The tensors of a layer's group and of the scopes in it: "kernel" -> the dataset `Bottleneck/kernel:0`."""
    if group.id.get_num_objs() > _MOST_MEMBERS or depth > _MOST_SCOPES:
        raise ModelInvalid(f"the Keras file has too much in the group {group.name}; it is another network")
    found: dict[str, Any] = {}
    for name in group:
        member = _member(group, name, (h5py.Group, h5py.Dataset))
        new = {name.partition(":")[0]: member} if isinstance(member, h5py.Dataset) else _datasets(member, depth + 1)
        if twice := set(found) & set(new):
            raise ModelInvalid(
                f"the Keras file has {min(twice)} twice in the group {group.name}; it is another network"
            )
        found |= new
    return found


def _tensor(dataset: Any, label: str, shape: Shape) -> Float32:
    """The float32 tensor of a dataset; None in `shape` means any size."""
    found = dataset.shape or ()
    fits = len(found) == len(shape) and all(want in (None, got) for want, got in zip(shape, found, strict=True))
    if not fits or dataset.dtype != np.float32:
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        raise ModelInvalid(f"the Keras tensor {label} is {dataset.dtype} of shape {found}, not float32 of {wanted}")
    _refuse_external_data(dataset, label)
    array = np.asarray(dataset[()], np.float32)
    if not np.isfinite(array).all():
        raise ModelInvalid(f"the Keras tensor {label} holds NaN or infinite numbers; the file is damaged")
    return array


def _refuse_external_data(dataset: Any, label: str) -> None:
    """Raises: ModelInvalid for filters, other files and absent data: Keras writes each tensor in one piece."""
    properties = dataset.id.get_create_plist()
    plain = properties.get_layout() in _PLAIN_LAYOUTS and properties.get_external_count() == 0
    if not plain or dataset.id.get_storage_size() != dataset.nbytes:
        raise ModelInvalid(f"the Keras tensor {label} is not stored in one piece in the file; save it again with Keras")


def _member(group: Any, name: str, kind: type | tuple[type, ...]) -> Any:
    """The group or dataset `name`; links to another place or file are not followed. Raises: ModelInvalid."""
    links, link = group.id.links, name.encode()  # h5py's own `name in group` would follow them
    real = links.exists(link) and links.get_info(link).type == h5py.h5l.TYPE_HARD
    member = group[name] if real else None
    if not isinstance(member, kind):
        where = f"{group.name}/{name}".lstrip("/")
        raise ModelInvalid(f"the Keras file holds no {where} of its own; it is another network or a damaged file")
    return member
