import numpy as np
import pytest

from tests.models.importers import dlib_bytes
from vultus.errors import ModelInvalid
from vultus.models.importers.dlib_format import (
    AddPrevious,
    Affine,
    Convolution,
    FullyConnected,
    Pool,
    Relu,
    read_network,
)

WEIGHTS = np.arange(2 * 3 * 3 * 3, dtype=np.float32).reshape(2, 3, 3, 3)
CON = dlib_bytes.con(WEIGHTS, [0.5, -0.5], stride=2, padding=1)


def only(*layers):
    """The last of the layers, read."""
    return read_network(dlib_bytes.network(CON, *layers)).layers[-1]


def test_numbers_are_written_as_dlib_writes_them():
    # from the head of the published file: 0.04 is 10737418 x 2^-28, 122.782 is 16093282 x 2^-17
    assert dlib_bytes.fraction(0.04)[:6] == bytes.fromhex("03 0a d7 a3 81 1c")
    published = bytes.fromhex("03 62 90 f5 81 11")
    data = dlib_bytes.network(CON, mean=(122.78199768066406, 0, 0))
    assert published in data
    assert read_network(data).mean[0] == 16093282 * 2.0**-17


def test_the_input_is_read():
    network = read_network(dlib_bytes.network(CON, mean=(1.5, -2.0, 0.0), height=300, width=4000))
    assert network.mean.tolist() == [1.5, -2.0, 0.0]
    assert (network.height, network.width) == (300, 4000)


def test_a_convolution_is_read_with_its_bias_stride_and_padding():
    (layer,) = read_network(dlib_bytes.network(CON)).layers
    assert isinstance(layer, Convolution)
    np.testing.assert_array_equal(layer.weights, WEIGHTS)
    assert layer.bias.tolist() == [0.5, -0.5]
    assert (layer.stride, layer.padding) == ((2, 2), (1, 1))


def test_an_affine_layer_is_read():
    layer = only(dlib_bytes.affine([1, 2, 3], [4, 5, 6]))
    assert isinstance(layer, Affine)
    assert (layer.factor.tolist(), layer.offset.tolist()) == ([1, 2, 3], [4, 5, 6])


def test_pools_are_read():
    assert only(dlib_bytes.pool("max", 3, 2)) == Pool("max", (3, 3), (2, 2), (0, 0))
    assert only(dlib_bytes.pool("avg", 0, 1)) == Pool("mean", (0, 0), (1, 1), (0, 0))


def test_layers_without_parameters_are_read():
    assert only(dlib_bytes.RELU) == Relu()
    assert only(dlib_bytes.ADD) == AddPrevious()


def test_a_fully_connected_layer_has_a_row_per_input():
    layer = only(dlib_bytes.fully_connected(np.array([[1, 2], [3, 4], [5, 6]])))
    assert isinstance(layer, FullyConnected)
    assert layer.weights.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_a_file_cut_inside_a_layer_is_refused():
    data = dlib_bytes.network(CON)
    for size in range(len(data)):
        with pytest.raises(ModelInvalid, match="the dlib file"):
            read_network(data[:size])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "of 0 bytes ends where 1 more are needed"),
        (b"\x00", "whole number of 0 bytes"),
        (b"\x0f" + bytes(15), "whole number of 15 bytes"),
        (dlib_bytes.integer(1) + dlib_bytes.text("loss_mmod"), "has 'loss_mmod' where 'loss_metric_2' is expected"),
        (dlib_bytes.network(CON).replace(b"input_rgb", b"input_bgr"), "has 'input_bgr_image_sized' where"),
        (dlib_bytes.network(CON).replace(b"con_4", b"con_9"), "a layer 'con_9' that is not known"),
        (dlib_bytes.network(CON, height=-150), "an input of 9x-150 pixels"),
        (dlib_bytes.network(CON) + b"\x01", "ends where 1 more"),
        (
            dlib_bytes.network(dlib_bytes.layer("affine_", dlib_bytes.integers(2, -1, 1, 1, 1))),
            r"sizes \(-1, 1, 1, 1\)",
        ),
        (dlib_bytes.network(dlib_bytes.layer("affine_", dlib_bytes.integers(7))), "a tensor of version 7"),
        (
            dlib_bytes.network(dlib_bytes.layer("affine_", dlib_bytes.integers(2, 2**62, 2**62, 1, 1))),
            "more are needed",
        ),
        (dlib_bytes.integer(1) + dlib_bytes.text("loss_metric_2") + dlib_bytes.integers(1, 32000), "infinite or none"),
        (
            dlib_bytes.network(CON, dlib_bytes.RELU).replace(b"\x01\x02\x01\x01\x01\x03", b"\x01\x05\x01\x01\x01\x03"),
            "version 5",
        ),
    ],
)
def test_what_is_no_such_network_is_refused(data, said):
    with pytest.raises(ModelInvalid, match=said):
        read_network(data)


def test_parameters_that_do_not_fit_their_shape_are_refused():
    one_less = dlib_bytes.integers(2, 3, 1, 1, 1) + np.zeros(3, "<f4").tobytes()
    shapes = 2 * dlib_bytes.integers(1, 1, 2, 1, 1)
    with pytest.raises(ModelInvalid, match="3 parameters where 4 are expected"):
        only(dlib_bytes.layer("affine_", one_less + shapes + dlib_bytes.integer(0)))
