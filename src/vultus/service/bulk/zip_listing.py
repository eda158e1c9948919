"""The photos of a ZIP archive: a sub-folder is a subject, as for `vultus import`, or manifest.csv says whose they are.

Nothing is unpacked to the disk, so no name can lead out of a folder; names of that kind are refused all the same, as is
what no archive of photos has. A fault of the archive is an error, one of an entry the outcome of this entry.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from vultus.errors import InvalidImage, InvalidRequest, RequestTooLarge
from vultus.service.bulk.bulk_items import BulkItem, BulkLimits, Problem, invalid, subject_problem
from vultus.service.bulk.manifest import MANIFEST, MAX_MANIFEST_BYTES, Row, read_manifest
from vultus.vision.decoding.formats import PHOTO_SUFFIXES, is_passed_over

ENCRYPTED = 0x1  # of the flags, APPNOTE.TXT section 4.4.4
UTF_8 = 0x800
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
LARGEST_RATIO = 100  # unpacked to packed; photos are packed already, and a BMP of a face reaches 10
SMALL_BYTES = 1 << 20  # an entry that is not larger may be packed as well as it likes
ARCHIVES = {".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"}
READ_BYTES = 1 << 16


def list_zip(archive: zipfile.ZipFile, limits: BulkLimits) -> tuple[BulkItem, ...]:
    """The photos of an archive in its order; also what is no photo, with why it is refused.

    Files that systems put there and hidden ones are passed over. Raises InvalidRequest, RequestTooLarge.
    """
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_passed_over(entry.filename)]
    named = [(entry, *_name(entry)) for entry in entries]
    rows = _manifest(archive, {name: entry for entry, name, _ in named}.get(MANIFEST))
    photos = [one for one in named if one[1] != MANIFEST]
    _check_size(len(photos), sum(entry.file_size for entry, _, _ in photos), limits)
    found = tuple(_items(photos, rows, limits))
    if not found:
        raise InvalidRequest("the archive holds no photos; put those of each person into a folder named by the id")
    return found


def read_entry(archive: zipfile.ZipFile, item: BulkItem, limits: BulkLimits) -> bytes:
    """The bytes of a photo. Raises InvalidImage, RequestTooLarge, when they are not what the archive declares."""
    content = bytearray()
    try:
        with archive.open(item.source) as file:
            while part := file.read(READ_BYTES):
                content += part
                if len(content) > min(item.source.file_size, limits.image_bytes):
                    raise RequestTooLarge("the file is larger than the archive declares; zip it again")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as exc:
        raise InvalidImage("the file is damaged in the archive; zip it again") from exc
    return bytes(content)


def _is_passed_over(name: str) -> bool:
    return is_passed_over(tuple(name.split("/")))


def _name(entry: zipfile.ZipInfo) -> tuple[str, Problem | None]:
    """The name of an entry as text, and what is wrong with it."""
    name = entry.filename
    if not entry.flag_bits & UTF_8 and not name.isascii():  # zipfile took it for code page 437
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            return name, invalid("the name of the file is not UTF-8; zip it again with names in UTF-8")
    name = name.removeprefix("./")
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in parts[0] or {"", ".", ".."} & set(parts):
        return name, invalid("the name of the file leads out of the archive; zip it again, with names like anna/1.jpg")
    return name, None


def _manifest(archive: zipfile.ZipFile, entry: zipfile.ZipInfo | None) -> Mapping[str, Row] | None:
    """The rows of the manifest by the names of their files; None where there is none. Raises InvalidRequest."""
    if entry is None:
        return None
    if (problem := _packing_problem(entry, MAX_MANIFEST_BYTES)) is not None:
        raise InvalidRequest(f"{MANIFEST}: {problem.sentence}")
    whole = BulkLimits(1, MAX_MANIFEST_BYTES, MAX_MANIFEST_BYTES)
    try:
        return read_manifest(read_entry(archive, BulkItem(MANIFEST, None, source=entry), whole))
    except InvalidImage as exc:
        raise InvalidRequest(f"{MANIFEST} is damaged in the archive; zip it again") from exc


def _check_size(count: int, unpacked: int, limits: BulkLimits) -> None:
    if count > limits.items:
        raise RequestTooLarge(f"the archive holds {count} files, the limit is {limits.items}; send it in parts")
    if unpacked > limits.unpacked_bytes:
        raise RequestTooLarge(
            f"the archive would be {unpacked} bytes unpacked, the limit is {limits.unpacked_bytes}; send it in parts"
        )


def _items(
    photos: Sequence[tuple[zipfile.ZipInfo, str, Problem | None]], rows: Mapping[str, Row] | None, limits: BulkLimits
) -> Iterator[BulkItem]:
    seen: set[str] = set()
    for entry, name, problem in photos:
        subject, person, whose = _owner(name, rows)
        if name in seen:
            problem = invalid("the archive holds two files of this name; only the first is taken")
        seen.add(name)
        problem = problem or _entry_problem(entry, name, limits) or whose
        yield BulkItem(name, subject, person, problem, entry)
    for name, row in ((name, row) for name, row in (rows or {}).items() if name not in seen):
        absent = invalid(f"the archive holds no file of this name, which {MANIFEST} lists")
        yield BulkItem(name, row.subject, row.name, absent)


def _owner(name: str, rows: Mapping[str, Row] | None) -> tuple[str | None, str | None, Problem | None]:
    """Subject and name of the person, and what is wrong with them."""
    if rows is not None:
        row = rows.get(name)
        if row is None:
            return None, None, invalid(f"{MANIFEST} does not list this file; add a line, or take the file out")
        return row.subject, row.name, subject_problem(row.subject, row.name, f"the subject in {MANIFEST}")
    folder, _, rest = name.partition("/")
    if not rest:
        return None, None, invalid(f"the file is in no folder; put it into one named by the subject, or add {MANIFEST}")
    return folder, None, subject_problem(folder, None, "the name of the folder")


def _entry_problem(entry: zipfile.ZipInfo, name: str, limits: BulkLimits) -> Problem | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    suffix = PurePosixPath(name).suffix.lower()
    if kind not in (0, stat.S_IFREG):
        return invalid("the entry is a link or a device, not a file; zip the photo itself")
    if suffix in ARCHIVES:
        return invalid("the file is an archive in the archive; put its photos into this one")
    if suffix not in PHOTO_SUFFIXES:
        return Problem("invalid_image", "the name of the file does not end as that of a photo, like .jpg or .png")
    return _packing_problem(entry, limits.image_bytes)


def _packing_problem(entry: zipfile.ZipInfo, most_bytes: int) -> Problem | None:
    if entry.flag_bits & ENCRYPTED:
        return invalid("the file is encrypted; zip it without a password")
    if entry.compress_type not in METHODS:
        return invalid(f"the file is packed by method {entry.compress_type}; zip it with Deflate, or without packing")
    if entry.file_size > most_bytes:
        return Problem("request_too_large", f"the file has {entry.file_size} bytes, the limit is {most_bytes}")
    if entry.file_size > SMALL_BYTES and entry.file_size > LARGEST_RATIO * max(entry.compress_size, 1):
        return Problem(
            "request_too_large",
            f"the file unpacks to more than {LARGEST_RATIO} times its size, as no photo does; send the photo as JPEG",
        )
    return None
