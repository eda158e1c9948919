"""Decodes image files to upright RGB pixels, encodes and shrinks them: the only importer of Pillow.

The header is read first, so that an oversized picture costs nothing. Large JPEGs are reduced while they are decoded
(libjpeg's scaled DCT): the long side stays at least `REDUCED_SIDE`, which is all that detection uses.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from vultus.errors import InvalidImage, RequestTooLarge
from vultus.records.seen import RGB, Photograph

FORMATS = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "WEBP": (".webp",)}  # Pillow's names, file extensions
PHOTO_SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)  # in lower case
MAX_PIXELS = 40_000_000  # 120 MB as RGB
MIN_SIDE = 16  # pixels: nothing smaller holds a face that a detector finds
REDUCED_SIDE = 640  # pixels: the long side that detection uses; no JPEG is decoded to less
JPEG_QUALITY = 85
MAX_ASPECT = 50  # long side / short side; beyond it the short side has less than 13 pixels in detection
ORIENTATION_TAG = 0x0112  # EXIF 2.3, section 4.6.4; the transposition that makes each orientation upright:
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)  # orientations that swap width and height


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, reduced_side: int = REDUCED_SIDE) -> Photograph:
    """Decode JPEG, PNG or WebP bytes into upright RGB.

    max_pixels: of the full picture, checked in the header. reduced_side: pixels, lower bound of the long side of a
    JPEG that is reduced while decoding.
    Raises InvalidImage (not an image, unsupported, truncated, animated, tiny), RequestTooLarge (too many pixels).
    """
    if not data:
        raise InvalidImage("the image is empty (0 bytes); send a JPEG, PNG or WebP file")
    with _foreign_errors(), Image.open(io.BytesIO(data), formats=tuple(FORMATS)) as picture:
        _check_header(picture, max_pixels)
        if picture.format == "PNG":
            _check_png(data)
        width, height = picture.size
        orientation = _orientation(picture)
        if picture.format == "JPEG":
            picture.draft("RGB", _draft_size(width, height, reduced_side))
        rgb = _to_rgb(picture)
        pixels = np.asarray(rgb.transpose(TURNS[orientation]) if orientation in TURNS else rgb)
    if orientation in SIDEWAYS:
        width, height = height, width
    return Photograph(pixels, width, height, reduction=max(width, height) / max(pixels.shape[:2]))


def encode_jpeg(pixels: RGB, *, max_side: int) -> tuple[bytes, int, int]:
    """JPEG bytes of (H, W, 3) uint8 RGB, shrunk to at most max_side pixels on the long side, with width and height.

    The same pixels give the same bytes with one version of the codec; no metadata of the original survives.
    """
    picture = Image.fromarray(shrink(pixels, max_side)[0])
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue(), picture.width, picture.height


def _check_header(picture: Image.Image, max_pixels: int) -> None:
    width, height = picture.size
    if width * height > max_pixels:
        raise RequestTooLarge(
            f"the image has {width}x{height} pixels, more than {max_pixels} in all; send a smaller one"
        )
    if min(width, height) < MIN_SIDE:
        raise InvalidImage(f"the image is {width}x{height} pixels; send one of at least {MIN_SIDE} pixels on each side")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InvalidImage(
            f"the image is {width}x{height} pixels, more than {MAX_ASPECT} times as long as wide; send a photo"
        )
    if getattr(picture, "is_animated", False):
        raise InvalidImage("the image is animated; send a single picture")


def _check_png(data: bytes) -> None:
    """Compare the checksums of all chunks: the decoder itself returns noise for damaged pixels, without an error."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        picture.verify()


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) when there is none or the metadata cannot be read."""
    try:
        return int(picture.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # whatever its parser raises: a broken EXIF block is no reason to refuse the photo
        return 1


def _draft_size(width: int, height: int, side: int) -> tuple[int, int]:
    """The size to ask of the decoder, which takes the smallest of 1/1, 1/2, 1/4, 1/8 that is not below it."""
    factor = min(1.0, side / max(width, height))
    return max(1, int(width * factor)), max(1, int(height * factor))


def _to_rgb(picture: Image.Image) -> Image.Image:
    """RGB; what is transparent becomes white; 16-bit grey keeps its upper byte."""
    picture.load()
    if picture.mode.startswith("I"):  # Pillow would clip 16 bits at 255, not scale them
        upper = (np.asarray(picture).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return Image.fromarray(upper).convert("RGB")
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        rgb = Image.new("RGB", rgba.size, "white")
        rgb.paste(rgba, mask=rgba.getchannel("A"))
        return rgb
    return picture if picture.mode == "RGB" else picture.convert("RGB")


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """Turn the decoder's errors into errors of Vultus."""
    try:
        yield
    except (InvalidImage, RequestTooLarge):
        raise
    except UnidentifiedImageError as exc:
        raise InvalidImage("the bytes are not a JPEG, PNG or WebP image; send one of these") from exc
    except Image.DecompressionBombError as exc:
        raise RequestTooLarge("the image has far more pixels than allowed; send a smaller one") from exc
    except MemoryError:
        raise
    except Exception as exc:  # on hostile bytes its parsers raise almost anything, struct.error and zlib.error too
        raise InvalidImage("the image is damaged or cut short and cannot be decoded; send the whole file") from exc


def shrink(pixels: RGB, side: int) -> tuple[RGB, float]:
    """The picture with a long side of at most `side` pixels, and small size / original size.

    First by a whole factor, averaging, then by the rest, linear: averaging by a fraction takes five times as long.
    """
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels, 1.0
    whole = int(1 / scale)
    if whole > 1:
        # Rows and columns beyond a multiple of the factor are cut off: with them the factor would not be whole.
        pixels = pixels[: height // whole * whole, : width // whole * whole]
        pixels = cv2.resize(pixels, (width // whole, height // whole), interpolation=cv2.INTER_AREA)
    rest = min(side / max(pixels.shape[:2]), 1.0)
    size = (max(1, round(pixels.shape[1] * rest)), max(1, round(pixels.shape[0] * rest)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)
    return small, size[0] / pixels.shape[1] / whole
