"""The size of a WebP by its first chunk, before a decoder reserves memory for it (RFC 9649)."""

from __future__ import annotations

from vultus.errors import InvalidImage

LOSSY_MARK, LOSSLESS_MARK = b"\x9d\x01\x2a", 0x2F
FIRST_BYTES = 30


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels. Raises InvalidImage when the first chunk has none."""
    chunk = data[12:16]
    if len(data) >= FIRST_BYTES:
        if chunk == b"VP8X":
            return _little(data[24:27]) + 1, _little(data[27:30]) + 1
        if chunk == b"VP8 " and data[23:26] == LOSSY_MARK:
            return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF
        if chunk == b"VP8L" and data[20] == LOSSLESS_MARK:
            bits = _little(data[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise InvalidImage("the WebP is damaged or cut short before its pixels; send the whole file")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
