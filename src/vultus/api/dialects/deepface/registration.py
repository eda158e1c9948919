"""What is registered: DeepFace's records are the faces of a collection, its img_name the subject."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from vultus.api.dialects.deepface.anti_spoofing import liveness_options
from vultus.api.dialects.deepface.fields import RegisterFields
from vultus.api.dialects.deepface.names import img_name_of, subjects_of
from vultus.errors import CollectionNotFound, MultipleFaces, SubjectNotFound
from vultus.records.answers import EnrolledPhoto
from vultus.service import FaceService

SUBJECTS_AT_ONCE = 1000


def register(service: FaceService, fields: RegisterFields, collection: str) -> tuple[EnrolledPhoto, ...]:
    """Enroll the face of an image, or each of several as a subject of its own. Raises NoFaceDetected, LowQuality."""
    options: dict[str, Any] = {
        "collection": collection,
        "model_name": fields.model_name,
        "detector": fields.detector,
        **liveness_options(fields.anti_spoofing),
    }
    enrolment = service.enrolment
    with suppress(MultipleFaces):
        return enrolment.enroll([fields.img], subject=fields.img_name, **options).faces
    faces = len(service.recognition.detect(fields.img, detector=fields.detector))
    return enrolment.enroll_all_faces(fields.img, subjects=subjects_of(fields.img_name, faces), **options).faces


def remove_named(service: FaceService, collection: str, img_name: str) -> int:
    """Erase all faces registered under an img_name; how many. Raises SubjectNotFound."""
    subjects = _subjects_named(service, collection, img_name)
    if not subjects:
        raise SubjectNotFound("no face is registered under this img_name in the collection of this key")
    return sum(service.galleries.forget(collection, subject).faces for subject in subjects)


def remove_face(service: FaceService, collection: str, face_id: str) -> int:
    """Erase one face of the collection; how many. Raises FaceNotFound."""
    return service.galleries.delete_face(service.galleries.face_of(collection, face_id).id).faces


def _subjects_named(service: FaceService, collection: str, img_name: str) -> list[str]:
    named: list[str] = []
    cursor: str | None = None
    while True:
        try:
            page, cursor = service.galleries.subjects(collection, cursor=cursor, limit=SUBJECTS_AT_ONCE, query=img_name)
        except CollectionNotFound:
            return []
        named += [subject.id for subject in page if img_name in (subject.id, img_name_of(subject.id))]
        if cursor is None:
            return named
