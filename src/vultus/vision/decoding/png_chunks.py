"""Checks the chunks of a PNG before it is decoded, their number and checksums, and leaves out what is no picture.

A few bytes of text unpack to a megabyte in a chunk, and Pillow unpacks them all, refusing the file for a larger one.
"""

from __future__ import annotations

import io
import zlib

from PIL import Image

from vultus.errors import InvalidImage

MAX_CHUNKS = 50_000  # encoders write pixels in pieces of 4 KiB or more, so 10 MiB of them are 2,560
FIRST_CHUNK = 8  # after the signature
HEADER_END = 33
CHUNK_FRAME_BYTES = 12  # length, type and checksum
TEXTS = (b"tEXt", b"zTXt", b"iTXt")  # Pillow reads an orientation from them
PROFILE = b"iCCP"  # of colours, which are not converted
MAX_TEXT_BYTES = 1024 * 1024  # of all texts together, unpacked, which is what Pillow takes of a single one
END = b"\0\0\0\0IEND\xaeB`\x82"


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels. Raises InvalidImage when the first chunk, which has them, is missing."""
    if data[12:16] != b"IHDR" or len(data) < HEADER_END:
        raise InvalidImage("the PNG is damaged or cut short before its pixels; send the whole file")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def checked_png(data: bytes) -> bytes:
    """The PNG without its colour profile and long texts, and with its end where only that is missing.

    Compares all checksums: the decoder itself returns noise for damaged pixels, without an error.
    Raises InvalidImage for too many chunks, and what Pillow raises for a wrong checksum.
    """
    plain = _plain(data)
    with Image.open(io.BytesIO(plain), formats=("PNG",)) as picture:
        picture.verify()
    return plain


def _plain(data: bytes) -> bytes:
    kept: list[bytes] = []
    begin, place, left = 0, FIRST_CHUNK, MAX_TEXT_BYTES
    for _ in range(MAX_CHUNKS):
        if place == len(data) or END.startswith(data[place:]):
            return b"".join((*kept, data[begin:place], END))
        if place > len(data):
            return data  # a chunk is cut, which the decoder says
        kind, following = data[place + 4 : place + 8], place + _chunk_bytes(data, place)
        if kind == b"IEND" and following <= len(data):
            return b"".join((*kept, data[begin:])) if kept else data
        if kind in TEXTS and left > 0:
            left -= _unpacked_bytes(kind, data[place + 8 : following - 4], left)
        if kind == PROFILE or (kind in TEXTS and left <= 0):
            kept.append(data[begin:place])
            begin = following
        place = following
    raise InvalidImage(f"the PNG has more than {MAX_CHUNKS} chunks; save it again as a PNG or JPEG")


def _chunk_bytes(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "big") + CHUNK_FRAME_BYTES


def _unpacked_bytes(kind: bytes, body: bytes, most: int) -> int:
    """Size of a text; `most` where it is larger or cannot be unpacked."""
    packed = body.partition(b"\0")[2]  # behind the keyword
    if kind == b"tEXt" or (kind == b"iTXt" and packed[:1] != b"\1"):
        return min(len(body), most)
    stream = packed[2:].split(b"\0", 2)[-1] if kind == b"iTXt" else packed[1:]
    try:
        return len(zlib.decompressobj().decompress(stream, most))
    except zlib.error:
        return most
