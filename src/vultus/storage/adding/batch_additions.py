"""Adds faces of many people in one transaction, with a few statements for all of them: for imports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row

from vultus.errors import CollectionNotFound, SubjectErased
from vultus.identifiers import canonical
from vultus.records.decisions import Decision
from vultus.records.stored import NewFace
from vultus.storage import collections as c
from vultus.storage import faces as f
from vultus.storage import subjects as s
from vultus.storage.adding.additions import Beginning, photo_keys_of
from vultus.storage.audit import Act, record
from vultus.storage.database import Database
from vultus.storage.erasure_marks import any_erased_since, latest_erasure
from vultus.storage.photo_records import photo_rows

Source = tuple[str, str]
"""The id of a subject, and the sha256 of a photo as it was sent."""


@dataclass(frozen=True)
class NewOfPerson:
    """A face to add. name, metadata: of its subject; replaced when given."""

    subject_id: str
    face: NewFace
    name: str | None = None
    metadata: Mapping[str, Any] | None = None


class BatchAdditions:
    """Adds faces of people who are named. Every method may raise StorageFailed."""

    def __init__(self, database: Database, act: Act | None) -> None:
        self._database, self._act = database, act

    def begin(self, collection: str, photos: Sequence[Source]) -> tuple[Beginning, frozenset[Source]]:
        """What an enrolment of these photos finds, see `Gallery.begin_enrolment`; and those that are there already."""
        with self._database.reading() as connection:
            erasure = latest_erasure(connection)
            try:
                row = c.collection_row(connection, collection)
            except CollectionNotFound:
                return Beginning(erasure, None, {}), frozenset()
            rows = s.find_subject_rows(connection, row.pk, [subject for subject, _ in photos])
            there = {given: (one.pk, one.created_at) for given, one in rows.items()}
            known = f.known_sources(connection, [one.pk for one in rows.values()], [source for _, source in photos])
        already = {(given, source) for given, source in photos if given in there and (there[given][0], source) in known}
        return Beginning(erasure, row.pk, there), frozenset(already)

    def add(
        self,
        collection: str,
        new: Sequence[NewOfPerson],
        begun: Beginning,
        *,
        space: int,
        decisions: Sequence[Decision] = (),
        before_commit: Callable[[], None],
    ) -> list[bool]:
        """Add a face to each of these subjects, made when new; all or none. before_commit: as for `Gallery.add_faces`.

        Returns of each face whether it was stored: not where the subject has one of its source photo already. Raises
        what `Gallery.add_faces` raises. SubjectErased: when one of the subjects is not what it was; which one is to be
        found by adding them one by one.
        """
        now = datetime.now(UTC)
        with self._database.adding() as connection:
            row = c.collection_row(connection, collection, lock=True)
            c.require_space(row, space)
            photo_rows.lock(connection, photo_keys_of([one.face for one in new]))
            rows = _subjects(connection, row, new, begun, now)
            placed = _placed(connection, row, new, rows)
            if placed:
                ids = f.insert_faces(connection, placed, now, space=row.space)
                photo_rows.make_live(connection, [face.photo for *_, face in placed if face.photo is not None])
                record(connection, self._act, "enroll", collection=collection, objects=ids, decisions=decisions)
            before_commit()
        stored = {id(face) for *_, face in placed}
        return [id(one.face) in stored for one in new]


def _subjects(
    connection: Connection, collection: Row[Any], new: Sequence[NewOfPerson], begun: Beginning, now: datetime
) -> dict[str, Row[Any]]:
    """The rows of the subjects by their canonical ids, made where they are new. Raises SubjectErased."""
    ids = list(dict.fromkeys(one.subject_id for one in new))
    replaced = begun.collection_pk not in (None, collection.pk)
    if replaced or any_erased_since(connection, begun.erasure, collection.name, ids):
        raise SubjectErased("a subject was erased meanwhile; nothing was enrolled")
    there = s.find_subject_rows(connection, collection.pk, ids)
    for one in ids:
        before, found = begun.subjects.get(one), there.get(one)
        changed = before is not None and (found is None or (found.pk, found.created_at) != before)
        if changed or (found is not None and s.is_over(found.expires_at)):
            raise SubjectErased(
                "a subject was erased, renamed or merged meanwhile, or has expired; nothing was enrolled"
            )
    fresh = list({canonical(one): one for one in ids if one not in there})
    if fresh:
        s.insert_subjects(connection, collection.pk, fresh, now)
        there |= s.find_subject_rows(connection, collection.pk, fresh)
    for face in new:
        row = there.get(face.subject_id) or there[canonical(face.subject_id)]
        s.update_subject_row(connection, row.pk, face.name, face.metadata)
        there[face.subject_id] = row
    return there


def _placed(
    connection: Connection, collection: Row[Any], new: Sequence[NewOfPerson], rows: Mapping[str, Row[Any]]
) -> list[f.Placed]:
    """The faces that are not there yet, those of each subject under a revision of its own."""
    for one in new:
        f.require_fitting(collection, one.face.template)
    sources = [one.face.source_sha256 for one in new]
    known = set(f.known_sources(connection, [row.pk for row in rows.values()], sources))
    faces: dict[int, list[tuple[Row[Any], NewFace]]] = {}
    for one in new:
        row = rows[one.subject_id]
        if (row.pk, one.face.source_sha256) not in known:
            known.add((row.pk, one.face.source_sha256))
            faces.setdefault(row.pk, []).append((row, one.face))
    if not faces:
        return []
    first = c.raise_revision(connection, collection.pk, len(faces)) - len(faces) + 1
    return [(row, first + place, face) for place, each in enumerate(faces.values()) for row, face in each]
