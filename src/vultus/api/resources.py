"""From records to the answers about collections, subjects, faces and keys."""

from __future__ import annotations

from dataclasses import asdict

from vultus.records import ApiKey, Collection, Deleted, EnrolledFace, Subject
from vultus.schemas.answers import area, photo_of, quality_of
from vultus.schemas.resources import (
    CollectionAnswer,
    FaceAnswer,
    KeyAnswer,
    Removed,
    RotatedKeyAnswer,
    SearchAnswer,
    SubjectAnswer,
)
from vultus.search.recall import SearchState
from vultus.storage.keys import Rotation


def collection_answer(collection: Collection, state: SearchState) -> CollectionAnswer:
    return CollectionAnswer(
        collection=collection.name,
        model=collection.model_id,
        dimension=collection.dimension,
        subjects=collection.subjects,
        faces=collection.faces,
        created_at=collection.created_at,
        search=search_answer(state),
    )


def search_answer(state: SearchState) -> SearchAnswer:
    return SearchAnswer(
        kind=state.kind,
        recall=state.recall.least,
        recall_mated=state.recall.mated,
        recall_non_mated=state.recall.non_mated,
        indexed_faces=state.faces,
        candidates=state.candidates,
        building=state.building,
    )


def subject_answer(subject: Subject) -> SubjectAnswer:
    return SubjectAnswer(
        subject=subject.id,
        collection=subject.collection,
        name=subject.name or None,
        metadata=dict(subject.metadata),
        faces=subject.faces,
        created_at=subject.created_at,
    )


def face_answer(face: EnrolledFace) -> FaceAnswer:
    return FaceAnswer(
        face_id=face.id,
        subject=face.subject,
        collection=face.collection,
        facial_area=area(face.box, face.landmarks),
        face_confidence=face.detector_score,
        quality=quality_of(face.quality),
        photo=photo_of(face),
        model_id=face.model_id,
        created_at=face.created_at,
    )


def removed(deleted: Deleted) -> Removed:
    return Removed(faces=deleted.faces, photos=deleted.photos)


def key_answer(key: ApiKey) -> KeyAnswer:
    return KeyAnswer(**asdict(key))


def rotated_key_answer(rotation: Rotation) -> RotatedKeyAnswer:
    known = key_answer(rotation.key).model_dump()
    return RotatedKeyAnswer(**known, key=rotation.secret, old_key_until=rotation.old_until)
