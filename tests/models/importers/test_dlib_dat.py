"""The dlib importer, against the layers computed with numpy, and against dlib itself."""

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.models.importers import dlib_bytes
from vultus.errors import ModelInvalid
from vultus.models.card import PackageSource, find_card, in_box_cards
from vultus.models.importers.dlib_dat import convert_dlib_dat
from vultus.models.repository.store import installed_file

MEAN = (120.0, 110.0, 100.0)
RNG = np.random.default_rng(7)


def conv(x, weights, bias, *, stride=1, padding=0):
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(padded, weights.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,ocij->ohw", windows, weights) + np.asarray(bias)[:, None, None]


def pool(x, size, stride, reduce):
    return reduce(sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride], axis=(3, 4))


def scaled(x, factor, offset):
    return x * np.asarray(factor)[:, None, None] + np.asarray(offset)[:, None, None]


def relu(x):
    return np.maximum(x, 0)


def add(first, second):
    """Their sum, each filled up with zeros after its last channel, row and column."""
    total = np.zeros(np.maximum(first.shape, second.shape))
    for part in (first, second):
        total[tuple(slice(size) for size in part.shape)] += part
    return total


class Block:
    """Random parameters of a residual block: its bytes, and what it makes of (C, H, W)."""

    def __init__(self, inputs, outputs, *, down):
        self.down = down
        self.first, self.second = RNG.normal(size=(outputs, inputs, 3, 3)), RNG.normal(size=(outputs, outputs, 3, 3))
        self.bias, self.factor, self.offset = RNG.normal(size=(3, 2, outputs))

    def layers(self):
        stride, padding = (2, 0) if self.down else (1, 1)
        return [
            dlib_bytes.con(self.first, self.bias[0], stride=stride, padding=padding),
            dlib_bytes.affine(self.factor[0], self.offset[0]),
            dlib_bytes.RELU,
            dlib_bytes.con(self.second, self.bias[1], padding=1),
            dlib_bytes.affine(self.factor[1], self.offset[1]),
            *([dlib_bytes.pool("avg", 2, 2)] if self.down else []),
            dlib_bytes.ADD,
            dlib_bytes.RELU,
        ]

    def __call__(self, x):
        stride, padding = (2, 0) if self.down else (1, 1)
        inner = conv(x, self.first, self.bias[0], stride=stride, padding=padding)
        inner = relu(scaled(inner, self.factor[0], self.offset[0]))
        inner = scaled(conv(inner, self.second, self.bias[1], padding=1), self.factor[1], self.offset[1])
        return relu(add(inner, pool(x, 2, 2, np.mean) if self.down else x))


class Small:
    """A network with a 5x5 convolution of stride 2, a 3x3 maximum, some blocks and a matrix."""

    def __init__(self, *blocks, channels=4, features=4):
        self.blocks = blocks
        self.kernel, self.bias = RNG.normal(size=(channels, 3, 5, 5)), RNG.normal(size=channels)
        self.factor, self.offset = RNG.normal(size=(2, channels))
        self.matrix = RNG.normal(size=(features, 6))

    def layers(self):
        stem = [
            dlib_bytes.con(self.kernel, self.bias, stride=2),
            dlib_bytes.affine(self.factor, self.offset),
            dlib_bytes.RELU,
            dlib_bytes.pool("max", 3, 2),
        ]
        blocks = [layer for block in self.blocks for layer in block.layers()]
        return [*stem, *blocks, dlib_bytes.pool("avg", 0, 1), dlib_bytes.fully_connected(self.matrix)]

    def bytes(self, height=31, width=35):
        return dlib_bytes.network(*self.layers(), mean=MEAN, height=height, width=width)

    def __call__(self, pixels):
        x = (pixels - np.asarray(MEAN)[:, None, None]) / 256
        x = pool(relu(scaled(conv(x, self.kernel, self.bias, stride=2), self.factor, self.offset)), 3, 2, np.max)
        for block in self.blocks:
            x = block(x)
        return x.mean(axis=(1, 2)) @ self.matrix


def assert_equals_numpy(network, height=31, width=35):
    pixels = RNG.integers(0, 256, (2, 3, height, width)).astype(np.float32)
    model = convert_dlib_dat(network.bytes(height, width))
    onnx.checker.check_model(onnx.load_model_from_string(model), full_check=True)
    ours = onnxruntime.InferenceSession(model).run(["embedding"], {"input": pixels})[0]
    theirs = np.array([network(picture) for picture in pixels])
    assert ours.shape == (2, 6)
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


