"""Where `vultus import` takes photos from: a folder of people, or the gallery of another service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vultus.cli.import_lists.csv_manifest import Person, read_manifest
from vultus.cli.import_lists.flat_folder import list_flat_photos
from vultus.cli.options import OtherService
from vultus.cli.other_services.compreface_server import CompreFaceServer
from vultus.cli.other_services.deepface_folder import list_deepface_photos
from vultus.cli.secret_input import asked
from vultus.cli.settings import read_photo
from vultus.errors import InvalidRequest
from vultus.evaluation.labelled_folder import OUTSIDE, PhotoFile, PhotoListing, list_photos


@dataclass(frozen=True)
class PhotoSource:
    """Photos, and whose they are. subjects: those to add that have no photo. read: the bytes of a photo.

    people: what a list says of subjects. guessed: whether the names of files were taken to say who is on them.
    """

    photos: Sequence[Any]
    read: Callable[[Any], bytes]
    ignored: Mapping[str, int] = field(default_factory=dict)
    subjects: Sequence[str] = ()
    people: Mapping[str, Person] = field(default_factory=dict)
    guessed: bool = False
    close: Callable[[], None] = lambda: None


def open_source(service: OtherService | None, given: str, max_bytes: int) -> PhotoSource:
    """The photos of another service, None: of a folder of people or a CSV. given: its address, or the folder or file.

    max_bytes: of one photo. Raises InvalidRequest, ServerUnreadable; OSError when a folder cannot be read.
    """
    if service == "compreface":
        server = CompreFaceServer(given, asked("Key of its recognition service", hidden=True), max_bytes)
        examples = tuple(server.examples())
        bare = sorted(set(server.subjects()) - {one.subject for one in examples})
        return PhotoSource(examples, server.photo, subjects=bare, close=server.close)
    folder = Path(given)

    def read(photo: PhotoFile) -> bytes:
        return read_photo(photo.path, max_bytes)

    if service is None and folder.suffix.lower() == ".csv" and not folder.is_dir():
        photos, people = read_manifest(folder)
        return PhotoSource(photos, read, people=people)
    found = list_deepface_photos(folder) if service == "deepface" else list_photos(folder)
    if guessed := service is None and not found.photos and bool(found.ignored[OUTSIDE]):
        ignored = found.ignored - Counter({OUTSIDE: found.ignored[OUTSIDE]})
        found = replace(list_flat_photos(folder), ignored=ignored)
    if not found.photos:
        raise InvalidRequest(_nothing_in(folder, found))
    return PhotoSource(found.photos, read, found.ignored, guessed=guessed)


def _nothing_in(folder: Path, found: PhotoListing) -> str:
    other = ", ".join(f"{count} of: {reason}" for reason, count in sorted(found.ignored.items()))
    sentence = f"{folder} has no photos in sub-folders; make one sub-folder per person, named by the id"
    return f"{sentence} (found {other})" if other else sentence
