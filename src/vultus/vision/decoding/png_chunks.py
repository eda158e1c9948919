"""Checks the chunks of a PNG before it is decoded: their number and their checksums."""

from __future__ import annotations

import io

from PIL import Image

from vultus.errors import InvalidImage

MAX_CHUNKS = 50_000  # encoders write pixels in pieces of 4 KiB or more, so 10 MiB of them are 2,560
FIRST_CHUNK = 8  # after the signature
HEADER_END = 33
CHUNK_FRAME_BYTES = 12  # length, type and checksum


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels. Raises InvalidImage when the first chunk, which has them, is missing."""
    if data[12:16] != b"IHDR" or len(data) < HEADER_END:
        raise InvalidImage("the PNG is damaged or cut short before its pixels; send the whole file")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def check_png(data: bytes) -> None:
    """Compares all checksums: the decoder itself returns noise for damaged pixels, without an error.

    Raises InvalidImage for too many chunks, and what Pillow raises for a wrong checksum.
    """
    _check_count(data)
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        picture.verify()


def _check_count(data: bytes) -> None:
    place = FIRST_CHUNK
    for _ in range(MAX_CHUNKS):
        if place >= len(data):
            return
        place += int.from_bytes(data[place : place + 4], "big") + CHUNK_FRAME_BYTES
    raise InvalidImage(f"the PNG has more than {MAX_CHUNKS} chunks; save it again as a PNG or JPEG")
