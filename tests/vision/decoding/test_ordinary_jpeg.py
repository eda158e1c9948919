"""Ordinary JPEGs are decoded by another library than the rest: pixel for pixel the same."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from tests import pictures
from vultus.vision.decoding.decode import decode
from vultus.vision.decoding.ordinary_jpeg import decode_ordinary

SIZES = ((16, 16), (17, 801), (799, 601), (1283, 1927), (2600, 1301))


def by_pillow(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """Pixels of a JPEG, reduced to `size`, as Pillow decodes it; it rounds up the size that it reduces to."""
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as picture:
        picture.draft("RGB", (max(1, size[0] - 1), max(1, size[1] - 1)) if size != picture.size else size)
        assert picture.size == size
        return np.asarray(picture.convert("RGB"))


def jpeg(size: tuple[int, int], mode: str = "RGB", **options: object) -> bytes:
    """A photo stretched to a size, with noise."""
    stretched = np.asarray(pictures.opened(pictures.astronaut()).convert(mode).resize(size))
    noise = np.random.default_rng(size).normal(0, 9, stretched.shape)
    return pictures.encoded(Image.fromarray((stretched + noise).clip(0, 255).astype(np.uint8)), "JPEG", **options)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", [{"subsampling": kind} for kind in ("4:4:4", "4:2:2", "4:2:0")])
@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
def test_the_pixels_are_those_of_pillow(size, options, reduction):
    data = jpeg(size, quality=80, **options)
    reduced = (-(-size[0] // reduction), -(-size[1] // reduction))
    np.testing.assert_array_equal(decode_ordinary(data, "RGB", reduced), by_pillow(data, reduced))


@pytest.mark.parametrize("options", [{"mode": "L"}, {"keep_rgb": True}, {"optimize": True}, {"restart_marker_rows": 2}])
def test_so_are_those_of_grey_untransformed_and_other_ordinary_files(options):
    data, mode = jpeg((799, 601), **options), options.get("mode", "RGB")
    np.testing.assert_array_equal(decode_ordinary(data, mode, (400, 301)), by_pillow(data, (400, 301)))
    np.testing.assert_array_equal(decode(data).pixels, by_pillow(data, (799, 601)))


def test_of_several_pictures_the_first_is_decoded():
    first, second = Image.new("RGB", (60, 40), (9, 99, 199)), Image.new("RGB", (30, 30))
    data = pictures.encoded(first, "MPO", save_all=True, append_images=[second])
    np.testing.assert_array_equal(decode_ordinary(data, "RGB", (60, 40)), by_pillow(data, (60, 40)))


def test_other_colours_are_left_to_pillow():
    data = pictures.encoded(Image.new("CMYK", (60, 40), (200, 0, 0, 0)), "JPEG")
    assert decode_ordinary(data, "CMYK", (60, 40)) is None


def test_a_file_with_an_error_is_left_to_pillow_and_nothing_is_printed(capfd):
    whole = jpeg((320, 240))
    short, torn = whole[: len(whole) // 2], whole[: len(whole) // 2] + whole[-2:]
    assert decode_ordinary(whole, "RGB", (320, 240)) is not None
    assert decode_ordinary(short, "RGB", (320, 240)) is None
    assert decode_ordinary(torn, "RGB", (320, 240)) is None
    assert decode_ordinary(b"\xff\xd8\xff", "RGB", (320, 240)) is None
    assert capfd.readouterr() == ("", "")


def test_a_file_of_another_size_than_its_header_said_takes_no_more_memory_and_is_left_to_pillow():
    data = jpeg((799, 601))
    assert decode_ordinary(data, "RGB", (399, 300)) is None
    assert decode_ordinary(data, "RGB", (64, 64)) is None
    assert decode_ordinary(data, "RGB", (900, 700)) is None
