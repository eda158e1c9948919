"""A folder of presentations: live/ with photos of live faces, and one sub-folder for each kind of attack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vultus.errors import InvalidRequest
from vultus.evaluation.labelled_folder import list_photos

LIVE = "live"
HOW = (
    "put photos of live faces into live/, and those of attacks into one sub-folder for each kind, as in print/, screen/"
)


@dataclass(frozen=True)
class Presentation:
    """A photo that was presented. kind: the sub-folder's name, "live" or that of a kind of attack."""

    kind: str
    path: Path


def read_presentations(root: Path) -> tuple[Presentation, ...]:
    """The photos of a folder, live ones first, then the attacks by kind; other files are passed over.

    Raises: InvalidRequest without live photos; OSError.
    """
    found = list_photos(root)
    photos = [Presentation(photo.subject, photo.path) for photo in found.photos]
    if not any(photo.kind == LIVE for photo in photos):
        raise InvalidRequest(f"{root} has no photo in {LIVE}/; {HOW}")
    return tuple(sorted(photos, key=lambda photo: (photo.kind != LIVE, photo.kind)))
