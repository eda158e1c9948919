"""The replay of a ledger: erases from a database whatever the ledger names, as after a restore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, select

from vultus.errors import NotFound
from vultus.storage import tables as t
from vultus.storage.audit import Act, Audit
from vultus.storage.database import Database
from vultus.storage.erasure_ledger.ledger import ErasureLedger, Made, hash_of_collection, hash_of_face, hash_of_subject
from vultus.storage.erasure_ledger.ledger_key import LedgerKey
from vultus.storage.gallery import Gallery
from vultus.storage.lifetimes.erasures import PhotoKeys

ROWS_AT_ONCE = 10_000
REPLAY = "erasure.replay"


@dataclass(frozen=True)
class BackAgain:
    """What a database holds although it was erased. subjects: (collection, id). faces: ids.

    faces_of_subjects: faces whose subject was erased with them; it may have had another id, or was merged, since.
    """

    collections: tuple[str, ...]
    subjects: tuple[tuple[str, str], ...]
    faces: tuple[str, ...]
    faces_of_subjects: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.collections or self.subjects or self.faces or self.faces_of_subjects)


def back_again(database: Database, ledger: ErasureLedger) -> BackAgain:
    """What is there although it was erased. Only reads. Raises StorageFailed."""
    erased, key = ledger.erased(), ledger.key
    c, s = t.collections.c, t.subjects.c
    named = select(c.name, c.created_at)
    owned = select(c.name, s.id, s.created_at).select_from(t.subjects).join(t.collections, c.pk == s.collection_pk)
    collections = [row.name for row in _rows(database, named) if _collection(key, row) in erased.collections]
    subjects = [(row.name, row.id) for row in _rows(database, owned) if _subject(key, row) in erased.subjects]
    faces: list[str] = []
    of_subjects: list[str] = []
    for row in _rows(database, select(t.faces.c.id)):
        hashed = hash_of_face(key, row.id)
        if hashed in erased.faces_of_subjects:
            of_subjects.append(row.id)
        elif hashed in erased.faces:
            faces.append(row.id)
    return BackAgain(tuple(collections), tuple(subjects), tuple(faces), tuple(of_subjects))


def replay(database: Database, ledger: ErasureLedger, act: Act) -> tuple[int, PhotoKeys]:
    """Erase what is there although it was erased. Who was enrolled again stays.

    Each erasure is a transaction with its line in the audit; one more line counts them. Safe to repeat.
    Returns how many erasures there were, and the keys of photos that no face uses any more. Raises StorageFailed.
    """
    found = back_again(database, ledger)
    if not found:
        return 0, ()
    gallery = Gallery(database).acting_as(act)  # without the ledger, which has these lines
    orphans: list[str] = []
    count = 0
    for collection in found.collections:
        orphans += gallery.delete_collection(collection)[1]
        count += 1
    for collection, subject in found.subjects:
        with suppress(NotFound):  # went with its collection
            orphans += gallery.delete_subject(collection, subject)[1]
            count += 1
    for faces, with_subject in ((found.faces, False), (found.faces_of_subjects, True)):
        for face in faces:
            with suppress(NotFound):  # went with its subject
                orphans += _erase_face(gallery, face, with_subject=with_subject)
                count += 1
    line = act.line(REPLAY)
    Audit(database).add(type(line)(line.actor, line.action, object_count=count, request_id=line.request_id))
    return count, tuple(orphans)


def _erase_face(gallery: Gallery, face_id: str, *, with_subject: bool) -> PhotoKeys:
    """Erase a face; with_subject: with its subject, when it is its last: that was erased, under another id."""
    face = gallery.face(face_id)
    if with_subject and gallery.subject(face.collection, face.subject).faces == 1:
        return gallery.delete_subject(face.collection, face.subject)[1]
    return gallery.delete_face(face_id)[1]


def _rows(database: Database, statement: Select[Any]) -> Iterator[Row[Any]]:
    with database.reading() as connection:
        yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)


def _collection(key: LedgerKey, row: Row[Any]) -> str:
    return hash_of_collection(key, Made(row.name, row.created_at))


def _subject(key: LedgerKey, row: Row[Any]) -> str:
    return hash_of_subject(key, row.name, Made(row.id, row.created_at))
