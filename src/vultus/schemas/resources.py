"""Answers about collections, subjects, faces, keys and the service: their shapes and converters."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from vultus.records.answers import Deleted
from vultus.records.liveness import LivenessMode
from vultus.records.stored import ApiKey, AuditLine, Collection, EnrolledFace, KeyKind, KeyRotation, Scope, Subject
from vultus.schemas.answers import photo_of, stored_area, stored_quality
from vultus.schemas.faces import FacialArea
from vultus.schemas.recognition import NO_PHOTO, PhotoAnswer
from vultus.search.recall import SearchState


class SearchAnswer(BaseModel):
    """How a collection is searched just now."""

    kind: Literal["exact", "pq", "hnsw"] = Field(
        description="exact: every face is compared. pq: all but the indexed faces, and those of them it chooses. hnsw: "
        "those that an index in the database chooses."
    )
    recall: float = Field(
        ge=0, le=1, description="The share of probes whose most similar subject is found: the lower of the next two."
    )
    recall_mated: float = Field(ge=0, le=1, description="Of probes that show an enrolled person; 1 when exact.")
    recall_non_mated: float = Field(ge=0, le=1, description="Of probes that show nobody enrolled; 1 when exact.")
    indexed_faces: int = Field(description="How many faces are in the index; 0 when exact.")
    candidates: int = Field(description="How many of those a probe is compared with; 0 when exact.")
    building: bool = Field(description="An index is being made in the background.")
    terms_behind: int = Field(
        description="Faces that came and went since what scores are relative to was computed for the others; always 0 "
        "with VULTUS_SEARCH=memory."
    )


class PoliciesAnswer(BaseModel):
    """Limits that a collection sets to its requests; null: none."""

    min_quality: float | None = Field(description="The lowest min_quality of /enroll, 0..100.")
    target_fmr: float | None = Field(description="The highest target_fmr of /verify with a subject.")
    target_fpir: float | None = Field(description="The highest target_fpir of /find.")
    store_photos: bool = Field(description="Whether the photos of its faces are kept.")
    retention_days: int | None = Field(
        description="A subject is erased so many days after the last enrolment of a face of it."
    )
    liveness: LivenessMode | None = Field(description="The least liveness of /verify with a subject, /find, /enroll.")
    keep_unknown_days: int | None = Field(description="How long faces of nobody known are kept for review; null: not.")


class CollectionAnswer(BaseModel):
    collection: str
    model: str = Field(description="The id of the recognition model that the collection is bound to.")
    dimension: int
    subjects: int
    faces: int
    created_at: AwareDatetime
    search: SearchAnswer
    policies: PoliciesAnswer


class CollectionList(BaseModel):
    collections: list[CollectionAnswer]


class SubjectAnswer(BaseModel):
    subject: str
    collection: str
    name: str | None
    metadata: dict[str, Any]
    faces: int
    photos: int = Field(description="How many different photos of it are kept.")
    cover_face: str | None = Field(
        description="The face to show it by: that chosen with PATCH, or the one of the best quality; null where no "
        "photo is kept."
    )
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = Field(description="When it is erased; null: never, by itself.")


class SubjectPage(BaseModel):
    subjects: list[SubjectAnswer]
    next_cursor: str | None = Field(description="Send it as cursor for the next page; null at the end.")


class FaceAnswer(BaseModel):
    face_id: str
    subject: str
    collection: str
    facial_area: FacialArea | None = Field(description=NO_PHOTO)
    face_confidence: float | None = Field(description=NO_PHOTO)
    quality: dict[str, float] | None = Field(description=NO_PHOTO)
    quality_version: int | None = Field(
        description="Of the rule behind quality: scores of two versions do not compare. " + NO_PHOTO
    )
    photo: PhotoAnswer | None = Field(description="null when no photo is kept.")
    model_id: str
    created_at: AwareDatetime


class FaceList(BaseModel):
    faces: list[FaceAnswer]


class FacePage(FaceList):
    next_cursor: str | None = Field(description="Send it as cursor for the next page; null at the end.")


class Removed(BaseModel):
    faces: int
    photos: int
    photos_left: int = Field(
        default=0,
        exclude_if=lambda count: not count,
        description="Photos of them whose storage did not answer; the server removes them as soon as it does.",
    )


class RemovedSubjects(Removed):
    subjects: int


class DeletedCollection(BaseModel):
    collection: str
    deleted: RemovedSubjects


class DeletedSubject(BaseModel):
    subject: str
    deleted: Removed
    other_spellings: list[str] = Field(
        default=[],
        exclude_if=lambda ids: not ids,
        description="Ids that are the same text in other code points, stored by an earlier release: they are still "
        "enrolled. Erase them too, each by its exact spelling, or merge them.",
    )


class DeletedFace(BaseModel):
    face_id: str
    deleted: Removed


class KeyAnswer(BaseModel):
    """A key as it is remembered: never the key itself."""

    id: str
    name: str
    scopes: list[Scope]
    collections: list[str] | None
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    requests_per_minute: int | None
    last_used_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    kind: KeyKind = Field(description="native, or what clients of another service had: `vultus keys import`.")


class NewKeyAnswer(KeyAnswer):
    key: str = Field(description="The key. It is shown this once.")


class RotatedKeyAnswer(NewKeyAnswer):
    old_key_until: AwareDatetime = Field(description="Until then the old secret works too.")


class KeyList(BaseModel):
    keys: list[KeyAnswer]


class DecisionAnswer(BaseModel):
    """What was decided about a face, and why."""

    decision: str = Field(
        description="verified or not_verified of a comparison; match, ambiguous or unknown of a search; unreliable; "
        "live, attack or unjudged of a liveness check."
    )
    similarity: float | None = Field(description="The cosine of the best comparison; null when there was none.")
    score: float | None = Field(description="As in the answer: relative to other faces, where the model has that.")
    threshold: float = Field(description="The cosine that it had to reach; of liveness, the score.")
    rule: str = Field(description="Where the threshold came from: target_fmr, target_fpir, explicit; or liveness.")
    expected: float | None = Field(
        description="The error rate asked for, of liveness the BPCER; null when the threshold was given."
    )
    model_id: str
    face_ids: list[str] = Field(description="The enrolled faces it was compared with, best first, at most five.")
    chosen: list[int | None] = Field(description="Which face of each photo, the most prominent is 0.")


class AuditLineAnswer(BaseModel):
    number: int
    at: AwareDatetime
    actor: str = Field(description="The id of a key; or command, server, anyone.")
    action: str
    outcome: str = Field(description="ok, unchanged, or the code of the error.")
    collection: str | None
    objects: list[str] = Field(description="Ids of faces and keys, at most the first 100 of object_count.")
    object_count: int = Field(description="How many objects there are in all.")
    request_id: str | None
    decisions: list[DecisionAnswer] = Field(
        description="Of each face that was searched, of a comparison, or of the best of /compare."
    )


class AuditPage(BaseModel):
    lines: list[AuditLineAnswer] = Field(description="Newest first.")
    next_cursor: str | None = Field(description="Send it as cursor for the next page; null at the end.")


class Health(BaseModel):
    status: str


def collection_answer(collection: Collection, state: SearchState) -> CollectionAnswer:
    return CollectionAnswer(
        collection=collection.name,
        model=collection.model_id,
        dimension=collection.dimension,
        subjects=collection.subjects,
        faces=collection.faces,
        created_at=collection.created_at,
        search=search_answer(state),
        policies=PoliciesAnswer(**asdict(collection.policies)),
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
        terms_behind=state.terms_behind,
    )


def subject_answer(subject: Subject) -> SubjectAnswer:
    return SubjectAnswer(
        subject=subject.id,
        collection=subject.collection,
        name=subject.name or None,
        metadata=dict(subject.metadata),
        faces=subject.faces,
        photos=subject.photos,
        cover_face=subject.cover_face,
        created_at=subject.created_at,
        expires_at=subject.expires_at,
    )


def face_answer(face: EnrolledFace) -> FaceAnswer:
    return FaceAnswer(
        face_id=face.id,
        subject=face.subject,
        collection=face.collection,
        facial_area=stored_area(face),
        face_confidence=face.detector_score,
        quality=stored_quality(face),
        quality_version=None if face.quality is None else face.quality.version,
        photo=photo_of(face),
        model_id=face.model_id,
        created_at=face.created_at,
    )


def removed(deleted: Deleted) -> Removed:
    return Removed(faces=deleted.faces, photos=deleted.photos, photos_left=deleted.photos_left)


def key_answer(key: ApiKey) -> KeyAnswer:
    return KeyAnswer(**asdict(key))


def rotated_key_answer(rotation: KeyRotation) -> RotatedKeyAnswer:
    known = key_answer(rotation.key).model_dump()
    return RotatedKeyAnswer(**known, key=rotation.secret, old_key_until=rotation.old_until)


def audit_line_answer(line: AuditLine) -> AuditLineAnswer:
    return AuditLineAnswer(**{**asdict(line), "objects": list(line.objects)})
