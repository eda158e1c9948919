"""Which format a file has, by its first bytes: one that is decoded, or one that is refused by name with a way out."""

from __future__ import annotations

import re
import struct
from codecs import getincrementaldecoder
from dataclasses import dataclass
from typing import Literal

from vultus.errors import InvalidImage

Format = Literal["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP", "GIF"]
SUFFIXES: dict[Format, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "HEIF": (".heic", ".heif", ".hif"),
    "AVIF": (".avif",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
}
PHOTO_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)  # in lower case
SYSTEM_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"})
SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "icon\r"})  # in lower case, as the folders
READ = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF"
SIGNATURES: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
BMP_HEADER_BYTES = (12, 16, 40, 52, 56, 64, 108, 124)  # of the header after the first 14 bytes, by its version
# ISO/IEC 14496-12 and 23008-12: the brands in the first box of a file
AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2"})
SEQUENCE_BRANDS = frozenset({b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"})
FIRST_BYTES = 1024  # where the beginning of a text is looked for
MOST_BRANDS = 64


def is_passed_over(parts: tuple[str, ...]) -> bool:
    """Whether a file below a folder was put there by a system, or is hidden: no person sent it. parts: of its path."""
    folders, name = parts[:-1], parts[-1]
    hidden = any(part.startswith(".") and part.strip(".") for part in parts)
    return hidden or name.lower() in SYSTEM_FILES or any(folder.lower() in SYSTEM_FOLDERS for folder in folders)


@dataclass(frozen=True)
class Refused:
    """A format that is not decoded. name: with its article. way_out: what to do, after "; "."""

    name: str
    way_out: str

    def error(self) -> InvalidImage:
        return InvalidImage(f"the file is {self.name}, which is not read; {self.way_out}")


AS_JPEG = "open it in an image viewer, save it as a JPEG and send that"
RAW = "export it as a JPEG, or send the JPEG that the camera saved beside it"
VIDEO = Refused("a video", "take a single picture from it and send that as a JPEG")
PICTURE_SEQUENCE = "the image is animated (a sequence of pictures); send a single picture"
REFUSED: tuple[tuple[bytes, Refused], ...] = (
    (b"%PDF-", Refused("a PDF document", "save the page or the picture in it as a JPEG and send that")),
    (b"8BPS", Refused("a Photoshop document (PSD)", "export it as a JPEG and send that")),
    (b"%!PS", Refused("PostScript (EPS)", "export it as a JPEG and send that")),
    (b"\xc5\xd0\xd3\xc6", Refused("PostScript (EPS)", "export it as a JPEG and send that")),
    (b"\0\0\1\0", Refused("an icon (ICO)", "send a photo as a JPEG")),
    (b"\0\0\2\0", Refused("a cursor (CUR)", "send a photo as a JPEG")),
    (b"icns", Refused("an icon (ICNS)", "send a photo as a JPEG")),
    (b"\xff\x0a", Refused("a JPEG XL image", AS_JPEG)),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Refused("a JPEG XL image", AS_JPEG)),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Refused("a JPEG 2000 image", AS_JPEG)),
    (b"\xff\x4f\xff\x51", Refused("a JPEG 2000 image", AS_JPEG)),
    (b"II\xbc", Refused("a JPEG XR image", AS_JPEG)),
    (b"FUJIFILMCCD-RAW", Refused("a raw photo (Fujifilm RAF)", RAW)),
    (b"IIRO", Refused("a raw photo (Olympus ORF)", RAW)),
    (b"IIRS", Refused("a raw photo (Olympus ORF)", RAW)),
    (b"MMOR", Refused("a raw photo (Olympus ORF)", RAW)),
    (b"IIU\0", Refused("a raw photo (Panasonic RW2)", RAW)),
    (b"FOVb", Refused("a raw photo (Sigma X3F)", RAW)),
    (b"gimp xcf", Refused("a GIMP document (XCF)", "export it as a JPEG and send that")),
    (b"qoif", Refused("a QOI image", AS_JPEG)),
    (b"\x01\xda\0", Refused("an SGI image", AS_JPEG)),
    (b"\x01\xda\1", Refused("an SGI image", AS_JPEG)),
    (b"\x0a\5\1\x08", Refused("a PCX image", AS_JPEG)),
    (b"DDS ", Refused("a DDS texture", AS_JPEG)),
    (b"\x76\x2f\x31\x01", Refused("an OpenEXR image", AS_JPEG)),
    (b"#?RADIANCE", Refused("a Radiance HDR image", AS_JPEG)),
    (b"SIMPLE  =", Refused("a FITS image", AS_JPEG)),
    (b"\x1a\x45\xdf\xa3", VIDEO),
    (b"FLV\1", VIDEO),
    (b"\0\0\1\xba", VIDEO),
    (b"PK\3\4", Refused("a ZIP archive (or an office document)", "unpack it and send one photo at a time")),
    (b"\x1f\x8b", Refused("a gzip archive", "unpack it and send one photo at a time")),
    (b"Rar!", Refused("a RAR archive", "unpack it and send one photo at a time")),
    (b"7z\xbc\xaf\x27\x1c", Refused("a 7z archive", "unpack it and send one photo at a time")),
    (b"\0\5\x16\7", Refused("a macOS side file (its name begins with ._)", "send the photo of the same name instead")),
)
MARKUP: tuple[tuple[bytes, Refused], ...] = (
    (b"<svg", Refused("an SVG drawing", "export it as a PNG and send that")),
    (b"<!doctype html", Refused("an HTML page", "download the picture itself and send that")),
    (b"<html", Refused("an HTML page", "download the picture itself and send that")),
)
PROLOGUES = (b"<?xml", b"<!--", b"<!doctype")
TEXT = Refused("text", f"send the bytes of a {READ} file, or its base64 in a text field")
NETPBM = re.compile(rb"P[1-7fF][\s#]")
DNG_VERSION, NEW_SUBFILE_TYPE, SUB_IFDS = 50706, 254, 330  # tags of TIFF and of raw photos, which are TIFFs inside


