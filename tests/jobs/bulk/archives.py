"""ZIP archives for tests, well-formed and hostile."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from tests.pictures import drawn_photo


def zip_of(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)  # of one date, so it is the same again
    return buffer.getvalue()


def people(count: int, photos: int = 1) -> dict[str, bytes]:
    """Drawn photos in folders: p1/0.jpg, ..."""
    return {
        f"p{person}/{photo}.jpg": drawn_photo(person, noise=6, photo=photo)
        for person in range(1, count + 1)
        for photo in range(photos)
    }
