"""A labelled folder: one sub-folder for each subject, named for it, with photos at any depth; no photo is decoded here.

`list_photos` decides which files are photos, for `import`, `evaluate` and `calibrate`. `read_folder` reads a folder to
be measured: a fault of the folder as a whole is an error, a fault of a single file a note, so that a long run does
not end at one bad file.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import normalize

from vultus.errors import InvalidRequest
from vultus.evaluation.csv_list import read_rows
from vultus.files import open_regular, sha256_of
from vultus.vision.decoding.formats import PHOTO_SUFFIXES, SYSTEM_FILES, SYSTEM_FOLDERS

OUTSIDE = "not in a sub-folder"
UNREADABLE = "folder that cannot be read"
LINKED = "linked folder"  # not followed: it may lead anywhere, also back here
OF_THE_SYSTEM = "made by an operating system"
HIDDEN = "hidden"  # the name begins with a dot: caches, thumbnails and other files that no person put there


@dataclass(frozen=True)
class PhotoFile:
    """A photo of a subject, the sub-folder's name. name: the path relative to the folder, as text."""

    subject: str
    path: Path
    name: str


@dataclass
class PhotoListing:
    """The files of a labelled folder. subjects: its sub-folders, also those without a photo.

    ignored: how many files and folders were passed over, by extension or reason.
    """

    photos: list[PhotoFile] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def list_photos(root: Path) -> PhotoListing:
    """All photos below a folder, in the order of their paths. Raises OSError when the folder itself cannot be read."""
    found = PhotoListing()
    os.scandir(root).close()  # os.walk would only report it as one more unreadable folder
    for place, folders, names in os.walk(root, onerror=lambda _: found.ignored.update([UNREADABLE])):
        folders[:] = [name for name in sorted(folders) if _is_followed(Path(place, name), found.ignored)]
        if Path(place) == root:
            found.subjects += folders
        for name in sorted(names):
            _add(found, root, Path(place, name))
    return found


def _is_followed(folder: Path, ignored: Counter[str]) -> bool:
    """Whether photos are looked for in a folder; if not, it is counted."""
    reason = _why_passed_over(folder, SYSTEM_FOLDERS) or (LINKED if folder.is_symlink() else None)
    if reason is not None:
        ignored[reason] += 1
    return reason is None


def _why_passed_over(path: Path, of_the_system: frozenset[str]) -> str | None:
    if path.name.startswith("."):
        return HIDDEN
    return OF_THE_SYSTEM if path.name.lower() in of_the_system else None


def _add(found: PhotoListing, root: Path, path: Path) -> None:
    relative = path.relative_to(root)
    reason = _why_ignored(relative)
    if reason is not None:
        found.ignored[reason] += 1
        return
    found.photos.append(PhotoFile(relative.parts[0], path, str(relative)))


def _why_ignored(relative: Path) -> str | None:
    reason = _why_passed_over(relative, SYSTEM_FILES)
    if reason is not None:
        return reason
    extension = relative.suffix.lower()
    if extension not in PHOTO_SUFFIXES:
        return extension or "no extension"
    return OUTSIDE if len(relative.parts) == 1 else None


def lies_flat(path: Path) -> bool:
    """Whether a file beside the sub-folders is a photo."""
    return not path.is_dir() and _why_ignored(Path(path.name)) == OUTSIDE


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo of a subject; `attribute` is its group, None where none was given."""

    path: Path
    subject: str
    attribute: str | None = None


@dataclass(frozen=True)
class LabelledFolder:
    """The photos below a folder, sorted by path; notes: sentences on files and folders that were left out.

    duplicates: groups of photos whose files are equal but whose subjects differ.
    """

    root: Path
    photos: tuple[LabelledPhoto, ...]
    notes: tuple[str, ...]
    duplicates: tuple[tuple[LabelledPhoto, ...], ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subject of each photo, in their order."""
        return tuple(photo.subject for photo in self.photos)


