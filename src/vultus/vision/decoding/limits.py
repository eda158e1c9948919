"""What decoding one image may take: pixels, memory and time; checked in its header, before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from vultus.errors import InvalidImage, RequestTooLarge
from vultus.vision.decoding.formats import Format

MIB = 1024 * 1024
MIN_SIDE = 16  # pixels: nothing smaller holds a face that a detector finds
MAX_ASPECT = 50  # long side / short side; beyond it the short side has less than 13 pixels in detection
# Peak memory a pixel while decoding, the RGB pixels included, as measured (Pillow 13, pi-heif 1.4; see
# docs/performance.md). JPEG is not here: it is reduced while it is decoded.
BYTES_PER_PIXEL: dict[Format, int] = {"PNG": 8, "WEBP": 20, "HEIF": 10, "AVIF": 16, "TIFF": 12, "BMP": 12, "GIF": 8}


@dataclass(frozen=True)
class DecodeLimits:
    """pixels: of the full picture. memory_bytes: at the peak, as estimated. seconds: of one decoding."""

    pixels: int = 40_000_000
    memory_bytes: int = 256 * MIB
    seconds: float = 10.0


DEFAULT_LIMITS = DecodeLimits()


def check_size(width: int, height: int, limits: DecodeLimits) -> None:
    """Raises RequestTooLarge for too many pixels, InvalidImage for a picture too small or too narrow for a face."""
    if width * height > limits.pixels:
        raise RequestTooLarge(
            f"the image has {width}x{height} pixels, more than {limits.pixels} in all; send a smaller one"
        )
    if min(width, height) < MIN_SIDE:
        raise InvalidImage(f"the image is {width}x{height} pixels; send one of at least {MIN_SIDE} pixels on each side")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise InvalidImage(
            f"the image is {width}x{height} pixels, more than {MAX_ASPECT} times as long as wide; send a photo"
        )


def check_memory(kind: Format, width: int, height: int, coefficient_bytes: int, limits: DecodeLimits) -> None:
    """Raises RequestTooLarge when decoding would take too much memory.

    coefficient_bytes: what a JPEG of several scans keeps of the whole picture; 0 for other formats.
    """
    needed = coefficient_bytes if kind == "JPEG" else width * height * BYTES_PER_PIXEL[kind]
    if needed > limits.memory_bytes:
        what = "a JPEG of several scans" if kind == "JPEG" else f"a {kind}, which cannot be reduced while it is decoded"
        raise RequestTooLarge(
            f"the image has {width}x{height} pixels as {what}: decoding takes {needed // MIB} MiB, the limit is "
            f"{limits.memory_bytes // MIB} MiB; send it as an ordinary JPEG, or smaller"
        )
