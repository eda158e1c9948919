"""Correct who is who: rename a subject, merge two, move a face, and undo each while its time lasts."""

from __future__ import annotations

from dataclasses import replace

from vultus.records.answers import ChangedSubject, MovedFace, Undone
from vultus.records.cautions import Caution
from vultus.service.context import ServiceContext
from vultus.service.likeness import id_cautions


class SubjectCorrections:
    """Changes which subject a face belongs to; nothing is erased. The next search sees it."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def rename(self, collection: str, subject: str, new_id: str) -> ChangedSubject:
        """Give a subject another id. Raises CollectionNotFound, SubjectNotFound, SubjectExists, InvalidRequest."""
        changed = self._context.gallery.corrections.rename(
            collection, subject, new_id, undo_for=self._context.policy.undo_for
        )
        return replace(changed, cautions=self._alike(collection, changed.subject.id))

    def merge(self, collection: str, subject: str, into: str) -> ChangedSubject:
        """Move all faces of a subject to another one, which stays. See `storage.corrections`.

        Raises CollectionNotFound, SubjectNotFound, InvalidRequest.
        """
        return self._context.gallery.corrections.merge(
            collection, subject, into, undo_for=self._context.policy.undo_for
        )

    def move(self, face_id: str, subject: str) -> MovedFace:
        """Move a face to a subject of its collection, made when new. Raises FaceNotFound, InvalidRequest."""
        moved = self._context.gallery.corrections.move(face_id, subject, undo_for=self._context.policy.undo_for)
        return (
            replace(moved, cautions=self._alike(moved.face.collection, moved.face.subject)) if moved.created else moved
        )

    def _alike(self, collection: str, new_id: str) -> tuple[Caution, ...]:
        return id_cautions(self._context.gallery, self._context.act, collection, [new_id])

    def collection_of(self, undo_id: str) -> str:
        """The collection of a change that can still be undone. Raises NotFound."""
        return self._context.gallery.corrections.collection_of(undo_id)

    def undo(self, undo_id: str) -> Undone:
        """Undo a change once, as a whole. Raises NotFound, UndoNotPossible."""
        return self._context.gallery.corrections.undo(undo_id)
