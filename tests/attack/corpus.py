"""Pictures made to hurt a decoder: broken, contradictory, enormous, or both one thing and another."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, PngImagePlugin

from tests.heic import heic
from tests.pictures import drawn_photo, encoded, opened

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG, its checksum right."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, *, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def after_header(png: bytes, *extra: bytes) -> bytes:
    """A PNG with more chunks between IHDR and the rest."""
    return png[:33] + b"".join(extra) + png[33:]


def tiff(tags: int, size: int, length: int) -> bytes:
    """An EXIF block whose tags all point at the same bytes."""
    offset = 8 + 2 + 12 * tags + 4
    entries = b"".join(struct.pack("<HHII", (0x9000 + i) % 65536, 7, size, offset) for i in range(tags))
    block = b"II*\0" + struct.pack("<IH", 8, tags) + entries + struct.pack("<I", 0)
    return block + b"x" * max(length - len(block), 0)


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def webp_of(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def webp_chunks(webp: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 12
    while place + 8 <= len(webp):
        size = struct.unpack("<I", webp[place + 4 : place + 8])[0]
        found.append((webp[place : place + 4], webp[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2
    return found


def vp8x(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"VP8X", bytes((flags, 0, 0, 0)) + sides


PHOTO = drawn_photo(1)
PICTURE = opened(PHOTO)
JPEG = encoded(PICTURE, "JPEG", quality=95)
WEBP = encoded(PICTURE, "WEBP", lossless=True)


def good() -> Iterator[tuple[str, bytes]]:
    """Unusual and right."""
    for mode in ("1", "L", "LA", "P", "RGBA", "PA"):
        picture = PICTURE.convert("RGBA").quantize() if mode == "PA" else PICTURE.convert(mode)
        yield f"png {mode}", encoded(picture)
    grey = np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257
    yield "png 16 bit", encoded(Image.fromarray(grey))
    yield "png transparent", encoded(PICTURE.quantize(), transparency=3)
    yield "jpeg cmyk", encoded(PICTURE.convert("CMYK"), "JPEG")
    yield "jpeg grey", encoded(PICTURE.convert("L"), "JPEG")
    yield "jpeg progressive", encoded(PICTURE, "JPEG", progressive=True, optimize=True)
    yield "jpeg 4:2:0", encoded(PICTURE, "JPEG", subsampling=2)
    yield "jpeg restart markers", encoded(PICTURE, "JPEG", restart_marker_blocks=1)
    yield "webp lossy", encoded(PICTURE, "WEBP")
    yield "heic", heic(np.asarray(PICTURE))
    for kind in ("AVIF", "TIFF", "BMP", "GIF"):
        yield kind.lower(), encoded(PICTURE, kind)
    yield "webp alpha", encoded(PICTURE.convert("RGBA"), "WEBP")


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that ask for much."""
    progressive = encoded(Image.new("L", (3000, 3000)), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    yield "jpeg of thousands of scans", progressive[:-2] + scan * 3000 + progressive[-2:]
    yield "jpeg of thousands of segments", with_segments(JPEG, *[segment(0xFE, b"")] * 20_000)
    yield "webp lossless 6320x6320", encoded(Image.new("RGBA", (6320, 6320), (1, 2, 3, 255)), "WEBP", lossless=True)
    yield "heic says 9000x9000", heic(np.zeros((32, 32, 3), np.uint8), size=(9000, 9000))
    yield "png extreme sides", header(2**31 - 1, 2**31 - 1) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    yield "png zero sides", header(0, 0) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    yield "png long strip", header(2**30, 16) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    yield (
        "png says 6000x6000, holds nothing",
        header(6000, 6000) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""),
    )
    yield "png bomb", encoded(Image.new("1", (9000, 9000)))
    yield (
        "png pixels without end",
        header(64, 64) + chunk(b"IDAT", zlib.compress(b"\0" * 30_000_000)) + chunk(b"IEND", b""),
    )
    text = zlib.compress(b"a" * 50_000_000)
    yield "png compressed text", after_header(PHOTO, chunk(b"zTXt", b"k\0\0" + text))
    yield "png text after pixels", PHOTO[:-12] + chunk(b"zTXt", b"k\0\0" + text) * 3 + PHOTO[-12:]
    yield "png much text", after_header(PHOTO, *[chunk(b"tEXt", b"k%d\0" % i + b"a" * 60_000) for i in range(15)])
    yield "png many chunks", after_header(PHOTO, *[chunk(b"tEXt", b"k\0v")] * 20_000)
    yield "png colour profile", after_header(PHOTO, chunk(b"iCCP", b"icc\0\0" + text))
    yield "png exif", after_header(PHOTO, chunk(b"eXIf", tiff(3000, 400_000, 500_000)))
    yield "jpeg exif", with_segments(JPEG, segment(0xE1, b"Exif\0\0" + tiff(2000, 30_000, 65_000)))
    whole = tiff(5000, 400_000, 600_000)
    parts = [segment(0xE1, b"Exif\0\0" + whole[i : i + 65_000]) for i in range(0, len(whole), 65_000)]
    yield "jpeg exif in pieces", with_segments(JPEG, *parts)
    yield "jpeg frames", with_segments(JPEG, segment(0xE2, b"MPF\0" + tiff(2600, 32_000, 65_000)))
    yield "jpeg colour profile", with_segments(JPEG, *[segment(0xE2, b"ICC_PROFILE\0\x01\x0f" + b"x" * 65_000)] * 14)
    yield "jpeg says 65500x65500", JPEG.replace(struct.pack(">HH", 240, 320), struct.pack(">HH", 65_500, 65_500), 1)
    yield "jpeg says 6000x6000", JPEG.replace(struct.pack(">HH", 240, 320), struct.pack(">HH", 6000, 6000), 1)
    yield "webp canvas 16384x16384", webp_of(vp8x(16_384, 16_384), *webp_chunks(WEBP))
    yield "webp canvas 2^24", webp_of(vp8x(2**24, 2**24), *webp_chunks(WEBP))
    yield "webp exif", webp_of(vp8x(320, 240, 8), *webp_chunks(WEBP), (b"EXIF", tiff(3000, 400_000, 500_000)))


