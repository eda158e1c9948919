"""What the markers of a JPEG say before it is decoded."""

import pytest
from PIL import Image

from tests import pictures
from tests.attack import corpus
from vultus.errors import InvalidImage
from vultus.vision.decoding.decode import decode
from vultus.vision.decoding.jpeg_header import MAX_SCANS, MAX_SEGMENTS, read_jpeg_header

PICTURE = Image.new("RGB", (200, 100))


def with_scans(count: int, size: tuple[int, int] = (200, 100)) -> bytes:
    """A progressive JPEG whose last scan is repeated until there are so many."""
    data = pictures.encoded(Image.new("RGB", size), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * (count - data.count(b"\xff\xda")) + data[-2:]


def test_an_ordinary_jpeg_has_one_scan_and_keeps_nothing():
    header = read_jpeg_header(pictures.encoded(PICTURE, "JPEG"))
    assert (header.width, header.height, header.scans, header.coefficient_bytes) == (200, 100, 1, 0)


def test_the_coefficients_of_a_progressive_jpeg_are_kept_between_its_scans():
    header = read_jpeg_header(pictures.encoded(PICTURE, "JPEG", progressive=True, subsampling="4:2:0"))
    luma, chroma = 25 * 13, 13 * 7  # blocks of 8x8 pixels, rounded up; the chroma has half of each side
    assert header.coefficient_bytes == (luma + 2 * chroma) * 64 * 2
    assert header.scans == 10


def test_more_scans_than_any_encoder_writes_are_refused_before_decoding():
    assert decode(with_scans(MAX_SCANS)).pixels.shape == (100, 200, 3)
    with pytest.raises(InvalidImage, match=f"has {MAX_SCANS + 1} scans, more than {MAX_SCANS}; save it again"):
        decode(with_scans(MAX_SCANS + 1))


def test_the_pixels_of_all_scans_together_are_bounded():
    assert read_jpeg_header(with_scans(30, size=(6000, 6000))).scans == 30
    with pytest.raises(InvalidImage, match="has 34 scans of 6000x6000 pixels, which take too long; save it as"):
        read_jpeg_header(with_scans(34, size=(6000, 6000)))


def test_more_segments_than_any_encoder_writes_are_refused_before_decoding():
    data = corpus.with_segments(pictures.encoded(PICTURE, "JPEG"), *[corpus.segment(0xFE, b"")] * MAX_SEGMENTS)
    with pytest.raises(InvalidImage, match=f"more than {MAX_SEGMENTS} segments before its pixels"):
        decode(data)


@pytest.mark.parametrize("frame", [b"\xff\xc3", b"\xff\xc5"])
def test_a_rare_kind_is_named(frame):
    data = pictures.encoded(PICTURE, "JPEG").replace(b"\xff\xc0", frame, 1)
    with pytest.raises(InvalidImage, match=r"rare kind \(lossless, hierarchical"):
        decode(data)


def test_fill_bytes_before_a_marker_are_skipped():
    data = pictures.encoded(PICTURE, "JPEG")
    assert read_jpeg_header(data[:2] + b"\xff" * 9 + data[2:]) == read_jpeg_header(data)
