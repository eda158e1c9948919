"""Erases one face with the subject that only held it, and subjects without a face: no other face goes with them."""

from __future__ import annotations

from vultus.errors import FaceNotFound
from vultus.storage import collections as c
from vultus.storage import faces as f
from vultus.storage import subjects as s
from vultus.storage.audit import Act, record
from vultus.storage.database import Database
from vultus.storage.erasure_ledger.ledger import Erasure, ErasureLedger, Made
from vultus.storage.erasure_ledger.noted import erasing
from vultus.storage.lifetimes.erasures import PhotoKeys, erase_faces, erase_subject


class Emptying:
    """Every method is one transaction; it may raise StorageFailed."""

    def __init__(self, database: Database, act: Act | None = None, ledger: ErasureLedger | None = None) -> None:
        """ledger: has a line of each erasure before it is done; None: none is kept."""
        self._database, self._act, self._ledger = database, act, ledger

    def erase_face(self, collection: str, subject_id: str, face_id: str) -> PhotoKeys:
        """Erase a face of a subject, and the subject when it has no other. The keys of photos that no face uses now.

        Raises: CollectionNotFound, SubjectNotFound, FaceNotFound (also where the face is another subject's by now).
        """
        with erasing(self._database, self._ledger) as (connection, note):
            row = c.collection_row(connection, collection, lock=True)
            subject = s.subject_row(connection, row, subject_id)
            held = f.face_ids(connection, lambda faces: faces.c.subject_pk == subject.pk)
            if face_id not in held:
                raise FaceNotFound("the subject has no face of this id; list its faces")
            made = Made(collection, row.created_at)
            if len(held) == 1:
                gone, orphans = erase_subject(connection, row, subject)
                record(connection, self._act, "subject.erase", collection=collection, objects=gone)
                note(Erasure("subject", made, Made(subject.id, subject.created_at), gone))
            else:
                gone, orphans = erase_faces(connection, row.pk, lambda faces: faces.c.id == face_id)
                record(connection, self._act, "face.erase", collection=collection, objects=gone)
                note(Erasure("face", made, faces=gone))
        return orphans

    def remove(self, collection: str, subject_id: str) -> bool:
        """Erase a subject that has no face; False where it has one, and then nothing is changed.

        Raises: CollectionNotFound, SubjectNotFound.
        """
        with erasing(self._database, self._ledger) as (connection, note):
            row = c.collection_row(connection, collection, lock=True)
            subject = s.subject_row(connection, row, subject_id)
            if f.face_ids(connection, lambda faces: faces.c.subject_pk == subject.pk):
                return False
            erase_subject(connection, row, subject)
            record(connection, self._act, "subject.erase", collection=collection, objects=())
            note(Erasure("subject", Made(collection, row.created_at), Made(subject.id, subject.created_at)))
        return True
