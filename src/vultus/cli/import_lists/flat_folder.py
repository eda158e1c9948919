"""A folder of photos named for the people on them: anna_1.jpg, anna-2.jpg, anna (3).jpg and anna.jpg are of anna."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from vultus.errors import InvalidRequest
from vultus.evaluation.labelled_folder import PhotoFile, PhotoListing, lies_flat

NUMBERED = re.compile(r"(.+?)(?:[ _.-]+[0-9]{1,4}|\s*\([0-9]{1,4}\))")
WORDS = re.compile(r"[ _.()-]+")
# What cameras, telephones and browsers call a photo of anybody.
OF_NOBODY = frozenset(
    {"bild", "camera", "capture", "download", "dsc", "dscf", "dscn", "face", "foto", "frame", "image"}
)
OF_NOBODY |= {"image", "img", "mvimg", "pano", "photo", "pic", "picture", "portrait", "pxl", "scan", "screenshot"}
OF_NOBODY |= {"snap", "snapshot", "unnamed", "untitled", "webcam", "whatsapp"}
MADE_UP = re.compile(r"[0-9a-f]{8,}|(?:[a-z]{1,3}[0-9]{3,}|[0-9]+)[a-z]?")  # dates, digests, WA0001, P1020304
GLUED_NUMBER = re.compile(r"[ _.-]*[0-9]+$")
SHOWN = 5  # file names in a sentence
WAYS_OUT = "name them like anna_1.jpg, make one sub-folder per person, or list them in a CSV: file,subject,name"


def list_flat_photos(root: Path) -> PhotoListing:
    """The photos of a folder without sub-folders, each of the person that its name begins with.

    Raises InvalidRequest, which names the files, where a name says nobody, or may mean one person or two.
    """
    photos = [PhotoFile(person_of(path.stem), path, path.name) for path in sorted(root.iterdir()) if lies_flat(path)]
    unnamed = [photo.name for photo in photos if not _says_who(photo.subject)]
    if unnamed:
        raise InvalidRequest(
            f"the names of {len(unnamed)} photos in {root} do not say who is on them: {_some(unnamed)}; {WAYS_OUT}"
        )
    for people in _alike({photo.subject for photo in photos}):
        raise InvalidRequest(
            f"in {root}, {_some(people)} may be one person or {len(people)}: they differ by a number or by capital "
            f"letters only; {WAYS_OUT}"
        )
    return PhotoListing(photos, sorted({photo.subject for photo in photos}))


def person_of(stem: str) -> str:
    """Whom a file name without its extension names: what is before the number at its end."""
    numbered = NUMBERED.fullmatch(stem)
    return (numbered[1] if numbered else stem).strip(" _.-")


def _says_who(person: str) -> bool:
    words = [word for word in WORDS.split(person.casefold()) if word not in OF_NOBODY and word != "at"]
    return not all(MADE_UP.fullmatch(word) for word in words if word)


def _alike(people: Iterable[str]) -> list[list[str]]:
    """Groups of people whose names are the same but for a number at the end, or for capital letters."""
    groups: dict[str, list[str]] = {}
    for person in sorted(people):
        groups.setdefault(GLUED_NUMBER.sub("", person.casefold()), []).append(person)
    return [group for group in groups.values() if len(group) > 1]


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
