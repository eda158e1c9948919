"""Test protocols: labelled folders and pair lists, read without decoding a photo.

A fault of the data as a whole is an error, a fault of a single file a note, so that a long run does not end at one bad
file. The caller makes the embeddings.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InvalidRequest

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
SHOWN = 10  # missing photos named in a sentence
SAME = {"1": True, "true": True, "yes": True, "same": True, "0": False, "false": False, "no": False, "different": False}


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo of a subject; `attribute` is its group, None where none was given."""

    path: Path
    subject: str
    attribute: str | None = None


@dataclass(frozen=True)
class LabelledFolder:
    """The photos below a folder, sorted by subject and path; notes: sentences on unreadable files and empty folders."""

    root: Path
    photos: tuple[LabelledPhoto, ...]
    notes: tuple[str, ...]
    duplicates: tuple[tuple[LabelledPhoto, ...], ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subject of each photo, in their order."""
        return tuple(photo.subject for photo in self.photos)


@dataclass(frozen=True)
class PhotoPair:
    """Two photos by their index in the list's `paths`; `same`: mated. fold: None where the list has none."""

    first: int
    second: int
    same: bool
    fold: int | None = None
    attribute: str | None = None


@dataclass(frozen=True)
class PairList:
    """Pairs of photos, each photo once in `paths`; notes: sentences on pairs that were left out."""

    paths: tuple[Path, ...]
    pairs: tuple[PhotoPair, ...]
    notes: tuple[str, ...]

    @property
    def same(self) -> NDArray[np.bool_]:
        return np.array([pair.same for pair in self.pairs])

    @property
    def folds(self) -> NDArray[np.int64] | None:
        """(P,) the fold of each pair, None unless every pair has one."""
        folds = [pair.fold for pair in self.pairs if pair.fold is not None]
        return np.array(folds, np.int64) if len(folds) == len(self.pairs) else None


def read_folder(
    root: Path, *, attributes: Path | None = None, column: str = "attribute", duplicates: bool = True
) -> LabelledFolder:
    """Read a folder with one sub-folder for each subject, named for it; photos may lie deeper.

    attributes: a CSV with the columns `subject` or `path` (relative to the root) and `column`.
    duplicates: whether to look for one photo under several subjects, which reads every file.
    Raises InvalidRequest when the folder cannot be read or has no photo, one person only, or no person with two photos.
    """
    groups = _read_attributes(attributes, column) if attributes else {}
    photos: list[LabelledPhoto] = []
    notes: list[str] = []
    for folder in _subject_folders(root):
        found = [path for path in _photos_below(folder) if _is_readable(path, root, notes)]
        photos += [_label(path, root, folder.name, groups) for path in found]
        if not found:
            notes.append(f"{folder.name}: no readable photo in this folder; the subject is left out")
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
    same_size: dict[int, list[LabelledPhoto]] = {}
    for photo in photos:
        same_size.setdefault(photo.path.stat().st_size, []).append(photo)
    same_hash: dict[str, list[LabelledPhoto]] = {}
    for photo in (photo for group in same_size.values() if len(group) > 1 for photo in group):
        same_hash.setdefault(_sha256(photo.path), []).append(photo)
    return tuple(tuple(group) for group in same_hash.values() if len({photo.subject for photo in group}) > 1)


def read_pairs(path: Path, *, root: Path | None = None, skip_missing: bool = False) -> PairList:
    """Read a CSV of pairs with the columns path1, path2 and same (1 or 0), optionally fold and attribute.

    Photo paths are relative to `root`, to the list's own folder when None. LFW's `pairs.csv` is such a list.
    skip_missing: leave pairs of missing photos out, with a note, instead of refusing.
    Raises InvalidRequest when the list cannot be read, a column or value is wrong, photos are missing, or when all
    pairs are mated or all are not.
    """
    base = root or path.parent
    rows = [_pair_row(row, f"{path.name}, line {number}") for number, row in _rows(path, {"path1", "path2", "same"})]
    found = _locate(base, (name for row in rows for name in row[:2]))
    missing = {name for name, place in found.items() if place is None}
    if missing and not skip_missing:
        raise InvalidRequest(f"{_list_missing(path, missing)}; correct the list or leave those pairs out")
    kept = [row for row in rows if not missing.intersection(row[:2])]
    _check_kinds(kept, path)
    index = {name: number for number, name in enumerate(dict.fromkeys(name for row in kept for name in row[:2]))}
    pairs = (PhotoPair(index[one], index[two], same, fold, group) for one, two, same, fold, group in kept)
    notes = (f"{_list_missing(path, missing)}; {len(rows) - len(kept)} pairs are left out",) if missing else ()
    return PairList(tuple(place for name in index if (place := found[name])), tuple(pairs), notes)


PairRow = tuple[str, str, bool, int | None, str | None]


def _subject_folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as exc:
        raise InvalidRequest(f"the folder {root} cannot be read ({exc.strerror}); give an existing folder") from exc


def _photos_below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names) if Path(name).suffix.lower() in SUFFIXES)


