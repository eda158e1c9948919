"""Reads all that is held on one subject, for an export of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from vultus.records.seen import Float32
from vultus.records.stored import AuditLine, Collection, EnrolledFace, Subject
from vultus.storage import collections as c
from vultus.storage import faces as f
from vultus.storage import subjects as s
from vultus.storage import tables as t
from vultus.storage.audit import Audit, AuditFilter
from vultus.storage.database import Database
from vultus.storage.subject_lists.subject_pages import select_subject

EMBEDDINGS_AT_ONCE = 100
LINES_AT_ONCE = 500


@dataclass(frozen=True)
class UndoEntry:
    """What is kept of a change until it can no longer be undone: see `corrections/undo_log.py`."""

    id: str
    kind: str
    until: datetime
    removed: dict[str, Any]


@dataclass(frozen=True)
class HeldEmbedding:
    """One embedding of a face, (D,) float32, and what made it."""

    face_id: str
    model_id: str
    pipeline_version: int
    embedding: Float32


@dataclass(frozen=True)
class Holdings:
    """A subject as of one moment. What is large is read afterwards, by `HoldingsReader`. number: of the subject."""

    number: int
    collection: Collection
    subject: Subject
    faces: tuple[EnrolledFace, ...]
    undo: tuple[UndoEntry, ...]


class HoldingsReader:
    """Every step is one transaction and may raise StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, collection: str, subject_id: str) -> Holdings:
        """Raises: CollectionNotFound, SubjectNotFound."""
        with self._database.reading() as connection:
            row = c.collection_row(connection, collection)
            pk = s.subject_row(connection, row, subject_id).pk
            return Holdings(
                pk,
                c.collection_of(row),
                select_subject(connection, row, subject_id),
                f.select_subject_faces(connection, pk),
                tuple(_undo_entries(connection, pk)),
            )

    def embeddings(self, held: Holdings) -> Iterator[HeldEmbedding]:
        """Of all faces that are still there, in the order of the faces, in each space of the collection."""
        for slot in range(len(t.SLOTS)):
            after: int | None = 0
            while after is not None:
                with self._database.reading() as connection:
                    rows = _embeddings(connection, held.number, slot, after)
                for row in rows:
                    yield HeldEmbedding(row.id, row.model_id, row.pipeline_version, row.embedding)
                after = rows[-1].pk if len(rows) == EMBEDDINGS_AT_ONCE else None

    def audit_lines(self, held: Holdings) -> Iterator[AuditLine]:
        """The lines that name a face of the subject, newest first. Raises: SubjectNotFound, when it is gone by now."""
        wanted, before = AuditFilter(subject=(held.collection.name, held.subject.id)), None
        while True:
            lines = Audit(self._database).page(wanted, before=before, limit=LINES_AT_ONCE)
            yield from lines
            if len(lines) < LINES_AT_ONCE:
                return
            before = lines[-1].number


def _undo_entries(connection: Connection, subject_pk: int) -> Iterator[UndoEntry]:
    """The entries that name the subject or one of its faces."""
    log, named = t.undo_log.c, t.undo_faces.c
    its_faces = (
        select(named.undo_pk).join(t.faces, t.faces.c.pk == named.face_pk).where(t.faces.c.subject_pk == subject_pk)
    )
    about = or_(log.subject_pk == subject_pk, log.other_pk == subject_pk, log.pk.in_(its_faces))
    for row in connection.execute(select(t.undo_log).where(about).order_by(log.pk)):
        yield UndoEntry(row.id, row.kind, row.until, json.loads(row.payload))


def _embeddings(connection: Connection, subject_pk: int, slot: int, after: int) -> list[Row[Any]]:
    """Some embeddings in a slot, with the model that its space is of."""
    faces, (table, _), own, other = t.faces.c, t.SLOTS[slot], t.collections.c, t.other_spaces.c
    in_use = connection.execute(
        select(own.space, own.model_id, own.pipeline_version)
        .join(t.subjects, t.subjects.c.collection_pk == own.pk)
        .where(t.subjects.c.pk == subject_pk)
    ).one_or_none()
    if in_use is None:
        return []
    if t.slot_of(in_use.space) == slot:
        source, columns = t.collections, (own.model_id, own.pipeline_version)
        joined = own.pk == faces.collection_pk
    else:
        source, columns = t.other_spaces, (other.model_id, other.pipeline_version)
        joined = other.collection_pk == faces.collection_pk
    statement = (
        select(faces.pk, faces.id, table.c.embedding, *columns)
        .join(table, table.c.face_pk == faces.pk)
        .join(source, joined)
        .where(faces.subject_pk == subject_pk, faces.pk > after)
    )
    return list(connection.execute(statement.order_by(faces.pk).limit(EMBEDDINGS_AT_ONCE)))
