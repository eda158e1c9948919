"""Who is who: rename, merge, move, undo. Not repeated after a lost answer, as the second time is refused."""

from __future__ import annotations

from vultus_client.calls.galleries import subject_path
from vultus_client.request import Call, Defaults, body_of, path_of, record_of
from vultus_client.results.galleries import MergedSubject, MovedFace, RenamedSubject, Undone


def rename_subject(
    defaults: Defaults, subject: str, new_id: str, *, collection: str | None = None
) -> Call[RenamedSubject]:
    """Give a subject another id, which must be free."""
    return Call(
        method="POST",
        path=f"{subject_path(defaults, collection, subject)}/rename",
        read=record_of(RenamedSubject),
        body=body_of(subject=new_id),
        repeatable=False,
    )


def merge_subject(defaults: Defaults, subject: str, *, into: str, collection: str | None = None) -> Call[MergedSubject]:
    """Move all faces of a subject to another one, which keeps its name and metadata; the emptied subject goes."""
    return Call(
        method="POST",
        path=f"{subject_path(defaults, collection, subject)}/merge",
        read=record_of(MergedSubject),
        body=body_of(into=into),
        repeatable=False,
    )


def move_face(defaults: Defaults, face_id: str, subject: str) -> Call[MovedFace]:
    """Move a face to another subject of its collection, created when new."""
    return Call(
        method="POST",
        path=f"{path_of('faces', face_id)}/move",
        read=record_of(MovedFace),
        body=body_of(subject=subject),
        repeatable=False,
    )


def undo(defaults: Defaults, undo_id: str) -> Call[Undone]:
    """Undo a rename, a merge or a move: once, and only while nothing of it was erased. undo_id: of its result."""
    return Call(method="POST", path=path_of("undo", undo_id), read=record_of(Undone), repeatable=False)
