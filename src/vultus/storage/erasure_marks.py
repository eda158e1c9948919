"""Marks of erasures, so that an enrolment that was under way meanwhile brings nobody back, whichever process does what.

Each erasure has a number. A mark keeps the number of the last erasure of those subjects whose digests fall into its
bucket: it names nobody, and there are at most BUCKETS. Two subjects in one bucket cost a caller at worst one refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import Connection, bindparam, func, insert, select, update

from vultus.identifiers import canonical
from vultus.storage import tables as t

BUCKETS = 1 << 20
_M = t.erasure_marks.c
_LATEST = select(func.coalesce(func.max(_M.number), 0))
_SINCE = (
    select(_M.bucket)
    .where(_M.bucket.in_(bindparam("buckets", expanding=True)), _M.number > bindparam("number"))
    .limit(1)
)


def latest_erasure(connection: Connection) -> int:
    """The number of the last erasure, 0 before the first."""
    number: int = connection.execute(_LATEST).scalar_one()
    return number


def mark_erased(connection: Connection, collection: str, subject_id: str | None = None) -> None:
    """Note that a subject, or with None the whole collection, is being erased. In the transaction of the erasure."""
    values = {"bucket": _bucket(collection, subject_id), "number": latest_erasure(connection) + 1}
    marks = t.erasure_marks
    changed = connection.execute(update(marks).where(marks.c.bucket == values["bucket"]).values(values)).rowcount
    if not changed:  # erasures come one after the other: nobody else makes the mark meanwhile
        connection.execute(insert(marks).values(values))


def erased_since(connection: Connection, number: int, collection: str, subject_id: str | None) -> bool:
    """Whether the subject or its collection was erased after that erasure, or, seldom, another subject."""
    buckets = {_bucket(collection, None), _bucket(collection, subject_id)}
    return connection.execute(_SINCE, {"buckets": list(buckets), "number": number}).first() is not None


def any_erased_since(connection: Connection, number: int, collection: str, subject_ids: Sequence[str]) -> bool:
    """The same of any of these subjects."""
    buckets = {_bucket(collection, one) for one in (None, *subject_ids)}
    return connection.execute(_SINCE, {"buckets": list(buckets), "number": number}).first() is not None


def _bucket(collection: str, subject_id: str | None) -> int:
    spelled = None if subject_id is None else canonical(subject_id)
    digest = sha256(repr((collection, spelled)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little") % BUCKETS
