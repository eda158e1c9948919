"""Enrolls the photos of an import, one by one, and describes the people of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from vultus.cli.import_lists.csv_manifest import Person
from vultus.cli.import_report import ALREADY_THERE, ENROLLED, Photo
from vultus.errors import (
    FILE_FAILED,
    BadInput,
    CollectionNotFound,
    FaceRefused,
    InvalidRequest,
    SubjectExists,
    SubjectNotFound,
)
from vultus.identifiers import check_subject
from vultus.records.cautions import Caution
from vultus.service import FaceService
from vultus.service.accepted_faces import WhichFace
from vultus.service.enrolment import Enrolment
from vultus.storage.gallery_reader import GalleryReader


@dataclass(frozen=True)
class Importer:
    """Enrolls photos, one with each call. Used by several threads."""

    enrolment: Enrolment
    gallery: GalleryReader
    collection: str
    face: WhichFace
    read: Callable[[Any], bytes]
    people: Mapping[str, Person] = field(default_factory=dict)
    strict: bool = False

    def enroll(self, photo: Photo) -> tuple[Photo, str, str, tuple[Caution, ...]]:
        """The photo; its outcome: ENROLLED, ALREADY_THERE or the code of the refusal; its sentence; the cautions.

        Raises errors that concern all photos, such as StorageFailed or ModelMismatch.
        """
        try:
            outcome, cautions = self._enroll(_valid(photo.subject), self.read(photo))
        except (BadInput, FaceRefused) as refusal:
            return photo, refusal.code, str(refusal), ()
        except OSError as exc:
            return photo, FILE_FAILED, exc.strerror or type(exc).__name__, ()
        return photo, outcome, "", cautions

    def _enroll(self, subject: str, data: bytes) -> tuple[str, tuple[Caution, ...]]:
        if self._has(subject, sha256(data).hexdigest()):  # before detection: a resumed import is quick
            return ALREADY_THERE, ()
        person = self.people.get(subject, Person())
        result = self.enrolment.enroll(
            [data],
            collection=self.collection,
            subject=subject,
            name=person.name,
            metadata=person.details or None,
            face=self.face,
            strict=self.strict,
        )
        outcome = ENROLLED if result.faces[0].created else ALREADY_THERE
        return outcome, result.cautions

    def _has(self, subject: str, source: str) -> bool:
        try:
            return source in self.gallery.find_faces_by_source(self.collection, subject, [source])
        except CollectionNotFound:
            return False


def _valid(subject: str) -> str:
    try:
        return check_subject(subject)
    except ValueError as exc:
        raise InvalidRequest(f"the name of the person, or the sub-folder, {exc}; rename it") from exc


def add_subjects(service: FaceService, collection: str, subjects: Sequence[str]) -> None:
    """Add the subjects that have no photo, unless they are there. Raises InvalidRequest."""
    for subject in subjects:
        with suppress(SubjectExists):
            service.galleries.create_subject(collection, _valid(subject))


def describe(service: FaceService, collection: str, people: Mapping[str, Person]) -> None:
    """Give the people of a list the names and metadata that it has, where their photos were there already."""
    for subject, person in people.items():
        with suppress(SubjectNotFound, CollectionNotFound):
            found = service.galleries.subject(collection, subject)
            details = {**found.metadata, **person.details}
            name = person.name or found.name
            if (name, details) != (found.name, found.metadata):
                service.galleries.update_subject(collection, subject, name=name, metadata=details)
