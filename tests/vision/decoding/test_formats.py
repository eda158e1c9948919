"""Formats are known by their first bytes; one that is not decoded is refused by its name, with a way out."""

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from tests import pictures
from tests.heic import heic
from vultus.errors import InvalidImage
from vultus.vision.decoding.decode import decode
from vultus.vision.decoding.formats import SUFFIXES, recognise


def brand(name: bytes, *others: bytes) -> bytes:
    """The first box of an ISO base media file."""
    content = name + b"\0\0\0\0" + b"".join(others)
    return (len(content) + 8).to_bytes(4, "big") + b"ftyp" + content + b"\0" * 100


def raw(**tags: object) -> bytes:
    """A TIFF with the tags of a raw photo."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        directory[int(name[1:])] = value
    return pictures.encoded(Image.new("RGB", (160, 120)), "TIFF", tiffinfo=directory)


REFUSED = {
    "SVG drawing": b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"></svg>',
    "PDF document": b"%PDF-1.7\n" + b"\0" * 50,
    "Photoshop": b"8BPS\0\1" + b"\0" * 50,
    "Canon CR2": b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 50,
    "Canon CR3": brand(b"crx ", b"crx ", b"isom"),
    "Fujifilm RAF": b"FUJIFILMCCD-RAW 0201" + b"\0" * 50,
    "Panasonic RW2": b"IIU\0\x18\0\0\0" + b"\0" * 50,
    "Olympus ORF": b"IIRO\x08\0\0\0" + b"\0" * 50,
    "raw photo \\(DNG\\)": raw(t50706=b"\1\4\0\0"),
    "raw photo \\(NEF, ARW": raw(t254=1, t330=(8,)),
    "JPEG XL": b"\xff\x0a" + b"\0" * 50,
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 50,
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "icon": b"\0\0\1\0\1\0" + b"\0" * 50,
    "video": brand(b"qt  ", b"qt  "),
    "a video": brand(b"isom", b"mp41"),
    "is a video": b"\x1a\x45\xdf\xa3" + b"\0" * 50,
    "HTML page": b"\xef\xbb\xbf \n<!DOCTYPE html><html><body>404</body></html>",
    "the file is text": "Größe: 4".encode(),
    "ZIP archive": b"PK\3\4" + b"\0" * 50,
    "Netpbm": b"P6\n2 2\n255\n" + b"\0" * 12,
    "TGA": b"\0\0\2\0\0\0\0\0\0\0\0\0\x40\0\x40\0\x18\0" + b"\0" * 50,
    "QOI": b"qoif" + b"\0" * 50,
    "SGI": b"\x01\xda\0\1" + b"\0" * 50,
    "PCX": b"\x0a\5\1\x08" + b"\0" * 50,
    "macOS side file": b"\0\5\x16\7\0\2\0\0Mac OS X        " + b"\0" * 50,
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_format_that_is_not_read_is_named_with_a_way_out(name):
    with pytest.raises(InvalidImage, match=rf"{name}.*; (export|open|send|save|take|unpack|download) ") as refusal:
        decode(REFUSED[name])
    assert len(str(refusal.value)) < 200


def test_unknown_bytes_are_told_what_is_read():
    with pytest.raises(InvalidImage, match="send a JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF file"):
        decode(bytes(range(255, 100, -1)))


@pytest.mark.parametrize("kind", [kind for kind in SUFFIXES if kind != "HEIF"])
def test_each_format_is_recognised(kind):
    assert recognise(pictures.encoded(Image.new("RGB", (32, 32)), kind)) == kind


def test_a_format_is_recognised_whatever_its_name_says():
    assert recognise(heic(np.zeros((16, 32, 3), np.uint8))) == "HEIF"
    assert recognise(brand(b"mif1", b"mif1", b"heic")) == "HEIF"
    assert recognise(brand(b"mif1", b"mif1", b"avif", b"miaf")) == "AVIF"


def test_text_that_is_no_utf_8_is_no_text():
    assert "not an image of a format" in str(refusal_of(bytes([200, 1, 2, 3] * 20)))


def refusal_of(data: bytes) -> InvalidImage:
    with pytest.raises(InvalidImage) as refusal:
        recognise(data)
    return refusal.value
