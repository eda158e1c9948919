"""Enrolls the photos of an import, some at a time, and describes the people of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    SubjectErased,
    SubjectExists,
    SubjectNotFound,
    VultusError,
)
from vultus.identifiers import check_subject
from vultus.records.cautions import Caution
from vultus.service import FaceService
from vultus.service.accepted_faces import WhichFace
from vultus.service.bulk.batch_enrolment import BatchEnrolment, BatchRefused, Outcome, PhotoOf
from vultus.service.enrolment import Enrolment
from vultus.storage.adding.additions import Beginning
from vultus.storage.gallery_reader import GalleryReader

BATCH = 16  # photos in a transaction: what a batch costs is then little for each of them
BATCH_BYTES = 32 << 20  # of photos read before they are computed: a batch of large ones is divided

Reported = tuple[Photo, str, str, tuple[Caution, ...]]
"""A photo; its outcome: ENROLLED, ALREADY_THERE or the code of the refusal; its sentence; the cautions."""


@dataclass(frozen=True)
class Importer:
    """Enrolls photos, at most BATCH with each call. Used by several threads.

    strict: one by one, as each may be refused for those before it.
    """

    enrolment: Enrolment
    batches: BatchEnrolment
    gallery: GalleryReader
    collection: str
    face: WhichFace
    read: Callable[[Any], bytes]
    people: Mapping[str, Person] = field(default_factory=dict)
    strict: bool = False

    def enroll(self, photos: Sequence[Photo]) -> tuple[list[Reported], BaseException | None]:
        """What became of the photos; the error that ended it before all were computed, if one did.

        Raises errors that concern all photos, such as StorageFailed or ModelMismatch.
        """
        if self.strict:
            return [self._enroll_one(photo) for photo in photos], None
        reported: list[Reported] = []
        for some in self._read_in_parts(photos, reported):
            found, error = self._enroll_some(some)
            reported += found
            if error is not None:
                return reported, error
        return reported, None

    def _read_in_parts(
        self, photos: Sequence[Photo], reported: list[Reported]
    ) -> Iterator[list[tuple[Photo, PhotoOf]]]:
        """The photos, few enough at a time to hold them in memory; those that cannot be read are reported."""
        some: list[tuple[Photo, PhotoOf]] = []
        held = 0
        for photo in photos:
            try:
                subject, data = _valid(photo.subject), self.read(photo)
            except (BadInput, OSError) as exc:
                reported.append(_refused(photo, exc))
                continue
            person = self.people.get(subject, Person())
            some.append((photo, PhotoOf(subject, data, person.name, person.details or None)))
            held += len(data)
            if held >= BATCH_BYTES:
                yield some
                some, held = [], 0
        if some:
            yield some

    def _enroll_some(self, some: Sequence[tuple[Photo, PhotoOf]]) -> tuple[list[Reported], BaseException | None]:
        try:
            outcomes, error = self.batches.enroll(
                [data for _, data in some], collection=self.collection, face=self.face
            )
        except BatchRefused as refusal:
            one_by_one = (photo for photo, _ in some if not self.batches.stopped)
            return [self._enroll_one(photo, refusal.begun) for photo in one_by_one], None
        each = zip((photo for photo, _ in some), outcomes, strict=True)
        return [_reported(photo, outcome) for photo, outcome in each if outcome is not None], error

    def _enroll_one(self, photo: Photo, begun: Beginning | None = None) -> Reported:
        try:
            outcome, cautions = self._enroll(_valid(photo.subject), self.read(photo), begun)
        except (BadInput, FaceRefused, SubjectErased, OSError) as refusal:
            return _refused(photo, refusal)
        return photo, outcome, "", cautions

    def _enroll(self, subject: str, data: bytes, begun: Beginning | None) -> tuple[str, tuple[Caution, ...]]:
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
            begun_with=begun,
        )
        outcome = ENROLLED if result.faces[0].created else ALREADY_THERE
        return outcome, result.cautions

    def _has(self, subject: str, source: str) -> bool:
        try:
            return source in self.gallery.find_faces_by_source(self.collection, subject, [source])
        except CollectionNotFound:
            return False


def _reported(photo: Photo, outcome: Outcome) -> Reported:
    if outcome.refusal is not None:
        return _refused(photo, outcome.refusal)
    return photo, ENROLLED if outcome.created else ALREADY_THERE, "", outcome.cautions


def _refused(photo: Photo, refusal: Exception) -> Reported:
    if isinstance(refusal, OSError):
        return photo, FILE_FAILED, refusal.strerror or type(refusal).__name__, ()
    return photo, getattr(refusal, "code", VultusError.code), str(refusal), ()


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
