"""Faces of nobody known: the fields, the answers, and the converters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field

from vultus.records.answers import EnrolledPhoto
from vultus.records.review import UnknownFace, UnknownGroup
from vultus.records.stored import Subject
from vultus.schemas.field_types import FaceId, Flag, PersonName, SubjectId
from vultus.schemas.requests import CallFields

FaceIds = Annotated[list[FaceId], Field(min_length=1, max_length=100)]


class AssignFields(CallFields):
    """POST /collections/{collection}/unknown/assign."""

    ids: FaceIds = Field(description="The unknown faces, all of one person.")
    subject: SubjectId | None = Field(None, description="Whose they are; created when new. Default: a new one.")
    name: PersonName | None = Field(None, description="The name of the subject.")


class IgnoreFields(CallFields):
    """POST /collections/{collection}/unknown/ignore."""

    ids: FaceIds = Field(description="The unknown faces to ignore.")
    ignored: Flag = Field(True, description="false: take it back, so that they are listed again.")


class ForgetFields(CallFields):
    """POST /collections/{collection}/unknown/erase."""

    ids: FaceIds = Field(description="The unknown faces to erase.")


class UnknownFaceAnswer(BaseModel):
    id: str
    seen_at: AwareDatetime
    quality: float = Field(description="0..100.")


class UnknownGroupAnswer(BaseModel):
    """Faces that look like one person."""

    faces: list[UnknownFaceAnswer] = Field(description="All of them, that of the best quality first.")
    first_seen: AwareDatetime
    last_seen: AwareDatetime


class UnknownAnswer(BaseModel):
    collection: str
    keep_days: int | None = Field(description="How long faces are kept; null: none is.")
    faces: int = Field(description="How many are listed or left out by `limit`.")
    ignored_faces: int = Field(description="How many are ignored; they are kept as long as the others.")
    groups: list[UnknownGroupAnswer] = Field(description="The largest first.")
    more_groups: bool = Field(description="Whether `limit` left out some.")


class AssignedAnswer(BaseModel):
    subject: str
    name: str | None
    collection: str
    face_ids: list[str] = Field(description="The enrolled faces, in the order of `ids`.")


class IgnoredAnswer(BaseModel):
    collection: str
    faces: int = Field(description="How many of the faces are still kept, and are as `ignored` says now.")
    ignored: bool


class ForgottenAnswer(BaseModel):
    collection: str
    erased: int = Field(description="How many faces were there and were erased.")


def unknown_answer(
    collection: str, keep_days: int | None, groups: Sequence[UnknownGroup], ignored_faces: int, limit: int
) -> UnknownAnswer:
    return UnknownAnswer(
        collection=collection,
        keep_days=keep_days,
        faces=sum(len(group.faces) for group in groups),
        ignored_faces=ignored_faces,
        groups=[_group(group) for group in groups[:limit]],
        more_groups=len(groups) > limit,
    )


def assigned_answer(subject: Subject, added: Sequence[EnrolledPhoto]) -> AssignedAnswer:
    ids = [one.face.id for one in added]
    return AssignedAnswer(subject=subject.id, name=subject.name or None, collection=subject.collection, face_ids=ids)


def _group(group: UnknownGroup) -> UnknownGroupAnswer:
    moments = [face.seen_at for face in group.faces]
    return UnknownGroupAnswer(
        faces=[_face(face) for face in group.faces], first_seen=min(moments), last_seen=max(moments)
    )


def _face(face: UnknownFace) -> UnknownFaceAnswer:
    return UnknownFaceAnswer(id=face.id, seen_at=face.seen_at, quality=round(face.quality.score, 1))
