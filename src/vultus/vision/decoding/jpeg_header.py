"""Reads the markers of a JPEG (ITU-T T.81) before it is decoded: its size, its kind and how many scans it has.

Decoding takes as long as there are scans: each one passes over all blocks of the picture, however few bytes it has.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vultus.errors import InvalidImage

MAX_SCANS = 100  # encoders write 1 to 20; libjpeg's own scripts at most 12
MAX_SCANNED_PIXELS = 1_200_000_000  # in all scans: 30 of 40 megapixels, 3 s at 400 million a second
MAX_SEGMENTS = 5000  # a colour profile and extended metadata take some hundreds at most
START_OF_SCAN = b"\xff\xda"
END_OF_IMAGE = b"\xff\xd9"
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1, 0xC9), (0xC2, 0xCA)  # also with arithmetic coding
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
COEFFICIENT_BYTES = 2
BLOCK = 8  # pixels


@dataclass(frozen=True)
class JpegHeader:
    """scans: at least as many as the picture has; those of pictures beside it count too.

    coefficient_bytes: what the decoder keeps of the whole picture between its scans; 0 when one scan has everything.
    """

    width: int
    height: int
    scans: int
    coefficient_bytes: int


def read_jpeg_header(data: bytes) -> JpegHeader:
    """The header of a JPEG. Raises InvalidImage: too many scans or segments, a kind that is not decoded, damaged."""
    frame, scan = _segments_before_pixels(data)
    if len(frame) < 7 or len(frame) < 7 + 3 * frame[6]:
        raise InvalidImage("the JPEG is damaged or cut short before its pixels; send the whole file")
    marker, precision, height, width, count = struct.unpack(">BBHHB", frame[:7])
    if precision != 8 or marker not in SEQUENTIAL + PROGRESSIVE:
        raise InvalidImage(
            f"the JPEG is of a rare kind (lossless, hierarchical or {precision} bits deep) that is not read; "
            "save it as an ordinary JPEG of 8 bits"
        )
    several = marker in PROGRESSIVE or (len(scan) > 0 and scan[0] < count)
    scans = _scans(data) if several else 1  # with everything in the first scan the decoder refuses a second
    if scans * width * height > MAX_SCANNED_PIXELS:
        raise InvalidImage(
            f"the JPEG has {scans} scans of {width}x{height} pixels, which take too long; save it as an ordinary JPEG"
        )
    kept = _coefficient_bytes(width, height, frame[7 : 7 + 3 * count]) if several else 0
    return JpegHeader(width, height, scans, kept)


def _segments_before_pixels(data: bytes) -> tuple[bytes, bytes]:
    """The marker and the content of the frame header, and the content of the first scan header; b"" where missing."""
    place, frame = 2, b""
    for _ in range(MAX_SEGMENTS):
        place = data.find(b"\xff", place)
        while 0 <= place < len(data) and data[place] == 0xFF:  # any number of fill bytes
            place += 1
        if not 0 < place < len(data) - 2:
            return frame, b""
        marker = data[place]
        if marker in ALONE or marker == 0:
            place += 1
            continue
        length = int.from_bytes(data[place + 1 : place + 3], "big")
        content = data[place + 3 : place + 1 + length]
        if marker == START_OF_SCAN[1]:
            return frame, content
        if marker in FRAMES and not frame:
            frame = bytes((marker,)) + content
        place += 1 + max(length, 2)
    raise InvalidImage(f"the JPEG has more than {MAX_SEGMENTS} segments before its pixels; save it again as a JPEG")


def _scans(data: bytes) -> int:
    """Counted in the whole file, which is quick: an upper bound. Raises InvalidImage beyond MAX_SCANS."""
    scans = data.count(START_OF_SCAN)
    if scans > MAX_SCANS:
        raise InvalidImage(f"the JPEG has {scans} scans, more than {MAX_SCANS}; save it again as an ordinary JPEG")
    return scans


def _coefficient_bytes(width: int, height: int, components: bytes) -> int:
    samplings = [(components[i + 1] >> 4 or 1, components[i + 1] & 15 or 1) for i in range(0, len(components), 3)]
    across, down = max(h for h, _ in samplings), max(v for _, v in samplings)
    blocks = (
        -(-width * h // (across * BLOCK)) * -(-height * v // (down * BLOCK))  # rounded up
        for h, v in samplings
    )
    return sum(blocks) * BLOCK * BLOCK * COEFFICIENT_BYTES