def contradictions() -> Iterator[tuple[str, bytes]]:
    """Headers and labels that do not fit."""
    yield "empty", b""
    yield "one byte", b"\xff"
    for name, start in (("png", SIGNATURE), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF\xff\xff\xff\xffWEBP")):
        yield f"{name} signature alone", start
        yield f"{name} signature, then noise", start + random.Random(1).randbytes(4000)
    yield "jpeg body, png signature", SIGNATURE + JPEG[8:]
    yield "png body, jpeg signature", b"\xff\xd8\xff\xe0" + PHOTO[4:]
    yield "png twice", PHOTO + PHOTO
    for depth, colour in ((3, 2), (8, 7), (16, 3), (255, 255), (1, 2)):
        yield (
            f"png depth {depth} colour {colour}",
            PHOTO.replace(header(320, 240), header(320, 240, depth=depth, colour=colour)),
        )
    yield "png interlace 9", PHOTO.replace(header(320, 240), header(320, 240, interlace=9))
    yield "png wrong checksum", PHOTO[:29] + b"\0\0\0\0" + PHOTO[33:]
    yield (
        "png palette missing",
        header(64, 64, colour=3) + chunk(b"IDAT", zlib.compress(b"\0" * 4160)) + chunk(b"IEND", b""),
    )
    yield (
        "png palette too short",
        after_header(header(64, 64, colour=3), chunk(b"PLTE", b"\0\0"), chunk(b"IDAT", zlib.compress(b"\1" * 4160))),
    )
    yield "png no pixels", PHOTO[:33] + chunk(b"IEND", b"")
    yield "png header twice", PHOTO[:33] + PHOTO[8:]
    yield "png chunk of 4 GB", PHOTO[:33] + b"\xff\xff\xff\xffIDAT" + PHOTO[41:]
    yield "png bad transparency", after_header(PHOTO, chunk(b"tRNS", b"\0"))
    yield "png bad animation", after_header(PHOTO, chunk(b"acTL", b"\0\0"))
    yield "png animation of 2^31 frames", after_header(PHOTO, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)))
    yield (
        "jpeg orientation 65535",
        with_segments(
            JPEG, segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\xff\xff\0\0\0\0\0\0")
        ),
    )
    yield (
        "jpeg orientation is text",
        with_segments(JPEG, segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abcd\0\0\0\0")),
    )
    yield (
        "jpeg exif points at itself",
        with_segments(
            JPEG, segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0")
        ),
    )
    yield "jpeg segment too long", JPEG[:2] + b"\xff\xe1\xff\xff" + JPEG[2:60]
    yield "jpeg segment of no length", JPEG[:2] + b"\xff\xe1\0\0" + JPEG[2:]
    yield "jpeg 0 components", JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x08\x08", 1)
    yield "jpeg arithmetic coding", JPEG.replace(b"\xff\xc0", b"\xff\xc9", 1)
    yield "jpeg lossless", JPEG.replace(b"\xff\xc0", b"\xff\xc3", 1)
    yield "jpeg hierarchical", JPEG.replace(b"\xff\xc0", b"\xff\xc5", 1)
    yield "jpeg 12 bit", JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c", 1)
    yield "jpeg 0 lines", JPEG.replace(struct.pack(">HH", 240, 320), struct.pack(">HH", 0, 320), 1)
    yield "jpeg scans without end", JPEG[:-2] + JPEG[JPEG.index(b"\xff\xda") : -2] * 30
    first, *rest = webp_chunks(WEBP)
    yield "webp chunk of 4 GB", b"RIFF\xff\xff\xff\xffWEBP" + first[0] + b"\xff\xff\xff\xff" + first[1]
    yield "webp size 0", b"RIFF\0\0\0\0WEBP" + WEBP[12:]
    yield "webp of unknown chunks", webp_of(*[(b"ABCD", b"x" * 99)] * 500)
    yield "webp says it is animated", webp_of(vp8x(320, 240, 2), first, *rest)
    yield "webp frame larger than canvas", webp_of(vp8x(16, 16), first, *rest)
    yield (
        "webp alpha that is none",
        webp_of(vp8x(320, 240, 16), (b"ALPH", b"\xff" * 50), *webp_chunks(encoded(PICTURE, "WEBP"))),
    )


def polyglots() -> Iterator[tuple[str, bytes]]:
    """Right for one reader, something else for another."""
    other = encoded(opened(drawn_photo(2)))
    yield "png and zip", PHOTO + b"PK\x03\x04" + b"\0" * 26 + b"PK\x05\x06" + b"\0" * 18
    yield "png and html", PHOTO + b"<script>alert(1)</script>"
    yield "jpeg and javascript", with_segments(JPEG, segment(0xFE, b"*/=alert(1);/*"))
    yield "jpeg and png", JPEG + other
    yield "pdf and jpeg", b"%PDF-1.7\n" + JPEG
    yield "gif and javascript", b"GIF89a/*" + b"\0" * 20 + b"*/=1;"
    yield "svg", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    yield (
        "svg with entities",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    )
    yield "postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(r) file\n"
    yield (
        "imagemagick script",
        b"push graphic-context\nviewbox 0 0 9 9\nfill 'url(http://127.0.0.1/)'\npop graphic-context",
    )
    for kind in ("GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "DDS", "PCX"):
        yield kind.lower(), encoded(PICTURE.convert("RGB").resize((64, 64)), kind)
    yield (
        "xmp with entities",
        with_segments(
            JPEG, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>" * 99)
        ),
    )


def animations() -> Iterator[tuple[str, bytes]]:
    frames = [Image.new("RGB", (64, 64), (i * 8, 0, 0)) for i in range(20)]
    for kind in ("PNG", "WEBP", "GIF"):
        yield f"animated {kind.lower()}", encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    mpo = io.BytesIO()
    frames[0].save(mpo, "MPO", save_all=True, append_images=frames[1:3])
    yield "mpo", mpo.getvalue()


def odd_sizes() -> Iterator[tuple[str, bytes]]:
    for width, height in ((1, 1), (15, 15), (16, 16), (17, 16), (1, 5000), (5000, 1), (800, 16), (816, 16)):
        yield f"{width}x{height}", encoded(Image.new("RGB", (width, height), (255, 0, 255)))


def crafted() -> list[tuple[str, bytes]]:
    """Every picture made by hand, with its name."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("k", "v" * 900_000, zip=True)
    kinds = (good(), bombs(), contradictions(), polyglots(), animations(), odd_sizes())
    return [("png long text", encoded(PICTURE, pnginfo=info)), *(one for kind in kinds for one in kind)]


def mutated(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Cut, flipped, doubled and spliced forms of right pictures, the same for the same seed."""
    sources = [data for name, data in good() if len(data) < 200_000] + [PHOTO, JPEG, WEBP]
    chance = random.Random(seed)
    for i in range(count):
        way = chance.choice((cut, flipped, overwritten, doubled, spliced))
        yield f"{way.__name__} {seed}-{i}", way(chance, chance.choice(sources), chance.choice(sources))


def cut(chance: random.Random, data: bytes, _: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def flipped(chance: random.Random, data: bytes, _: bytes) -> bytes:
    broken = bytearray(data)
    reach = len(broken) if chance.random() < 0.5 else min(len(broken), 300)  # headers are short and matter most
    for _turn in range(chance.randint(1, 10)):
        broken[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    return bytes(broken)


def overwritten(chance: random.Random, data: bytes, _: bytes) -> bytes:
    place, size = chance.randrange(len(data)), chance.randint(1, 16)
    filling = chance.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * size
    return data[:place] + filling + data[place + size :]


def doubled(chance: random.Random, data: bytes, _: bytes) -> bytes:
    first, last = sorted((chance.randrange(len(data)), chance.randrange(len(data))))
    return data[:last] + data[first:last] * chance.randint(1, 3) + data[last:]


def spliced(chance: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]
