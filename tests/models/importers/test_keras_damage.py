"""Keras weight files that are damaged, of another network, or refer to other files."""

import re

import h5py
import numpy as np
import pytest

from tests.models.importers.keras_files import changed, keras_file, random_bottleneck, random_convolutions, write_layer
from vultus.errors import ModelInvalid
from vultus.models.importers.keras_hdf5 import convert_keras_hdf5


@pytest.fixture(scope="module")
def weights_file():
    return keras_file(random_convolutions() | random_bottleneck(128))


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\x89HDF\r\n\x1a\n", b"\x80\x04\x95pickle"])
def test_bytes_of_something_else_are_refused(data):
    with pytest.raises(ModelInvalid, match="no HDF5 file"):
        convert_keras_hdf5(data)


@pytest.mark.parametrize("share", [0.0001, 0.5, 0.999999])
def test_truncated_file_is_refused(weights_file, share):
    with pytest.raises(ModelInvalid, match="damaged or truncated"):
        convert_keras_hdf5(weights_file[: int(len(weights_file) * share)])


@pytest.mark.parametrize(
    "name", ["Conv2d_1a_3x3", "Block17_7_Branch_7_Conv2d_0b_1x7", "Block8_6_Branch_1_Conv2d_0b_1x3", "Bottleneck"]
)
def test_missing_layer_is_named(weights_file, name):
    def remove(file):
        del file[name]

    with pytest.raises(ModelInvalid, match=f"holds no {name} of its own"):
        convert_keras_hdf5(changed(weights_file, remove))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Conv2d_1a_3x3_BatchNorm/Conv2d_1a_3x3_BatchNorm/beta:0", "holds moving_mean, moving_variance, not beta"),
        ("Block8_2_Conv2d_1x1/Block8_2_Conv2d_1x1/bias:0", "holds kernel, not kernel, bias"),
        ("Bottleneck/Bottleneck", "holds nothing, not kernel"),
    ],
)
def test_missing_tensor_is_named(weights_file, path, said):
    def remove(file):
        del file[path]

    with pytest.raises(ModelInvalid, match=f"layer {path.partition('/')[0]} {said}"):
        convert_keras_hdf5(changed(weights_file, remove))


def replaced(data, path, array, **options):
    def replace(file):
        del file[path]
        file.create_dataset(path, data=array, **options)

    return changed(data, replace)


KERNEL = "Conv2d_2b_3x3/Conv2d_2b_3x3/kernel:0"
SHAPE = (3, 3, 32, 64)


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((64, 32, 3, 3), np.float32), "float32 of shape (64, 32, 3, 3)"),
        (np.zeros(SHAPE, np.float64), "float64 of shape (3, 3, 32, 64)"),
        (np.zeros(SHAPE, np.float16), "float16 of shape (3, 3, 32, 64)"),
        (np.float32(1), "float32 of shape ()"),
    ],
)
def test_wrong_shape_or_type_is_named(weights_file, array, found):
    said = f"Conv2d_2b_3x3: kernel is {found}, not float32 of 3 x 3 x 32 x 64"
    with pytest.raises(ModelInvalid, match=re.escape(said)):
        convert_keras_hdf5(replaced(weights_file, KERNEL, array))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(weights_file, value):
    with pytest.raises(ModelInvalid, match="Conv2d_2b_3x3: kernel holds NaN or infinite"):
        convert_keras_hdf5(replaced(weights_file, KERNEL, np.full(SHAPE, value, np.float32)))


def test_weights_that_float32_cannot_hold_once_folded_are_refused(weights_file):
    path = "Conv2d_2b_3x3_BatchNorm/Conv2d_2b_3x3_BatchNorm/moving_variance:0"
    huge = replaced(weights_file, path, np.zeros(64, np.float32))  # a factor of 1 / sqrt(epsilon) = 31.6
    with pytest.raises(ModelInvalid, match="damaged"):
        convert_keras_hdf5(replaced(huge, KERNEL, np.full(SHAPE, 3e38, np.float32)))


