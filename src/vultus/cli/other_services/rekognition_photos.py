"""The photos of an AWS Rekognition collection, listed in a CSV: they are indexed as IndexFaces does.

AWS gives out no embeddings, so the photos are needed: a folder, or a copy of the bucket (`aws s3 sync`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from vultus.cli.import_report import ALREADY_THERE, ENROLLED
from vultus.cli.settings import read_photo
from vultus.errors import FILE_FAILED, BadInput, FaceRefused, InvalidRequest, LowQuality, NoFaceDetected, SubjectExists
from vultus.evaluation.csv_list import read_rows
from vultus.records.cautions import Caution
from vultus.service import FaceService
from vultus.service.context import low_quality_sentence

FILE, LABEL, USER = "file", "external_image_id", "user_id"
NAME = re.compile(r"[a-zA-Z0-9_.\-:]{1,255}")
MOST_USER_CHARACTERS = 128


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo of the list. name: as the list has it. label: its ExternalImageId. user: its UserId, or None."""

    name: str
    path: Path
    label: str
    user: str | None = None

    @property
    def subject(self) -> str:
        """Who it is of, as the list says."""
        return self.user or self.label


def list_labelled_photos(given: Path) -> tuple[LabelledPhoto, ...]:
    """The photos of a CSV with the columns file and external_image_id, and user_id where there are users.

    given: the CSV, or a folder that holds one. Files are relative to it. Raises InvalidRequest.
    """
    lists = sorted(given.glob("*.csv")) if given.is_dir() else [given]
    if len(lists) != 1:
        raise InvalidRequest(
            f"{given} holds {len(lists)} CSV files; name one with the columns {FILE}, {LABEL} and, where faces have "
            f"users, {USER}"
        )
    rows = read_rows(lists[0], {FILE, LABEL})
    photos = tuple(_photo(lists[0], line, row) for line, row in rows)
    if not photos:
        raise InvalidRequest(f"{lists[0].name} lists no photo; write a row for each")
    return photos


def _photo(listing: Path, line: int, row: dict[str, str]) -> LabelledPhoto:
    user = row.get(USER) or None
    for column, value, most in ((LABEL, row[LABEL], 255), (USER, user or "_", MOST_USER_CHARACTERS)):
        if not NAME.fullmatch(value) or len(value) > most:
            raise InvalidRequest(
                f"line {line} of {listing.name}: {column} must have 1 to {most} of A-Z a-z 0-9 _ . - :, as at AWS"
            )
    if not row[FILE]:
        raise InvalidRequest(f"line {line} of {listing.name}: {FILE} is empty; name the photo, relative to the list")
    return LabelledPhoto(row[FILE], listing.parent / row[FILE], row[LABEL], user)


class LabelledImporter:
    """Indexes the largest face of each photo, and puts it into its user. Used by several threads."""

    def __init__(self, service: FaceService, collection: str, max_bytes: int) -> None:
        """max_bytes: of a photo. Makes the collection where there is none. Raises ModelMismatch."""
        self._service, self._collection, self._max_bytes = service, collection, max_bytes
        self._grouping = Lock()  # one photo at a time makes its user and joins it
        service.galleries.create_collection(collection)

    def enroll(self, photo: LabelledPhoto) -> tuple[LabelledPhoto, str, str, Sequence[Caution]]:
        """The photo; its outcome: ENROLLED, ALREADY_THERE or the code of the refusal; its sentence; no cautions."""
        try:
            return photo, self._index(photo), "", ()
        except (BadInput, FaceRefused) as refusal:
            return photo, refusal.code, str(refusal), ()
        except OSError as exc:
            return photo, FILE_FAILED, exc.strerror or type(exc).__name__, ()

    def _index(self, photo: LabelledPhoto) -> str:
        floor = self._service.context.policy.min_quality
        indexed = self._service.indexing.index(
            read_photo(photo.path, self._max_bytes),
            collection=self._collection,
            external_id=photo.label,
            most=1,
            floor=floor,
        )
        if not indexed.faces:
            if indexed.left_out:
                seen = indexed.left_out[0].seen
                raise LowQuality(low_quality_sentence(seen.quality, floor), seen.quality.parts)
            raise NoFaceDetected("no face was found in the photo")
        (face,) = indexed.faces
        if photo.user is not None:
            self._join(photo.user, face.stored.id)
        return ENROLLED if face.created else ALREADY_THERE

    def _join(self, user: str, face_id: str) -> None:
        groups = self._service.face_groups
        with self._grouping:
            with suppress(SubjectExists):
                groups.create(self._collection, user)
            groups.add(self._collection, user, [face_id], least=0.0)
