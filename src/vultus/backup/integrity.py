"""Compares rows, embeddings, codes, revisions, photos and the audit with each other. Only reads; a server may run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, case, func, select, text

from vultus.backup.seal_check import broken_seals
from vultus.errors import NotFound, StorageFailed
from vultus.search.int8_codes import empty_codes, from_blobs, quantise, to_blobs
from vultus.storage import tables as t
from vultus.storage.client_keys.aws_secrets import unreadable_secrets
from vultus.storage.database import Database
from vultus.storage.faces import referenced_photos
from vultus.storage.migrations.runner import newest_schema, schema_version
from vultus.storage.photo_records.photo_rows import on_their_way
from vultus.storage.photos import StoredPhotos
from vultus.storage.sealing.audit_chains import broken_chains
from vultus.storage.sealing.seals import trigger_names
from vultus.storage.subjects import in_chunks
from vultus.vectors import LENGTH_TOLERANCE

SHOWN = 5  # ids named in a sentence
ROWS_AT_ONCE = 2048
ERROR_TOLERANCE = 1e-4  # of the stored rounding error, which processors sum up differently
TRIGGERS = {
    "sqlite": ("audit_goes_only_by_prune", "audit_keeps_lines", "audit_keeps_numbers"),
    "postgresql": ("audit_goes_only_by_prune", "audit_keeps_lines", "audit_is_not_truncated"),
}
Kind = Literal[
    "database", "rows", "revisions", "embeddings", "codes", "photos", "unreferenced", "audit", "seals", "secrets"
]

# Each query returns the ids of the faces or entries, or the names of the collections, to which its sentence applies.
_ROW_CHECKS: tuple[tuple[Kind, str, str], ...] = (
    (
        "rows",
        "faces without an embedding",
        "SELECT faces.id FROM faces JOIN collections ON collections.pk = faces.collection_pk "
        "WHERE faces.pk NOT IN (SELECT face_pk FROM unembedded WHERE slot = space % 2) "
        "AND faces.pk NOT IN (SELECT face_pk FROM embeddings WHERE space % 2 = 0) "
        "AND faces.pk NOT IN (SELECT face_pk FROM embeddings_b WHERE space % 2 = 1)",
    ),
    (
        "rows",
        "faces with an embedding in a space that their collection does not have",
        "SELECT faces.id FROM faces JOIN collections ON collections.pk = faces.collection_pk "
        "WHERE faces.collection_pk NOT IN (SELECT collection_pk FROM other_spaces) "
        "AND (space % 2 = 0 AND faces.pk IN (SELECT face_pk FROM embeddings_b) "
        "OR space % 2 = 1 AND faces.pk IN (SELECT face_pk FROM embeddings))",
    ),
    (
        "rows",
        "faces in another collection than their subject",
        "SELECT faces.id FROM faces JOIN subjects ON subjects.pk = faces.subject_pk "
        "WHERE subjects.collection_pk <> faces.collection_pk",
    ),
    (
        "rows",
        "entries of the undo log with a face of another collection",
        "SELECT DISTINCT undo_log.id FROM undo_log JOIN undo_faces ON undo_faces.undo_pk = undo_log.pk "
        "JOIN faces ON faces.pk = undo_faces.face_pk WHERE faces.collection_pk <> undo_log.collection_pk",
    ),
    (
        "rows",
        "merges in the undo log whose subject is there all the same",
        "SELECT undo_log.id FROM undo_log JOIN subjects ON subjects.pk = undo_log.subject_pk "
        "WHERE undo_log.kind = 'subject.merge'",
    ),
    (
        "rows",
        "faces whose photo is not known to be in use",
        "SELECT faces.id FROM faces LEFT JOIN photos ON photos.sha256 = faces.photo_sha256 "
        "WHERE faces.photo_sha256 IS NOT NULL AND (photos.state IS NULL OR photos.state <> 'live')",
    ),
    (
        "rows",
        "photos that are said to be in use, and belong to no face",
        "SELECT sha256 FROM photos WHERE state = 'live' AND NOT EXISTS "
        "(SELECT 1 FROM faces WHERE faces.photo_sha256 = photos.sha256)",
    ),
    (
        "revisions",
        "faces newer than the revision of their collection, which no search would find",
        "SELECT faces.id FROM faces JOIN collections ON collections.pk = faces.collection_pk "
        "WHERE faces.revision > collections.revision OR faces.revision < 1",
    ),
    (
        "revisions",
        "collections with removals newer than their revision",
        "SELECT DISTINCT collections.name FROM removals JOIN collections ON collections.pk = removals.collection_pk "
        "WHERE removals.revision > collections.revision",
    ),
    (
        "revisions",
        "collections with a revision that two subjects share",
        "SELECT DISTINCT collections.name FROM faces JOIN collections ON collections.pk = faces.collection_pk "
        "GROUP BY faces.collection_pk, collections.name, faces.revision HAVING count(DISTINCT faces.subject_pk) > 1",
    ),
)


@dataclass(frozen=True)
class Fault:
    """One disagreement. repairable: nothing is lost by removing it, see `vultus check --repair`."""

    kind: Kind
    sentence: str
    repairable: bool = False


def faults(
    database: Database,
    photos: StoredPhotos,
    *,
    digests: bool = True,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Fault]:
    """All disagreements, those of the database first. digests: also read every photo and compare its sha256.

    report: called with how many photos were compared, and of how many.

    Raises StorageFailed, when the database cannot be read at all.
    """
    fault = _schema(database)
    if fault is not None:  # the statements below fit only the schema of this code
        yield fault
        return
    with database.reading() as connection:
        yield from _file(database, connection)
        broken = list(_seals(database, connection))
        yield from broken
    try:
        yield from _compared(database, photos, digests, report)
    except (StorageFailed, TypeError, ValueError):
        if not broken:
            raise
        yield Fault("database", "the rest could not be compared, because of these rows")


def _compared(
    database: Database, photos: StoredPhotos, digests: bool, report: Callable[[int, int], None]
) -> Iterator[Fault]:
    with database.reading() as connection:
        yield from _rows(connection)
        yield from _vectors(connection)
        yield from _audit(database, connection)
        yield from _secrets(database, connection)
    yield from _missing_photos(database, photos, digests, report)
    yield from _unreferenced(database, photos)


def unreferenced_photos(database: Database, photos: StoredPhotos) -> tuple[str, ...]:
    """The keys of stored photos that no face uses, and that are known neither to come nor to go."""
    found: list[str] = []
    for some in in_chunks(tuple(photos.keys())):
        with database.reading() as connection:
            used = referenced_photos(connection, some) | on_their_way(connection, some)
        found += (key for key in some if key not in used and photos.exists(key))  # exists: not erased meanwhile
    return tuple(found)


# --- the database -------------------------------------------------------------------------------------------------


def _schema(database: Database) -> Fault | None:
    version, newest = schema_version(database), newest_schema()
    if version == newest:
        return None
    advice = "start this Vultus once" if version < newest else "install the newer Vultus"
    return Fault("database", f"the database has schema {version}, this Vultus knows {newest}; {advice}")


def _file(database: Database, connection: Connection) -> Iterator[Fault]:
    if not database.is_undamaged(connection, thorough=True):
        yield Fault("database", "the database file is damaged; restore a backup")
    orphans = database.orphans(connection)
    if orphans:
        yield Fault("rows", f"{orphans} rows belong to nothing; restore a backup")


def _seals(database: Database, connection: Connection) -> Iterator[Fault]:
    if not database.seals_rows:
        return
    if not database.triggers(connection).issuperset(trigger_names()):
        yield Fault("seals", "changed rows are no longer sealed: a trigger is gone; restore a backup")
    for sentence in broken_seals(database, connection):
        yield Fault("seals", sentence)


def _secrets(database: Database, connection: Connection) -> Iterator[Fault]:
    unreadable = unreadable_secrets(connection, database.installation_key)
    if unreadable:
        yield Fault(
            "secrets",
            f"{len(unreadable)} access keys have a secret that this installation key does not decrypt; put the right "
            f"one back, or revoke and import them again: {_some(unreadable)}",
        )


def _rows(connection: Connection) -> Iterator[Fault]:
    for kind, sentence, query in _ROW_CHECKS:
        found = connection.scalars(text(query)).all()
        if found:
            yield Fault(kind, f"{len(found)} {sentence}: {_some(found)}")


def _vectors(connection: Connection) -> Iterator[Fault]:
    damaged, miscoded = _unsound_vectors(connection)
    if damaged:
        yield Fault("embeddings", f"{len(damaged)} embeddings are damaged; enroll anew the faces: {_some(damaged)}")
    if miscoded:
        yield Fault(
            "codes", f"{len(miscoded)} faces have search codes that are not their embedding's: {_some(miscoded)}"
        )


def _audit(database: Database, connection: Connection) -> Iterator[Fault]:
    if not database.triggers(connection).issuperset(TRIGGERS[connection.dialect.name]):
        yield Fault("audit", "the audit is no longer append-only: a trigger is gone; restore a backup")
    broken = list(broken_chains(connection))
    yield from (Fault("audit", f"{sentence}, so the audit is not what was written") for sentence in broken[:SHOWN])
    if len(broken) > SHOWN:
        yield Fault("audit", f"{len(broken) - SHOWN} more lines of the audit do not fit their chains")
    if connection.dialect.name != "sqlite":  # a write that is undone leaves a gap in the numbers of PostgreSQL
        return
    pk = t.audit.c.pk  # numbers are given without gaps, and a prune removes only the oldest
    numbers = select(func.count(), func.min(pk), func.coalesce(func.max(pk) - func.min(pk) + 1, 0))
    count, first, span = connection.execute(numbers).one()
    kept_from = connection.execute(select(func.coalesce(func.max(t.audit.c.kept_from), 1))).scalar_one()
    if count and first > kept_from:
        yield Fault("audit", f"{first - kept_from} lines are missing from the beginning of the audit")
    if count != span:
        yield Fault("audit", f"{span - count} lines are missing from the middle of the audit")


# --- photos -------------------------------------------------------------------------------------------------------


def _missing_photos(
    database: Database, photos: StoredPhotos, digests: bool, report: Callable[[int, int], None]
) -> Iterator[Fault]:
    with database.reading() as connection:
        columns = (t.faces.c.id, t.faces.c.photo_sha256, t.faces.c.photo_bytes)
        kept = t.faces.c.photo_sha256.is_not(None)
        rows: Sequence[Any] = connection.execute(select(*columns).where(kept)).all()
    for place, row in enumerate(rows):
        report(place, len(rows))
        problem = _photo_problem(row, photos, digests)
        if problem and _is_there(database, row.id):  # not erased since
            yield Fault("photos", f"the photo of face {row.id} {problem}; restore a backup, or erase the face")


def _photo_problem(row: Row[Any], photos: StoredPhotos, digests: bool) -> str | None:
    size = photos.size(row.photo_sha256)
    if size is None:
        return "is missing"
    if size != row.photo_bytes:
        return f"has {size} bytes instead of {row.photo_bytes}"
    if not digests:
        return None
    try:
        photos.get(row.photo_sha256)
    except NotFound:
        return "is missing"
    except StorageFailed:
        return "is damaged"
    return None


def _is_there(database: Database, face_id: str) -> bool:
    with database.reading() as connection:
        return connection.execute(select(t.faces.c.pk).where(t.faces.c.id == face_id)).first() is not None


def _unreferenced(database: Database, photos: StoredPhotos) -> Iterator[Fault]:
    keys = unreferenced_photos(database, photos)
    if keys:
        sentence = f"{len(keys)} stored photos belong to no face; remove them by: vultus check --repair"
        yield Fault("unreferenced", sentence, repairable=True)


def _some(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
    return ", ".join(ids[:SHOWN]) + more


# --- embeddings and codes -----------------------------------------------------------------------------------------


def _unsound_vectors(connection: Connection) -> tuple[list[str], list[str]]:
    """The ids of faces whose embedding is damaged, and of those whose codes do not match their embedding."""
    damaged: list[str] = []
    miscoded: list[str] = []
    for rows in chain.from_iterable(_embedded(connection, slot).partitions(ROWS_AT_ONCE) for slot in (0, 1)):
        good = [row for row in rows if _is_unit(row)]
        damaged += [row.id for row in rows if not _is_unit(row)]
        coded = (row for row in good if row.codes is not None)  # without codes: the search computes them
        for dimension, some in groupby(coded, key=lambda row: row.dimension):
            miscoded += _miscoded(list(some), dimension)
    return damaged, miscoded


def _embedded(connection: Connection, slot: int) -> Any:
    """The embeddings in a slot, which are of the collection's own space or of the one beside it."""
    f, (e, codes), other = t.faces, t.SLOTS[slot], t.other_spaces
    own = t.collections.c.space % len(t.SLOTS) == slot
    dimension = case((own, t.collections.c.dimension), else_=other.c.dimension)
    statement = (
        select(f.c.id, e.c.embedding, codes.c.codes, dimension.label("dimension"))
        .join(e, e.c.face_pk == f.c.pk)
        .join(t.collections, t.collections.c.pk == f.c.collection_pk)
        .outerjoin(other, other.c.collection_pk == t.collections.c.pk)
        .outerjoin(codes, codes.c.face_pk == f.c.pk)
        .where(own | other.c.dimension.is_not(None))
        .order_by(f.c.pk)
    )
    return connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)


def _is_unit(row: Row[Any]) -> bool:
    vector: NDArray[np.float32] = row.embedding
    return len(vector) == row.dimension and abs(float(np.linalg.norm(vector)) - 1) <= LENGTH_TOLERANCE


def _miscoded(rows: Sequence[Row[Any]], dimension: int) -> Iterator[str]:
    wanted = quantise(np.stack([row.embedding for row in rows]))
    length = len(to_blobs(wanted)[0])
    yield from (row.id for row in rows if len(row.codes) != length)
    held, blank = empty_codes(len(rows), dimension), bytes(length)
    from_blobs([row.codes if len(row.codes) == length else blank for row in rows], dimension, held, 0)
    same = (held.values == wanted.values).all(axis=1) & (held.scales == wanted.scales)
    same &= np.abs(held.errors - wanted.errors) <= ERROR_TOLERANCE
    yield from (row.id for row, fits in zip(rows, same, strict=True) if not fits and len(row.codes) == length)