def _is_readable(path: Path, root: Path, notes: list[str]) -> bool:
    """Whether a photo can be opened and is not empty; if not, says so in the notes."""
    try:
        with path.open("rb") as file:
            reason = None if file.read(1) else "it is empty"
    except OSError as exc:
        reason = str(exc.strerror)
    if reason:
        notes.append(f"{path.relative_to(root)} cannot be read ({reason}); it is left out")
    return reason is None


def _label(path: Path, root: Path, subject: str, groups: Mapping[str, str]) -> LabelledPhoto:
    subject = normalize("NFC", subject)
    relative = normalize("NFC", path.relative_to(root).as_posix())
    return LabelledPhoto(path, subject, groups.get(relative, groups.get(subject)))


def _read_attributes(path: Path, column: str) -> dict[str, str]:
    """Group by subject or relative path."""
    groups = {}
    for number, row in _rows(path, {column}):
        key = row.get("path") or row.get("subject")
        if not key:
            raise InvalidRequest(f"{path.name}, line {number}: no subject and no path; give one of the two columns")
        groups[normalize("NFC", key)] = row[column]
    return groups


def _rows(path: Path, needed: set[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV with their line numbers, cells stripped; UTF-8, with or without a byte-order mark."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            absent = needed - set(reader.fieldnames or ())
            if absent:
                raise InvalidRequest(f"{path.name} lacks the column {', '.join(sorted(absent))}; add it in line 1")
            return [(reader.line_num, {key: row[key].strip() for key in reader.fieldnames or ()}) for row in reader]
    except OSError as exc:
        raise InvalidRequest(f"the list {path} cannot be read ({exc.strerror}); give an existing CSV file") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise InvalidRequest(f"the list {path} is no CSV in UTF-8; save it as such") from exc


def _pair_row(row: Mapping[str, str], where: str) -> PairRow:
    same, fold = SAME.get(row["same"].lower()), row.get("fold") or None
    if same is None:
        raise InvalidRequest(f"{where}: same is {row['same']!r}; give 1 for a mated pair, 0 for a non-mated one")
    if fold is not None and not fold.isdecimal():
        raise InvalidRequest(f"{where}: fold is {fold!r}; give a whole number")
    if not row["path1"] or not row["path2"]:
        raise InvalidRequest(f"{where}: a photo is not named; give path1 and path2")
    return row["path1"], row["path2"], same, None if fold is None else int(fold), row.get("attribute") or None


def _locate(base: Path, names: Iterable[str]) -> dict[str, Path | None]:
    """The file of each name, None where there is none; accents may be composed in one and decomposed in the other."""
    return {name: _place(base, name) for name in dict.fromkeys(names)}


def _place(base: Path, name: str) -> Path | None:
    forms = (name, normalize("NFC", name), normalize("NFD", name))
    return next((base / form for form in forms if (base / form).is_file()), None)


def _list_missing(path: Path, missing: set[str]) -> str:
    shown = sorted(missing)[:SHOWN]
    more = f" and {len(missing) - len(shown)} more" if len(missing) > len(shown) else ""
    return f"{len(missing)} photos named in {path.name} do not exist: {', '.join(shown)}{more}"


def _check_kinds(rows: Sequence[PairRow], path: Path) -> None:
    mated = sum(row[2] for row in rows)
    if mated == 0:
        raise InvalidRequest(
            f"{path.name} has no mated pair among {len(rows)} with both photos; add some with same = 1"
        )
    if mated == len(rows):
        raise InvalidRequest(f"{path.name} has no non-mated pair among {len(rows)}; add some with same = 0")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