def test_the_stem_takes_pixels_of_0_to_255():
    assert_equals_numpy(Small())


def test_a_residual_block_equals_numpy():
    assert_equals_numpy(Small(Block(4, 4, down=False)))


def test_a_block_that_shrinks_fills_up_the_channels():
    # 31x35 -> convolution 14x16 -> maximum 6x7 -> both branches 2x3 and 3x3: rows are filled up too
    assert_equals_numpy(Small(Block(4, 7, down=True), features=7))


def test_a_block_that_shrinks_an_even_picture_fills_up_rows_and_columns():
    # 37x37 -> 17x17 -> 8x8 -> the convolutions leave 3x3, the mean 4x4; then 1x1 and 2x2
    assert_equals_numpy(Small(Block(4, 6, down=True), Block(6, 6, down=True), features=6), 37, 37)


def test_blocks_one_after_another_equal_numpy():
    blocks = [Block(4, 4, down=False), Block(4, 5, down=True), Block(5, 5, down=False)]
    assert_equals_numpy(Small(*blocks, features=5))


def test_the_same_bytes_every_time():
    data = Small().bytes()
    assert convert_dlib_dat(data) == convert_dlib_dat(data)


def replaced(index, layer):
    layers = Small(Block(4, 4, down=True)).layers()
    del layers[index]
    layers[index % (len(layers) + 1) : 0] = layer
    return dlib_bytes.network(*layers, height=31, width=35)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (replaced(0, [dlib_bytes.RELU]), "has Relu where Convolution is expected"),
        (replaced(0, [dlib_bytes.con(np.ones((4, 3, 5, 5)), np.ones(4), padding=2)]), r"3 channels, padding \(2, 2\)"),
        (replaced(0, [dlib_bytes.con(np.ones((4, 1, 5, 5)), np.ones(4))]), "a first convolution of 1 channels"),
        (
            replaced(0, [dlib_bytes.con(np.ones((4, 3, 33, 5)), np.ones(4))]),
            r"a window of \(33, 5\) over a picture of 31x35",
        ),
        (replaced(0, [dlib_bytes.con(np.ones((4, 3, 5, 5)), np.ones(4), stride=0)]), r"stride \(0, 0\)"),
        (replaced(1, [dlib_bytes.affine([1, 2], [3, 4])]), "an affine layer of 2 channels after 4"),
        (replaced(3, [dlib_bytes.pool("max", 3, 2, padding=1)]), r"a pool with padding \(1, 1\)"),
        (replaced(4, [dlib_bytes.con(np.ones((4, 5, 3, 3)), np.ones(4))]), "a convolution of 5 channels after 4"),
        (replaced(-2, [dlib_bytes.pool("avg", 2, 2)]), "a pool over a part"),
        (replaced(-1, []), "has its end where FullyConnected is expected"),
        (replaced(-1, [dlib_bytes.fully_connected(np.ones((9, 2)))]), "a matrix of 9 rows after 4 channels"),
        (replaced(-1, [dlib_bytes.fully_connected(np.ones((4, 2))), dlib_bytes.RELU]), "or more after it"),
    ],
)
def test_another_network_is_refused(data, said):
    with pytest.raises(ModelInvalid, match=said):
        convert_dlib_dat(data)


@pytest.fixture(scope="module")
def published():
    """The published weights, where someone has installed the package that carries them."""
    card = find_card(in_box_cards(), "Dlib")
    source = next(source for source in card.files[0].sources if isinstance(source, PackageSource))
    path = installed_file(source.package, source.file)
    if path is None:
        pytest.skip(f"{source.package} is not installed; it is no dependency of Vultus")
    return path


@pytest.mark.real
def test_the_published_network_converts(published):
    session = onnxruntime.InferenceSession(convert_dlib_dat(published.read_bytes()))
    assert session.get_inputs()[0].shape == ["N", 3, 150, 150]
    assert session.get_outputs()[0].shape == ["N", 128]


@pytest.mark.real
def test_the_published_network_equals_dlib(published):
    dlib = pytest.importorskip("dlib", reason="dlib is not installed; it is no dependency of Vultus")
    pictures = np.random.default_rng(1).integers(0, 256, (4, 150, 150, 3), dtype=np.uint8)
    network = dlib.face_recognition_model_v1(str(published))
    theirs = [list(network.compute_face_descriptor(picture)) for picture in pictures]
    session = onnxruntime.InferenceSession(convert_dlib_dat(published.read_bytes()))
    ours = session.run(None, {"input": pictures.transpose(0, 3, 1, 2).astype(np.float32)})[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
