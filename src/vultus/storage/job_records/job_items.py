"""SQL of the outcomes of a job's photos, on an open connection; transactions are `jobs.py` and those of erasures.

An outcome names a subject and a file, whose name often is a person's. So the lines about a person go in the transaction
that erases the person, and those of a collection with the collection; a job counts them as erased. They are deleted and
not blanked: a row that was changed from outside can be deleted, so that an erasure always succeeds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from vultus.identifiers import canonical
from vultus.records.stored import ItemOutcome, JobItem
from vultus.storage import tables as t
from vultus.storage.subjects import in_chunks

ROW = t.job_items.c


def insert_items(connection: Connection, job_pk: int, items: Sequence[JobItem]) -> None:
    """Add outcomes, in the transaction that stores the progress."""
    if items:
        connection.execute(insert(t.job_items), [_values(job_pk, item) for item in items])


def select_items(
    connection: Connection, job_pk: int, *, after: int, limit: int, outcome: ItemOutcome | None = None
) -> tuple[JobItem, ...]:
    """At most `limit` outcomes in the order of the photos, those of a higher number than `after`."""
    statement = select(t.job_items).where(ROW.job_pk == job_pk, ROW.number > after).order_by(ROW.number).limit(limit)
    if outcome is not None:
        statement = statement.where(ROW.outcome == outcome)
    return tuple(_item(row) for row in connection.execute(statement))


def count_items(connection: Connection, job_pk: int) -> Mapping[str, int]:
    """How many photos had which outcome."""
    statement = select(ROW.outcome, func.count()).where(ROW.job_pk == job_pk).group_by(ROW.outcome)
    return {outcome: int(count) for outcome, count in connection.execute(statement)}


def forget_subject(connection: Connection, collection: str, subject_id: str) -> None:
    """Delete the outcomes that name a subject of a collection."""
    names = sorted({subject_id, canonical(subject_id)})
    _forget(connection, ROW.subject.in_(names) & ROW.job_pk.in_(_jobs_of(collection)))


def forget_faces(connection: Connection, face_ids: Sequence[str]) -> None:
    """Delete the outcomes that name one of these faces."""
    for some in in_chunks(face_ids):
        _forget(connection, ROW.face_id.in_(some))


def forget_collection(connection: Connection, collection: str) -> None:
    """Delete all outcomes of the jobs of a collection."""
    _forget(connection, ROW.job_pk.in_(_jobs_of(collection)))


def _forget(connection: Connection, condition: Any) -> None:
    connection.execute(delete(t.job_items).where(condition))


def _jobs_of(collection: str) -> Any:
    return select(t.jobs.c.pk).where(t.jobs.c.collection == collection)


def _values(job_pk: int, item: JobItem) -> dict[str, Any]:
    return {
        "job_pk": job_pk,
        "number": item.number,
        "file": item.file,
        "subject": item.subject,
        "outcome": item.outcome,
        "face_id": item.face_id,
        "error": item.error,
        "detail": item.detail,
        "cautions": json.dumps(item.cautions),
    }


def _item(row: Row[Any]) -> JobItem:
    said = (row.outcome, row.face_id, row.error, row.detail)
    return JobItem(row.number, row.file, row.subject, *said, tuple(json.loads(row.cautions)))
