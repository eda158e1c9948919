"""A folder of people: one sub-folder per subject, photos inside, at any depth."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
OUTSIDE = "not in a sub-folder"
CLOSED = "folder that cannot be read"
LINKED = "linked folder"  # not followed: it may lead anywhere, also back here


@dataclass(frozen=True)
class PhotoFile:
    """A photo of a subject. shown: its path relative to the folder, for people."""

    subject: str
    path: Path
    shown: str


@dataclass
class Folder:
    """What a folder holds. ignored: how many files are no photos, by extension or reason."""

    photos: list[PhotoFile] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def look_through(top: Path) -> Folder:
    """All photos below a folder, in the order of their paths. Raises OSError when the folder itself cannot be read."""
    found = Folder()
    os.scandir(top).close()
    for place, folders, names in os.walk(top, onerror=lambda _: found.ignored.update([CLOSED])):
        folders.sort()
        found.ignored.update(LINKED for name in folders if (Path(place) / name).is_symlink())
        for name in sorted(names):
            _sort_in(found, top, Path(place) / name)
    return found


def _sort_in(found: Folder, top: Path, path: Path) -> None:
    relative = path.relative_to(top)
    reason = _why_ignored(relative)
    if reason is not None:
        found.ignored[reason] += 1
        return
    found.photos.append(PhotoFile(relative.parts[0], path, str(relative)))


def _why_ignored(relative: Path) -> str | None:
    extension = relative.suffix.lower()
    if extension not in EXTENSIONS:
        return extension or "no extension"
    return OUTSIDE if len(relative.parts) == 1 else None
