"""HEIC photos, whose pixels are known."""

import numpy as np
import pytest
from PIL import Image

from tests.heic import heic
from vultus.errors import InvalidImage, RequestTooLarge
from vultus.vision.decoding.decode import decode
from vultus.vision.decoding.limits import DecodeLimits

PIXELS = np.random.default_rng(1).integers(0, 256, (3, 4, 3)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
ROUNDING = 3  # of the conversion to YCbCr and back


def assert_shows(data: bytes, pixels: np.ndarray) -> None:
    photograph = decode(data)
    assert (photograph.height, photograph.width) == pixels.shape[:2]
    assert np.abs(photograph.pixels.astype(int) - pixels).max() <= ROUNDING
    assert photograph.pixels.flags.c_contiguous


def test_a_heic_photo_is_its_pixels():
    assert_shows(heic(PIXELS), PIXELS)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_its_own_rotation_is_applied_once(turns):
    assert_shows(heic(PIXELS, quarter_turns=turns), np.rot90(PIXELS, turns))


@pytest.mark.parametrize("turns", [0, 3])
def test_its_exif_orientation_is_not_applied_on_top(turns):
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    assert_shows(heic(PIXELS, quarter_turns=turns, exif=block), np.rot90(PIXELS, turns))


def test_of_a_portrait_with_a_depth_map_the_photo_is_read():
    assert_shows(heic(PIXELS, depth=np.zeros((16, 32, 3), np.uint8)), PIXELS)


@pytest.mark.parametrize("brand", [b"msf1", b"hevc"])
def test_a_sequence_is_refused(brand):
    with pytest.raises(InvalidImage, match="animated"):
        decode(heic(PIXELS, brand=brand))


def test_its_size_is_checked_before_decoding():
    with pytest.raises(RequestTooLarge, match="9000x9000"):
        decode(heic(PIXELS, size=(9000, 9000)))
    with pytest.raises(RequestTooLarge, match="64x48 pixels as a HEIF"):
        decode(heic(PIXELS), limits=DecodeLimits(memory_bytes=30_000))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_cut_one_is_refused(share):
    whole = heic(PIXELS)
    with pytest.raises(InvalidImage, match="cut short"):
        decode(whole[: int(len(whole) * share)])