def test_negative_variance_is_refused(weights_file):
    path = "Conv2d_3b_1x1_BatchNorm/Conv2d_3b_1x1_BatchNorm/moving_variance:0"
    with pytest.raises(ModelInvalid, match=r"Conv2d_3b_1x1_BatchNorm has a variance of -1, below 0"):
        convert_keras_hdf5(replaced(weights_file, path, np.full(80, -1, np.float32)))


def test_other_dimension_than_128_and_512_is_refused(weights_file):
    other = replaced(weights_file, "Bottleneck/Bottleneck/kernel:0", np.zeros((1792, 64), np.float32))
    with pytest.raises(ModelInvalid, match="Bottleneck has 64 outputs, not 128 or 512"):
        convert_keras_hdf5(other)


def test_batch_norm_with_a_scale_is_another_network(weights_file):
    def add_gamma(file):
        file["Conv2d_1a_3x3_BatchNorm/Conv2d_1a_3x3_BatchNorm/gamma:0"] = np.ones(32, np.float32)

    with pytest.raises(ModelInvalid, match="Conv2d_1a_3x3_BatchNorm holds beta, gamma, moving_mean, moving_variance"):
        convert_keras_hdf5(changed(weights_file, add_gamma))


def test_unknown_layer_with_weights_is_another_network(weights_file):
    def add(file):
        write_layer(file, "predictions", {"kernel": np.zeros((2, 2), np.float32)}, ":0")

    with pytest.raises(ModelInvalid, match="'predictions' is not one of FaceNet's"):
        convert_keras_hdf5(changed(weights_file, add))


@pytest.mark.parametrize("change", ["loop", "too_many", "twice"])
def test_group_that_is_no_layer_is_refused(weights_file, change):
    def fill(file):
        group = file["Bottleneck"]
        if change == "loop":
            group["again"] = group
        elif change == "twice":
            group["Bottleneck_1/kernel:0"] = np.zeros(1, np.float32)
        else:
            for number in range(20):
                group.create_group(f"scope_{number}")

    with pytest.raises(ModelInvalid, match=r"the Keras file has (too much|kernel twice) in the group /Bottleneck"):
        convert_keras_hdf5(changed(weights_file, fill))


# --- HDF5 that leads elsewhere ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [h5py.ExternalLink, h5py.SoftLink])
def test_links_are_not_followed(tmp_path, weights_file, kind):
    other = tmp_path / "other.h5"
    other.write_bytes(weights_file)

    def relink(file):
        file.move("Bottleneck", "kept")
        del file["kept/Bottleneck"]
        file["Bottleneck"] = h5py.SoftLink("/kept") if kind is h5py.SoftLink else kind(str(other), "/Bottleneck")

    with pytest.raises(ModelInvalid, match="holds no Bottleneck of its own"):
        convert_keras_hdf5(changed(weights_file, relink))


def test_tensors_in_other_files_are_not_read(tmp_path, weights_file):
    other = tmp_path / "numbers.bin"
    other.write_bytes(bytes(4 * 3 * 3 * 32 * 64))

    def move_out(file):
        del file[KERNEL]
        external = [(str(other), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(KERNEL, SHAPE, np.float32, external=external)

    with pytest.raises(ModelInvalid, match="Conv2d_2b_3x3: kernel is not stored in one piece"):
        convert_keras_hdf5(changed(weights_file, move_out))


def test_tensors_behind_filters_are_not_read(weights_file):
    packed = replaced(weights_file, KERNEL, np.zeros(SHAPE, np.float32), compression="gzip")
    with pytest.raises(ModelInvalid, match="Conv2d_2b_3x3: kernel is not stored in one piece"):
        convert_keras_hdf5(packed)


def test_tensor_that_was_never_written_is_refused(weights_file):
    def forget(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, SHAPE, np.float32)

    with pytest.raises(ModelInvalid, match="Conv2d_2b_3x3: kernel is not stored in one piece"):
        convert_keras_hdf5(changed(weights_file, forget))
