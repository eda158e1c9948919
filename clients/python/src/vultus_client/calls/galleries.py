"""Collections, their policies, subjects and faces."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

from vultus_client.request import (
    Call,
    Defaults,
    Page,
    body_of,
    bytes_of,
    list_of,
    page_of,
    path_of,
    query_of,
    record_of,
)
from vultus_client.results.galleries import (
    Collection,
    DeletedCollection,
    DeletedFace,
    DeletedSubject,
    Face,
    Subject,
)


class PolicyChanges(TypedDict, total=False):
    """Policies of a collection; None takes one away."""

    min_quality: float | None
    target_fmr: float | None
    target_fpir: float | None
    store_photos: bool | None
    retention_days: int | None
    liveness: Literal["report", "require"] | None
    keep_unknown_days: int | None


def list_collections(defaults: Defaults) -> Call[tuple[Collection, ...]]:
    """The collections that the key may use."""
    return Call(method="GET", path="/collections", read=list_of(Collection, "collections"))


def get_collection(defaults: Defaults, collection: str | None = None) -> Call[Collection]:
    """One collection, with its size, how it is searched, and its policies."""
    return Call(method="GET", path=_collection(defaults, collection), read=record_of(Collection))


def create_collection(
    defaults: Defaults, collection: str, *, model: str | None = None, policies: PolicyChanges | None = None
) -> Call[Collection]:
    """Create a collection; one that is there with this model and these policies is returned as it is."""
    path = path_of("collections", collection)
    return Call(method="PUT", path=path, read=record_of(Collection), body=body_of(model=model, policies=policies))


def set_policies(defaults: Defaults, policies: PolicyChanges, *, collection: str | None = None) -> Call[Collection]:
    """Change policies of a collection: what is not named stays, None takes one away. Needs the scope `admin`."""
    path = _collection(defaults, collection)
    return Call(method="PATCH", path=path, read=record_of(Collection), body=body_of(policies=policies))


def erase_collection(defaults: Defaults, collection: str) -> Call[DeletedCollection]:
    """Erase a collection with all its subjects, faces and photos."""
    path = path_of("collections", collection)
    return Call(method="DELETE", path=path, read=record_of(DeletedCollection), repeatable=False)


def list_subjects(
    defaults: Defaults,
    *,
    query: str | None = None,
    sort: Literal["id", "name", "newest"] | None = None,
    collection: str | None = None,
    page_size: int | None = None,
) -> Call[Page[Subject]]:
    """All subjects, sorted by id by default; with query those whose id begins with it, or whose name contains it."""
    wanted = query_of(q=query, sort=sort, limit=page_size)
    path = f"{_collection(defaults, collection)}/subjects"
    return Call(method="GET", path=path, read=page_of(Subject, "subjects"), query=wanted)


def get_subject(defaults: Defaults, subject: str, *, collection: str | None = None) -> Call[Subject]:
    """One subject."""
    return Call(method="GET", path=subject_path(defaults, collection, subject), read=record_of(Subject))


def update_subject(
    defaults: Defaults,
    subject: str,
    *,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    expires_at: datetime | None = None,
    never_expires: bool = False,
    cover_face: str | None = None,
    collection: str | None = None,
) -> Call[Subject]:
    """Change name (an empty one removes it), metadata, expiry or cover face; what is left out stays.

    cover_face: an empty text: the face of the best quality again.
    """
    moment = "" if never_expires else expires_at
    body = body_of(name=name, metadata=metadata, expires_at=moment, cover_face=cover_face)
    path = subject_path(defaults, collection, subject)
    return Call(method="PATCH", path=path, read=record_of(Subject), body=body)


def erase_subject(defaults: Defaults, subject: str, *, collection: str | None = None) -> Call[DeletedSubject]:
    """Erase a person: faces, embeddings, and photos that no one else uses. The result is the receipt."""
    path = subject_path(defaults, collection, subject)
    return Call(method="DELETE", path=path, read=record_of(DeletedSubject), repeatable=False)


def export_subject(defaults: Defaults, subject: str, *, collection: str | None = None) -> Call[bytes]:
    """All that is held on a person, as a zip. Needs the scope `admin`."""
    return Call(method="GET", path=f"{subject_path(defaults, collection, subject)}/export", read=bytes_of)


def subject_faces(defaults: Defaults, subject: str, *, collection: str | None = None) -> Call[tuple[Face, ...]]:
    """The enrolled faces of a subject, oldest first."""
    path = f"{subject_path(defaults, collection, subject)}/faces"
    return Call(method="GET", path=path, read=list_of(Face, "faces"))


def list_faces(defaults: Defaults, *, collection: str | None = None, page_size: int | None = None) -> Call[Page[Face]]:
    """All faces of a collection, in the order of their enrolment."""
    path = f"{_collection(defaults, collection)}/faces"
    return Call(method="GET", path=path, read=page_of(Face, "faces"), query=query_of(limit=page_size))


def get_face(defaults: Defaults, face_id: str) -> Call[Face]:
    """One enrolled face."""
    return Call(method="GET", path=path_of("faces", face_id), read=record_of(Face))


def get_photo(defaults: Defaults, face_id: str) -> Call[bytes]:
    """The stored photo of a face, a JPEG of at most 512 pixels on its long side."""
    return Call(method="GET", path=f"{path_of('faces', face_id)}/photo", read=bytes_of)


def get_crop(defaults: Defaults, face_id: str, *, size: int | None = None) -> Call[bytes]:
    """The face alone, a square JPEG. size: width and height, 32 to 512 pixels."""
    query = query_of(crop="face", size=size)
    return Call(method="GET", path=f"{path_of('faces', face_id)}/photo", read=bytes_of, query=query)


def erase_face(defaults: Defaults, face_id: str) -> Call[DeletedFace]:
    """Erase one face, and its photo when no other face uses it."""
    return Call(method="DELETE", path=path_of("faces", face_id), read=record_of(DeletedFace), repeatable=False)


def subject_path(defaults: Defaults, collection: str | None, subject: str) -> str:
    """The path of a subject."""
    return f"{_collection(defaults, collection)}{path_of('subjects', subject)}"


def _collection(defaults: Defaults, collection: str | None) -> str:
    return path_of("collections", defaults.collection if collection is None else collection)
