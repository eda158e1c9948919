"""Decodes an image file to upright RGB pixels, in the process that calls: the importer of Pillow and libheif.

The header is read first, so that an oversized picture costs nothing. Large JPEGs are reduced while they are decoded
(libjpeg's scaled DCT): the long side stays at least `REDUCED_SIDE`, which is all that detection uses.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pi_heif
from PIL import Image, JpegImagePlugin, TiffImagePlugin, UnidentifiedImageError

from vultus.errors import InvalidImage, RequestTooLarge
from vultus.records.seen import RGB, Photograph
from vultus.vision.decoding.cut_jpeg import completed
from vultus.vision.decoding.formats import (
    NEW_SUBFILE_TYPE,
    PICTURE_SEQUENCE,
    Format,
    recognise,
    refuse_canon_raw,
    refuse_raw,
)
from vultus.vision.decoding.jpeg_header import read_jpeg_header
from vultus.vision.decoding.limits import DEFAULT_LIMITS, DecodeLimits, check_memory, check_size
from vultus.vision.decoding.ordinary_jpeg import decode_ordinary
from vultus.vision.decoding.png_chunks import checked_png
from vultus.vision.decoding.rgb import to_rgb

REDUCED_SIDE = 640  # pixels: the long side that detection uses; no JPEG is decoded to less
BITS_PER_SAMPLE = 258  # TIFF 6.0, section 8
ORIENTATION_TAG = 0x0112  # EXIF 2.3, section 4.6.4; how each orientation is turned upright:
TURNS: dict[int, Callable[[RGB], RGB]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: pixels.transpose(1, 0, 2)[:, ::-1],
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: lambda pixels: pixels.transpose(1, 0, 2)[::-1],
}


def decode(data: bytes, *, limits: DecodeLimits = DEFAULT_LIMITS, reduced_side: int = REDUCED_SIDE) -> Photograph:
    """Decode an image file into upright RGB; of a file with several pictures the first.

    reduced_side: pixels, lower bound of the long side of a JPEG that is reduced while decoding.
    limits: its seconds are not observed here, see `IsolatedDecoder`.
    Raises InvalidImage (not an image, unsupported, truncated, animated, tiny), RequestTooLarge (pixels, memory).
    """
    kind = recognise(data)
    with _foreign_errors():
        if kind == "JPEG":
            return _decode_jpeg(data, limits, reduced_side)
        if kind == "HEIF":
            return _decode_heif(data, limits)
        return _decode_other(data, kind, limits)


def _decode_jpeg(data: bytes, limits: DecodeLimits, reduced_side: int) -> Photograph:
    header = read_jpeg_header(data)
    check_size(header.width, header.height, limits)
    check_memory("JPEG", header.width, header.height, header.coefficient_bytes, limits)
    of_one_scan = header.coefficient_bytes == 0
    try:
        return _read_jpeg(data, reduced_side, of_one_scan=of_one_scan)
    except OSError:  # it ends early
        return _read_jpeg(completed(data), reduced_side, of_one_scan=of_one_scan)


def _read_jpeg(data: bytes, reduced_side: int, *, of_one_scan: bool) -> Photograph:
    """Only the first picture is read: an MPO is a JPEG with others behind it."""
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as picture:
        width, height = picture.size
        orientation = _orientation(picture)
        picture.draft("RGB", draft_size(width, height, reduced_side))
        pixels = decode_ordinary(data, picture.mode, picture.size) if of_one_scan else None
        if pixels is None:
            picture.load()
            pixels = to_rgb(picture)
    return _upright(pixels, width, height, orientation)


def _decode_heif(data: bytes, limits: DecodeLimits) -> Photograph:
    """libheif turns the picture as the file says; its EXIF orientation only repeats that (ISO/IEC 23008-12)."""
    file: Any = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    width, height = file.size
    check_size(width, height, limits)
    check_memory("HEIF", width, height, 0, limits)
    # copied, as the pixels are gone with the file
    pixels = np.array(file) if file.mode == "RGB" else to_rgb(file.to_pillow())
    width, height = file.size  # of the decoded picture, whatever the header said
    return _upright(np.ascontiguousarray(pixels[:, :width]), width, height, 1)


def _decode_other(data: bytes, kind: Format, limits: DecodeLimits) -> Photograph:
    if kind == "PNG":
        data = checked_png(data)
    if kind == "TIFF":
        refuse_canon_raw(data)
    with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
        check_size(*picture.size, limits)
        check_memory(kind, *picture.size, 0, limits)
        bits = _tiff_bits(picture) if isinstance(picture, TiffImagePlugin.TiffImageFile) else None
        if kind != "TIFF" and getattr(picture, "is_animated", False):
            raise InvalidImage(PICTURE_SEQUENCE)
        orientation = 1 if kind == "TIFF" else _orientation(picture)  # Pillow turns a TIFF itself when it is loaded
        picture.load()
        pixels = to_rgb(picture, bits=bits)
        width, height = picture.size
    return _upright(pixels, width, height, orientation)


def _tiff_bits(picture: TiffImagePlugin.TiffImageFile) -> int:
    """The bits of a sample. Raises InvalidImage for a raw photo, which is a TIFF inside."""
    tags = picture.tag_v2
    refuse_raw(frozenset(tags), int(tags.get(NEW_SUBFILE_TYPE, 0)))
    bits: tuple[int, ...] = tags.get(BITS_PER_SAMPLE, (1,))
    return int(bits[0])


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) when there is none or the metadata cannot be read."""
    try:
        return int(picture.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # whatever its parser raises: a broken EXIF block is no reason to refuse the photo
        return 1


def _upright(pixels: RGB, width: int, height: int, orientation: int) -> Photograph:
    """width, height: of the full picture, before it is turned."""
    if orientation in TURNS:
        pixels = np.ascontiguousarray(TURNS[orientation](pixels))
    if orientation >= 5 and orientation in TURNS:
        width, height = height, width
    return Photograph(pixels, width, height, reduction=max(width, height) / max(pixels.shape[:2]))


def draft_size(width: int, height: int, side: int) -> tuple[int, int]:
    """The size to ask of the decoder, which takes the smallest of 1/1, 1/2, 1/4, 1/8 that is not below it."""
    factor = min(1.0, side / max(width, height))
    return max(1, int(width * factor)), max(1, int(height * factor))


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """Turn the decoder's errors into errors of Vultus."""
    try:
        yield
    except (InvalidImage, RequestTooLarge):
        raise
    except UnidentifiedImageError as exc:
        raise InvalidImage("the image is damaged, or of a rare kind that is not read; save it as a JPEG") from exc
    except Image.DecompressionBombError as exc:
        raise RequestTooLarge("the image has far more pixels than allowed; send a smaller one") from exc
    except MemoryError:
        raise
    except Exception as exc:  # on hostile bytes its parsers raise almost anything, struct.error and zlib.error too
        raise InvalidImage("the image is damaged or cut short and cannot be decoded; send the whole file") from exc