def read_folder(
    root: Path, *, attributes: Path | None = None, column: str = "attribute", duplicates: bool = True
) -> LabelledFolder:
    """Read a labelled folder to be measured.

    attributes: a CSV with the columns `subject` or `path` (relative to the root) and `column`.
    duplicates: whether to look for one photo under several subjects, which reads every file.
    Raises InvalidRequest when the folder cannot be read or has no photo, one person only, or no person with two photos.
    """
    groups = _read_attributes(attributes, column) if attributes else {}
    try:
        listing = list_photos(root)
    except OSError as exc:
        raise InvalidRequest(f"the folder {root} cannot be read ({exc.strerror}); give an existing folder") from exc
    notes: list[str] = []
    readable = [photo for photo in listing.photos if _is_readable(photo, notes)]
    without = set(listing.subjects) - {photo.subject for photo in readable}
    notes += [f"{name}: no readable photo in this folder; the subject is left out" for name in sorted(without)]
    notes += _ignored_note(listing.ignored)
    photos = [_label(photo, root, groups) for photo in readable]
    check_subjects([photo.subject for photo in photos], str(root))
    return LabelledFolder(root, tuple(photos), tuple(notes), find_duplicates(photos) if duplicates else ())


def check_subjects(subjects: Sequence[str], where: str) -> None:
    """Raises InvalidRequest unless there are photos of two people, and two photos of one of them."""
    people = set(subjects)
    if not people:
        raise InvalidRequest(f"no photo was found in {where}; give a folder with one sub-folder for each person")
    if len(people) == 1:
        raise InvalidRequest(
            f"all {len(subjects)} photos in {where} show one person; non-mated comparisons need at least two"
        )
    if len(people) == len(subjects):
        raise InvalidRequest(
            f"each of the {len(people)} people in {where} has one photo, so there is no mated pair; add second photos"
        )


def find_duplicates(photos: Iterable[LabelledPhoto]) -> tuple[tuple[LabelledPhoto, ...], ...]:
    """Groups of photos whose files are equal, byte for byte (sha256), but whose subjects differ."""
    # Only files of the same size can be equal, so most are not read.
    same_size: dict[int, list[LabelledPhoto]] = {}
    for photo in photos:
        same_size.setdefault(photo.path.stat().st_size, []).append(photo)
    same_hash: dict[str, list[LabelledPhoto]] = {}
    for photo in (photo for group in same_size.values() if len(group) > 1 for photo in group):
        same_hash.setdefault(sha256_of(photo.path), []).append(photo)
    return tuple(tuple(group) for group in same_hash.values() if len({photo.subject for photo in group}) > 1)


def _is_readable(photo: PhotoFile, notes: list[str]) -> bool:
    """Whether a photo can be opened and is not empty; if not, says so in the notes."""
    try:
        with open_regular(photo.path) as file:
            reason = None if file.read(1) else "it is empty"
    except OSError as exc:
        reason = str(exc.strerror)
    if reason:
        notes.append(f"{photo.name} cannot be read ({reason}); it is left out")
    return reason is None


def _ignored_note(ignored: Mapping[str, int]) -> list[str]:
    if not ignored:
        return []
    counts = ", ".join(f"{count} of: {reason}" for reason, count in sorted(ignored.items()))
    suffixes = ", ".join(sorted(PHOTO_SUFFIXES))
    return [f"ignored {counts}; photos are files in sub-folders whose names end in {suffixes}"]


def _label(photo: PhotoFile, root: Path, groups: Mapping[str, str]) -> LabelledPhoto:
    # Composed accents: a CSV and a file system may write the same name in different code points.
    subject = normalize("NFC", photo.subject)
    relative = normalize("NFC", photo.path.relative_to(root).as_posix())
    return LabelledPhoto(photo.path, subject, groups.get(relative, groups.get(subject)))


def _read_attributes(path: Path, column: str) -> dict[str, str]:
    """Group by subject or relative path."""
    groups = {}
    for number, row in read_rows(path, {column}):
        key = row.get("path") or row.get("subject")
        if not key:
            raise InvalidRequest(f"{path.name}, line {number}: no subject and no path; give one of the two columns")
        groups[normalize("NFC", key)] = row[column]
    return groups
