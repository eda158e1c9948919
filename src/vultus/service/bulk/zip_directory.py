"""Opens a ZIP archive that a stranger sent: how large its directory is, is known before the directory is read.

Python's zipfile reads the whole directory and makes an object of each entry, of which a small file can declare
millions. So its size is read first, from the end of the file (PKWARE APPNOTE.TXT, sections 4.3.14 to 4.3.16).
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vultus.errors import InvalidRequest, RequestTooLarge

END = struct.Struct("<4s4H2LH")
END_SIGNATURE = b"PK\5\6"
LOCATOR = struct.Struct("<4sLQL")
LOCATOR_SIGNATURE = b"PK\6\7"
END_64 = struct.Struct("<4sQ2H2L4Q")
END_64_SIGNATURE = b"PK\6\6"
LARGEST_COMMENT = 65_535
ENTRY_BYTES = 46  # of the directory, without the name
NAME_BYTES = 512  # for the name and the extra fields of an entry, on average
FEWEST_ENTRIES = 1_000  # folders and other files beside the photos
NOT_A_ZIP = "the file is no ZIP archive, or is cut off; make it by: zip -r people.zip FOLDER"


@contextmanager
def open_zip(path: Path, most_entries: int) -> Iterator[zipfile.ZipFile]:
    """The archive. Raises InvalidRequest, when it is none; RequestTooLarge, when it has too many entries."""
    most_entries += FEWEST_ENTRIES
    with path.open("rb") as file:
        entries, size = _directory(file)
        if entries > most_entries or size > most_entries * (ENTRY_BYTES + NAME_BYTES):
            raise RequestTooLarge(
                f"the archive declares {entries} entries, in a directory of {size} bytes; send at most "
                f"{most_entries - FEWEST_ENTRIES} photos in one"
            )
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OverflowError) as exc:
            raise InvalidRequest(
                "the directory of the archive is damaged, or holds names that are not what they are declared to be; "
                "make it again by: zip -r people.zip FOLDER"
            ) from exc
        with archive:
            yield archive


def _directory(file: BinaryIO) -> tuple[int, int]:
    """How many entries the directory has, and its bytes, as the end of the file declares. Raises InvalidRequest."""
    length = file.seek(0, 2)
    start = max(0, length - END.size - LARGEST_COMMENT)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(END_SIGNATURE)
    if at < 0 or len(tail) - at < END.size:
        raise InvalidRequest(NOT_A_ZIP)
    _, _, _, _, entries, size, _, _ = END.unpack_from(tail, at)
    if at < LOCATOR.size or not tail[at - LOCATOR.size :].startswith(LOCATOR_SIGNATURE):
        return entries, size
    # Readers look before the locator, or where it points: a file may have one for each of them.
    pointed = LOCATOR.unpack_from(tail, at - LOCATOR.size)[2]
    places = (start + at - LOCATOR.size - END_64.size, pointed)
    return max([(entries, size), *(_directory_64(file, place, length) for place in places)], key=lambda found: found[1])


def _directory_64(file: BinaryIO, place: int, length: int) -> tuple[int, int]:
    """The same of a record of ZIP64; nothing where there is none."""
    if not 0 <= place <= length - END_64.size:
        return 0, 0
    file.seek(place)
    values = END_64.unpack(file.read(END_64.size))
    return (values[7], values[8]) if values[0] == END_64_SIGNATURE else (0, 0)
