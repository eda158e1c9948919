"""SimilarPairStore: pairs of subjects that may be one person, as the last search found them, and those dismissed.

A pair belongs to its subjects and faces: it goes when one of them is erased or merged, and is not listed while one of
the faces belongs to another subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, exists, insert, select

from vultus.errors import InvalidRequest
from vultus.records.review import PairedSubject, SimilarFaces, SimilarPair
from vultus.storage import tables as t
from vultus.storage.audit import Act, record
from vultus.storage.collections import collection_row
from vultus.storage.database import Database
from vultus.storage.subjects import in_chunks, is_over, subject_row

DISMISS, RECALL = "duplicates.dismiss", "duplicates.recall"  # in the audit
_P, _D = t.similar_pairs.c, t.dismissed_pairs.c
_IS_DISMISSED = exists().where(_D.first_pk == _P.first_pk, _D.second_pk == _P.second_pk)


class SimilarPairStore:
    """Every method is one transaction and may raise StorageFailed and CollectionNotFound."""

    def __init__(self, database: Database, act: Act | None = None) -> None:
        self._database, self._act = database, act

    def replace(self, collection: str, found: Sequence[SimilarFaces]) -> None:
        """Store what a search found, in place of what one before did; pairs whose faces are gone are left out."""
        with self._database.writing() as connection:
            collection_pk = collection_row(connection, collection, lock=True).pk
            connection.execute(delete(t.similar_pairs).where(_P.collection_pk == collection_pk))
            rows = _rows(connection, collection_pk, found)
            if rows:
                connection.execute(insert(t.similar_pairs), rows)

    def page(self, collection: str, *, limit: int) -> tuple[SimilarPair, ...]:
        """At most `limit` pairs that were not dismissed, the most alike first."""
        first, second = t.subjects.alias(), t.subjects.alias()
        first_face, second_face = t.faces.alias(), t.faces.alias()
        statement = (
            select(t.similar_pairs, first.c.id, first.c.name, first.c.expires_at, first_face.c.id.label("first_face"))
            .add_columns(second.c.id.label("other_id"), second.c.name.label("other_name"))
            .add_columns(second.c.expires_at.label("other_expires_at"), second_face.c.id.label("second_face"))
            .join(first, first.c.pk == _P.first_pk)
            .join(second, second.c.pk == _P.second_pk)
            .join(first_face, (first_face.c.pk == _P.first_face_pk) & (first_face.c.subject_pk == _P.first_pk))
            .join(second_face, (second_face.c.pk == _P.second_face_pk) & (second_face.c.subject_pk == _P.second_pk))
            .order_by(_P.score.desc(), _P.pk)
        )
        with self._database.reading() as connection:
            row = collection_row(connection, collection)
            rows = connection.execute(statement.where(_P.collection_pk == row.pk, ~_IS_DISMISSED)).all()
        living = [row for row in rows if not (is_over(row.expires_at) or is_over(row.other_expires_at))]
        return tuple(map(_pair, living[:limit]))

    def dismissed(self, collection: str) -> frozenset[frozenset[str]]:
        """The ids of the subjects of each pair that was dismissed."""
        first, second = t.subjects.alias(), t.subjects.alias()
        statement = select(first.c.id, second.c.id.label("other")).select_from(
            t.dismissed_pairs.join(first, first.c.pk == _D.first_pk).join(second, second.c.pk == _D.second_pk)
        )
        with self._database.reading() as connection:
            row = collection_row(connection, collection)
            found = connection.execute(statement.where(first.c.collection_pk == row.pk))
            return frozenset(frozenset((one.id, one.other)) for one in found)

    def dismiss(self, collection: str, subject: str, other: str, *, dismissed: bool) -> None:
        """Say that two subjects are different people, so that they are not listed again; or take that back.

        Raises: SubjectNotFound, InvalidRequest (one subject given twice).
        """
        with self._database.writing() as connection:
            row = collection_row(connection, collection, lock=True)
            pks = sorted(subject_row(connection, row, one).pk for one in (subject, other))
            if pks[0] == pks[1]:
                raise InvalidRequest("both ids are of one subject; send the ids of two")
            same = (_D.first_pk == pks[0], _D.second_pk == pks[1])
            known = connection.execute(select(_D.first_pk).where(*same)).first() is not None
            if known == dismissed:
                return
            if dismissed:
                values = {"first_pk": pks[0], "second_pk": pks[1], "at": datetime.now(UTC)}
                connection.execute(insert(t.dismissed_pairs).values(values))
            else:
                connection.execute(delete(t.dismissed_pairs).where(*same))
            faces = connection.scalars(select(t.faces.c.id).where(t.faces.c.subject_pk.in_(pks)).order_by(t.faces.c.pk))
            record(connection, self._act, DISMISS if dismissed else RECALL, collection=collection, objects=faces.all())


def _rows(connection: Connection, collection_pk: int, found: Sequence[SimilarFaces]) -> list[dict[str, Any]]:
    f = t.faces.c
    faces: dict[str, Row[Any]] = {}
    for some in in_chunks([face_id for one in found for face_id in one.face_ids]):
        statement: Select[Any] = select(f.id, f.pk, f.subject_pk).where(
            f.id.in_(some), f.collection_pk == collection_pk
        )
        faces.update((row.id, row) for row in connection.execute(statement))
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for one in found:
        if not all(face_id in faces for face_id in one.face_ids):
            continue
        first, second = sorted(map(faces.__getitem__, one.face_ids), key=lambda face: int(face.subject_pk))
        if first.subject_pk != second.subject_pk:  # a face may have moved meanwhile
            rows.setdefault((first.subject_pk, second.subject_pk), _values(collection_pk, first, second, one))
    return list(rows.values())


def _values(collection_pk: int, first: Row[Any], second: Row[Any], one: SimilarFaces) -> dict[str, Any]:
    return {
        "collection_pk": collection_pk,
        "first_pk": first.subject_pk,
        "second_pk": second.subject_pk,
        "first_face_pk": first.pk,
        "second_face_pk": second.pk,
        "similarity": one.similarity,
        "score": one.score,
        "threshold": one.threshold,
        "above": int(one.above),
    }


def _pair(row: Row[Any]) -> SimilarPair:
    subjects = (
        PairedSubject(row.id, row.name or None, row.first_face),
        PairedSubject(row.other_id, row.other_name or None, row.second_face),
    )
    return SimilarPair(subjects, row.similarity, row.score, row.threshold, bool(row.above))
