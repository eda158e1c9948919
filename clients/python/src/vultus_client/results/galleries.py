"""Results about collections, subjects and faces, and their corrections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vultus_client.results.faces import Caution, FacialArea, Photo
from vultus_client.results.record import Record


@dataclass(frozen=True, kw_only=True)
class SearchState(Record):
    """How a collection is searched just now. recall: the share of probes whose most similar subject is found.

    terms_behind: faces that came and went since all scores were made relative anew, where the database searches.
    """

    kind: str
    recall: float
    recall_mated: float
    recall_non_mated: float
    indexed_faces: int
    candidates: int
    building: bool
    terms_behind: int


@dataclass(frozen=True, kw_only=True)
class Policies(Record):
    """Limits that a collection sets to its requests; None: no policy."""

    min_quality: float | None
    target_fmr: float | None
    target_fpir: float | None
    store_photos: bool
    retention_days: int | None
    liveness: str | None
    keep_unknown_days: int | None


@dataclass(frozen=True, kw_only=True)
class Collection(Record):
    """A named gallery, bound to one recognition model."""

    collection: str
    model: str
    dimension: int
    subjects: int
    faces: int
    created_at: datetime
    search: SearchState
    policies: Policies


@dataclass(frozen=True, kw_only=True)
class Subject(Record):
    """A person. faces, photos: how many. expires_at: when it is erased; None: never, by itself.

    cover_face: the face to show it by; None where no photo is kept.
    """

    subject: str
    collection: str
    name: str | None
    metadata: Mapping[str, Any]
    faces: int
    photos: int
    cover_face: str | None
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Face(Record):
    """An enrolled face. Area, confidence and quality are None for one that was enrolled by its embedding."""

    face_id: str
    subject: str
    collection: str
    facial_area: FacialArea | None
    face_confidence: float | None
    quality: Mapping[str, float] | None
    quality_version: int | None
    photo: Photo | None
    model_id: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Removed(Record):
    """How many faces and photos an erasure removed. photos_left: those that the service has yet to remove."""

    faces: int
    photos: int
    photos_left: int = 0


@dataclass(frozen=True, kw_only=True)
class RemovedSubjects(Removed):
    """How much the erasure of a collection removed."""

    subjects: int


@dataclass(frozen=True, kw_only=True)
class DeletedCollection(Record):
    """The receipt of an erased collection."""

    collection: str
    deleted: RemovedSubjects


@dataclass(frozen=True, kw_only=True)
class DeletedSubject(Record):
    """The receipt of an erased subject. other_spellings: ids that are the same text, and are still enrolled."""

    subject: str
    deleted: Removed
    other_spellings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DeletedFace(Record):
    """The receipt of an erased face."""

    face_id: str
    deleted: Removed


@dataclass(frozen=True, kw_only=True)
class Undo(Record):
    """`client.undo(id)` undoes the change, once, until then."""

    id: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class RenamedSubject(Subject):
    """A subject by its new id."""

    undo: Undo
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MergedSubject(Subject):
    """The subject that has all faces now. moved: how many came to it."""

    moved: int
    undo: Undo


@dataclass(frozen=True, kw_only=True)
class MovedFace(Face):
    """A face with its new subject. created: whether the subject is new."""

    created: bool
    undo: Undo
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Undone(Record):
    """What was undone, and the subject that has its id or its faces again. moved: how many faces came back.

    other: the subject that had the faces meanwhile; of a rename, the id that it had meanwhile.
    """

    undone: str
    subject: Subject
    moved: int
    other: str
