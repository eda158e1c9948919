"""Correct who is who: rename a subject, merge two, move a face, and undo each while its time lasts."""

from __future__ import annotations

from vultus.records.answers import ChangedSubject, MovedFace, Undone
from vultus.service.context import ServiceContext


class SubjectCorrections:
    """Changes which subject a face belongs to; nothing is erased. The next search sees it."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def rename(self, collection: str, subject: str, new_id: str) -> ChangedSubject:
        """Give a subject another id. Raises CollectionNotFound, SubjectNotFound, SubjectExists, InvalidRequest."""
        return self._context.gallery.corrections.rename(
            collection, subject, new_id, undo_for=self._context.policy.undo_for
        )

    def merge(self, collection: str, subject: str, into: str) -> ChangedSubject:
        """Move all faces of a subject to another one, which stays. See `storage.corrections`.

        Raises CollectionNotFound, SubjectNotFound, InvalidRequest.
        """
        return self._context.gallery.corrections.merge(
            collection, subject, into, undo_for=self._context.policy.undo_for
        )

    def move(self, face_id: str, subject: str) -> MovedFace:
        """Move a face to a subject of its collection, made when new. Raises FaceNotFound, InvalidRequest."""
        return self._context.gallery.corrections.move(face_id, subject, undo_for=self._context.policy.undo_for)

    def collection_of(self, undo_id: str) -> str:
        """The collection of a change that can still be undone. Raises NotFound."""
        return self._context.gallery.corrections.collection_of(undo_id)

    def undo(self, undo_id: str) -> Undone:
        """Undo a change once, as a whole. Raises NotFound, UndoNotPossible."""
        return self._context.gallery.corrections.undo(undo_id)
