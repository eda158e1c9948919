"""The photos of a folder with one sub-folder for each subject, found as `vultus import` finds them. None is opened."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vultus_client.errors import InvalidRequest

SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".heic", ".heif", ".hif"),
        *(".avif", ".tif", ".tiff", ".bmp", ".dib", ".gif"),
    }
)
OF_SYSTEMS = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"})
OUTSIDE = "not in a sub-folder"
UNREADABLE = "folder that cannot be read"
LINKED = "linked folder"  # not followed: it may lead anywhere, also back here
HIDDEN = "hidden, or made by an operating system"


@dataclass(frozen=True)
class PhotoFile:
    """A photo of a subject, the name of the sub-folder. name: the path relative to the folder, as text."""

    subject: str
    path: Path
    name: str


def photos_of(root: Path, ignored: Counter[str]) -> Iterator[PhotoFile]:
    """All photos, by path, one folder after the other. ignored: counts what is passed over, by extension or reason."""
    for place, folders, names in os.walk(root, onerror=lambda _: ignored.update([UNREADABLE])):
        folders[:] = [name for name in sorted(folders) if _is_followed(Path(place, name), ignored)]
        for name in sorted(names):
            path = Path(place, name)
            relative = path.relative_to(root)
            reason = _why_ignored(relative)
            if reason is None:
                yield PhotoFile(relative.parts[0], path, str(relative))
            else:
                ignored[reason] += 1


def require_folder(root: Path) -> None:
    """Raises InvalidRequest, when it is no folder that can be read."""
    try:
        os.scandir(root).close()
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise InvalidRequest(f"the folder {str(root)!r} cannot be read: {reason}") from exc


def _is_followed(folder: Path, ignored: Counter[str]) -> bool:
    hidden = folder.name.startswith(".") or folder.name.lower() in OF_SYSTEMS
    reason = HIDDEN if hidden else LINKED if folder.is_symlink() else None
    if reason is not None:
        ignored[reason] += 1
    return reason is None


def _why_ignored(relative: Path) -> str | None:
    if relative.name.startswith("."):
        return HIDDEN
    extension = relative.suffix.lower()
    if extension not in SUFFIXES:
        return extension or "no extension"
    return OUTSIDE if len(relative.parts) == 1 else None