def recognise(data: bytes) -> Format:
    """The format of a file. Raises InvalidImage with its name and a way out when it is none that is decoded."""
    if not data:
        raise InvalidImage(f"the image is empty (0 bytes); send a {READ} file")
    for signature, name in SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF":
        return _riff(data)
    if data[:2] == b"BM" and len(data) > 18 and struct.unpack("<I", data[14:18])[0] in BMP_HEADER_BYTES:
        return "BMP"
    if data[4:8] == b"ftyp":
        return _by_brand(data)
    raise _refusal(data)


def refuse_raw(tags: frozenset[int], subfile_type: int) -> None:
    """Refuses a TIFF that is a raw photo, whose first picture is a thumbnail. tags: those of its first directory."""
    if DNG_VERSION in tags:
        raise Refused("a raw photo (DNG)", RAW).error()
    if SUB_IFDS in tags and subfile_type & 1:
        raise Refused("a raw photo (NEF, ARW, PEF or the like)", RAW).error()


def refuse_canon_raw(data: bytes) -> None:
    """Refuses a CR2, a TIFF with a mark of its own."""
    if data[8:10] == b"CR":
        raise Refused("a raw photo (Canon CR2)", RAW).error()


def _riff(data: bytes) -> Format:
    if data[8:12] == b"WEBP":
        return "WEBP"
    raise VIDEO.error() if data[8:12] == b"AVI " else _refusal(data)


def _by_brand(data: bytes) -> Format:
    """The format of an ISO base media file, by the brands that its first box lists."""
    size = min(struct.unpack(">I", data[:4])[0], 16 + 4 * MOST_BRANDS, len(data))
    major = data[8:12]
    brands = {major, *(data[i : i + 4] for i in range(16, size - 3, 4))}
    if major in SEQUENCE_BRANDS:
        raise InvalidImage(PICTURE_SEQUENCE)
    if major in AVIF_BRANDS or (major in HEIF_BRANDS and brands & AVIF_BRANDS and not brands & {b"heic", b"heix"}):
        return "AVIF"
    if major in HEIF_BRANDS or brands & {b"heic", b"heix"}:
        return "HEIF"
    raise Refused("a raw photo (Canon CR3)", RAW).error() if major == b"crx " else VIDEO.error()


def _refusal(data: bytes) -> InvalidImage:
    if data[:2] == b"\0\0" and data[2:3] in (b"\2", b"\x0a") and data[4:8] == b"\0\0\0\0":  # an icon has no 0 there
        return Refused("a TGA image", AS_JPEG).error()
    for signature, refused in REFUSED:
        if data.startswith(signature):
            return refused.error()
    if NETPBM.match(data):
        return Refused("a Netpbm image (PBM, PGM, PPM)", AS_JPEG).error()
    beginning = data[:FIRST_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for word, refused in MARKUP:
        if beginning.startswith(word) or (beginning.startswith(PROLOGUES) and word in beginning):
            return refused.error()
    if _is_text(beginning):
        return TEXT.error()
    return InvalidImage(f"the bytes are not an image of a format that is read; send a {READ} file")


def _is_text(beginning: bytes) -> bool:
    try:
        text = getincrementaldecoder("utf-8")().decode(beginning)  # a letter may be cut at the end
    except UnicodeDecodeError:
        return False
    return len(text) > 1 and all(letter >= " " or letter in "\t\n\r\f" for letter in text)
