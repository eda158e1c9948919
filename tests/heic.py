"""HEIC files for tests: HEVC (ITU-T H.265) whose blocks hold their samples as they are (I_PCM), in a HEIF container.

No encoder is needed for that, and none is installed: the package that reads HEIC does not write it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

BLOCK = 16  # pixels: every coding block
# Table 9-52 of H.265, column 3: the part of the range that the less probable symbol has, by state
LESS_PROBABLE = (
    *(240, 227, 216, 205, 195, 185, 175, 166, 158, 150, 142, 135, 128, 122, 116, 110, 104, 99, 94, 89, 85),
    *(80, 76, 72, 69, 65, 62, 59, 56, 53, 50, 48, 45, 43, 41, 39, 37, 35, 33, 31, 30, 28, 27, 25, 24, 23),
    *(22, 21, 20, 19, 18, 17, 16, 15, 14, 14, 13, 12, 12, 11, 11, 10, 9),
)


@dataclass
class Bits:
    """A string of bits, with the codes of H.265, clause 9.2."""

    text: list[str] = field(default_factory=list)

    def u(self, value: int, bits: int = 1) -> Bits:
        self.text.append(format(value, f"0{bits}b"))
        return self

    def ue(self, *values: int) -> Bits:
        for value in values:
            code = format(value + 1, "b")
            self.text.append("0" * (len(code) - 1) + code)
        return self

    def stop(self) -> bytes:
        """The bytes, after a 1 and as many zeros as are missing."""
        return self.u(1).aligned()

    def aligned(self) -> bytes:
        bits = "".join(self.text)
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


def nal(kind: int, payload: bytes) -> bytes:
    """A unit of kind `kind`, with the bytes that keep its content from looking like a start code."""
    out, zeros = bytearray(), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes((kind << 1, 1)) + bytes(out)


def _profile(bits: Bits) -> Bits:
    return bits.u(3, 8).u(0b0111 << 28, 32).u(0b1001, 4).u(0, 44).u(93, 8)


def parameter_sets(width: int, height: int) -> tuple[bytes, bytes, bytes]:
    """The parameter sets of the video, the sequence and the picture."""
    video = _profile(Bits().u(0, 4).u(3, 2).u(0, 6).u(0, 3).u(1).u(0xFFFF, 16)).u(1).ue(0, 0, 0).u(0, 6).ue(0).u(0, 2)
    sequence = _profile(Bits().u(0, 4).u(0, 3).u(1)).ue(0, 1, width, height).u(0).ue(0, 0, 0).u(1).ue(0, 0, 0)
    sequence.ue(1, 0, 0, 2, 0, 0).u(0, 3).u(1).u(7, 4).u(7, 4).ue(1, 0).u(1).ue(0).u(0, 5)
    picture = Bits().ue(0, 0).u(0, 7).ue(0, 0, 0).u(0, 3).ue(0, 0).u(0, 7).u(1).u(0).u(1).u(0, 2).ue(0).u(0, 2)
    return nal(32, video.stop()), nal(33, sequence.stop()), nal(34, picture.stop())


def _before_samples(state: int, first: bool) -> bytes:
    """The arithmetic code (clause 9.3) of: not the end, one part, samples follow; aligned to a byte."""
    reach = 510 if first else 508
    reach -= LESS_PROBABLE[state] + 2
    return _flushed(reach)


def _flushed(low: int) -> bytes:
    """The bits of a code that ends with the interval [low, low + 2) of 10 bits, the first of them never written."""
    return Bits([format(low << 7, "017b")[1:10]]).u(1).aligned()


def coded(pixels: np.ndarray) -> bytes:
    """One slice with the picture, (H, W, 3) uint8 RGB, its sides multiples of BLOCK."""
    planes = [np.asarray(plane) for plane in Image.fromarray(pixels).convert("YCbCr").split()]
    planes[1:] = [plane[::2, ::2] for plane in planes[1:]]
    parts = [Bits().u(1).u(0).ue(0, 2, 0).stop()]
    for i, samples in enumerate(_blocks(planes)):
        parts += [_before_samples(min(i, 62), i == 0), samples]
    return nal(19, b"".join(parts) + _flushed(508))


def _blocks(planes: Sequence[np.ndarray]) -> Iterator[bytes]:
    height, width = planes[0].shape
    for y in range(0, height, BLOCK):
        for x in range(0, width, BLOCK):
            whole = (slice(y, y + BLOCK), slice(x, x + BLOCK))
            half = (slice(y // 2, (y + BLOCK) // 2), slice(x // 2, (x + BLOCK) // 2))
            yield b"".join(plane[place].tobytes() for plane, place in zip(planes, (whole, half, half), strict=True))


def box(kind: bytes, *content: bytes, version: int | None = None, flags: int = 0) -> bytes:
    head = b"" if version is None else struct.pack(">I", version << 24 | flags)
    body = head + b"".join(content)
    return struct.pack(">I", len(body) + 8) + kind + body


def heic(
    pixels: np.ndarray,
    *,
    quarter_turns: int = 0,
    exif: bytes = b"",
    depth: np.ndarray | None = None,
    brand: bytes = b"heic",
    size: tuple[int, int] | None = None,
) -> bytes:
    """A HEIC file. quarter_turns: counter-clockwise, to show it. exif: a TIFF block. depth: a picture beside it.

    brand: of the file. size: width and height that the container declares.
    """
    pictures = [pixels] if depth is None else [pixels, depth]
    properties, associations = b"", b""
    items = [(i + 1, b"hvc1", _item(picture)) for i, picture in enumerate(pictures)]
    count = 0
    for i, picture in enumerate(pictures):
        own = _properties(picture, size)
        own += [box(b"irot", bytes((quarter_turns,)))] if i == 0 else [_auxiliary()]
        properties += b"".join(own)
        numbers = bytes(range(count + 1, count + len(own) + 1))
        associations += struct.pack(">HB", i + 1, len(own)) + numbers
        count += len(own)
    references = box(b"auxl", struct.pack(">HHH", 2, 1, 1)) if depth is not None else b""
    if exif:
        items.append((9, b"Exif", struct.pack(">I", 0) + exif))
        references += box(b"cdsc", struct.pack(">HHH", 9, 1, 1))
    entries = [box(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", version=2) for number, kind, _ in items]

    def meta(start: int) -> bytes:
        places = b""
        for number, _, content in items:
            places += struct.pack(">HHHII", number, 0, 1, start, len(content))
            start += len(content)
        return box(
            b"meta",
            box(b"hdlr", b"\0" * 4 + b"pict" + b"\0" * 13, version=0),
            box(b"pitm", struct.pack(">H", 1), version=0),
            box(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)) + places, version=0),
            box(b"iinf", struct.pack(">H", len(entries)), *entries, version=0),
            box(b"iref", references, version=0) if references else b"",
            box(b"iprp", box(b"ipco", properties), _associated(len(pictures), associations)),
            version=0,
        )

    head = box(b"ftyp", brand, b"\0" * 4, b"mif1", b"heic")
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", *(content for _, _, content in items))


def _associated(count: int, associations: bytes) -> bytes:
    return box(b"ipma", struct.pack(">I", count), associations, version=0)


def _item(pixels: np.ndarray) -> bytes:
    slice_ = coded(pixels)
    return struct.pack(">I", len(slice_)) + slice_


def _properties(pixels: np.ndarray, size: tuple[int, int] | None) -> list[bytes]:
    height, width = pixels.shape[:2]
    sets = parameter_sets(width, height)
    head = bytes((1, 3)) + b"\x70\0\0\0" + b"\x90\0\0\0\0\0" + b"\x5d\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f"
    arrays = b"".join(
        bytes((0x80 | kind,)) + struct.pack(">HH", 1, len(unit)) + unit
        for kind, unit in zip((32, 33, 34), sets, strict=True)
    )
    return [
        box(b"hvcC", head, bytes((3,)), arrays),
        box(b"ispe", struct.pack(">II", *(size or (width, height))), version=0),
        box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0x80)),
    ]


def _auxiliary() -> bytes:
    return box(b"auxC", b"urn:mpeg:hevc:2015:auxid:2\0", version=0)
