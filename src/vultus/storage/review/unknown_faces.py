"""UnknownFaceStore: faces of nobody known, kept for a while in collections whose policy asks for it.

A row holds all of a face: its embedding, a small picture, the time. So it goes as a whole: by its age, when it is
assigned or erased, with its collection, or when the policy is taken away. Nothing of it is in the photo store. One that
is ignored goes as the others do; until then it is not listed, and its person is not kept again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, or_, select, update

from vultus.errors import NotFound
from vultus.records.review import KeptFace, UnknownFace
from vultus.records.seen import Face, Float32, Quality
from vultus.storage import tables as t
from vultus.storage.audit import Act, record
from vultus.storage.collections import collection_of, collection_row, quoted, select_collections
from vultus.storage.database import Database
from vultus.storage.sealing.seals import require_sound, sound
from vultus.storage.subjects import in_chunks

MOST_KEPT = 2_000  # faces of a collection; where more come, the oldest go
KEEP, ERASE, ASSIGN, RETENTION = "unknown.keep", "unknown.erase", "unknown.assign", "unknown.retention"
IGNORE, RECALL = "unknown.ignore", "unknown.recall"
_U = t.unknown_faces.c
_SHOWN = [column for column in t.unknown_faces.columns if column.name not in ("crop", "seal")]


class UnknownFaceStore:
    """Every method is one transaction and may raise StorageFailed and CollectionNotFound."""

    def __init__(self, database: Database, act: Act | None = None) -> None:
        self._database, self._act = database, act

    def keep(self, collection: str, face: KeptFace, *, space: int, seen_at: datetime) -> bool:
        """Keep a face, unless the policy was taken away or the collection switched to another space meanwhile."""
        with self._database.erasing() as connection:
            row = collection_row(connection, collection, lock=True)
            if collection_of(row).policies.keep_unknown_days is None or row.space != space:
                return False
            values = _values(row, face, seen_at)
            connection.execute(insert(t.unknown_faces).values(values))
            oldest = select(_U.pk).where(_U.collection_pk == row.pk).order_by(_U.seen_at.desc(), _U.pk.desc())
            connection.execute(delete(t.unknown_faces).where(_U.pk.in_(oldest.offset(MOST_KEPT).limit(MOST_KEPT))))
            beside = None if self._act is None else replace(self._act)  # the search has a line of its own
            record(connection, beside, KEEP, collection=collection, objects=[values["id"]])
        return True

    def embeddings_since(self, collection: str, moment: datetime, *, limit: int) -> Float32:
        """The embeddings, (N, D), of at most `limit` faces that were seen since; the newest."""
        with self._database.reading() as connection:
            row = collection_row(connection, collection)
            return _embeddings(connection, row, _U.seen_at >= moment, limit)

    def ignored_embeddings(self, collection: str, now: datetime) -> Float32:
        """The embeddings, (N, D), of the faces that are ignored and whose time is not over."""
        with self._database.reading() as connection:
            row = collection_row(connection, collection)
            due = _due(collection_of(row).policies.keep_unknown_days, now)
            return _embeddings(connection, row, (_U.ignored == 1) & ~due, MOST_KEPT)

    def ignored_count(self, collection: str) -> int:
        """How many faces are ignored."""
        with self._database.reading() as connection:
            row = collection_row(connection, collection)
            some = (_U.collection_pk == row.pk, _U.space == row.space, _U.ignored == 1)
            return connection.execute(select(func.count()).where(*some)).scalar_one()

    def faces(self, collection: str, *, ignored: bool = False) -> tuple[UnknownFace, ...]:
        """All faces that are ignored, or that are not, the newest first.

        Raises: SealBroken, when one was changed from outside.
        """
        with self._database.reading() as connection:
            row = collection_row(connection, collection)
            statement: Select[Any] = select(*_SHOWN, sound(t.unknown_faces).label("sound"))
            statement = statement.order_by(_U.seen_at.desc(), _U.pk.desc())
            some = (_U.collection_pk == row.pk, _U.space == row.space, _U.ignored == int(ignored))
            rows = connection.execute(statement.where(*some))
            return tuple(_face(one) for one in rows)

    def crop(self, collection: str, face_id: str) -> bytes:
        """The picture of a face, a JPEG. Raises: NotFound, also where no picture is kept."""
        with self._database.reading() as connection:
            row = collection_row(connection, collection)
            found = connection.execute(
                select(_U.crop).where(_U.collection_pk == row.pk, _U.id == face_id)
            ).one_or_none()
        if found is None or found.crop is None:
            raise _not_kept(face_id)
        return bytes(found.crop)

    def to_assign(self, collection: str, face_ids: Sequence[str]) -> tuple[tuple[UnknownFace, bytes | None], ...]:
        """These faces with their pictures. Raises: NotFound, when one is not kept any more; SealBroken."""
        with self._database.reading() as connection:
            row = collection_row(connection, collection)
            statement = select(t.unknown_faces, sound(t.unknown_faces).label("sound"))
            found = {
                one.id: one
                for some in in_chunks(face_ids)
                for one in connection.execute(
                    statement.where(_U.collection_pk == row.pk, _U.space == row.space, _U.id.in_(some))
                )
            }
        for face_id in face_ids:
            if face_id not in found:
                raise _not_kept(face_id)
        return tuple((_face(found[one]), found[one].crop) for one in face_ids)

    def ignore(self, collection: str, face_ids: Sequence[str], *, ignored: bool) -> int:
        """Ignore these faces, or do so no longer; how many of them there were. Their time stays."""
        with self._database.writing() as connection:
            row = collection_row(connection, collection, lock=True)
            named = (_U.collection_pk == row.pk, _U.space == row.space, _U.id.in_(tuple(face_ids)))
            there = connection.scalars(select(_U.id).where(*named)).all()
            other = update(t.unknown_faces).where(*named, _U.ignored != int(ignored)).values(ignored=int(ignored))
            if changed := connection.scalars(other.returning(_U.id)).all():
                action = IGNORE if ignored else RECALL
                record(connection, self._act, action, collection=collection, objects=sorted(changed))
            return len(there)

    def erase(self, collection: str, face_ids: Sequence[str] | None = None, *, action: str = ERASE) -> int:
        """Erase these faces (None: all of the collection); how many there were."""
        with self._database.erasing() as connection:
            row = collection_row(connection, collection, lock=True)
            of_them = _U.collection_pk == row.pk
            if face_ids is not None:
                of_them &= _U.id.in_(tuple(face_ids))
            return self._erase(connection, collection, of_them, action)

    def erase_old(self, now: datetime) -> bool:
        """Erase the faces that their collections keep no longer; whether there may be more."""
        with self._database.reading() as connection:  # first without the write lock, as mostly nothing is due
            due = {one.name: _due(one.policies.keep_unknown_days, now) for one in select_collections(connection)}
            names = [name for name, condition in due.items() if _any(connection, name, condition)]
        for name in names:
            with self._database.erasing() as connection:
                row = collection_row(connection, name, lock=True)
                condition = _due(collection_of(row).policies.keep_unknown_days, now) | (_U.space != row.space)
                self._erase(connection, name, (_U.collection_pk == row.pk) & condition, RETENTION)
        return False

    def _erase(self, connection: Connection, collection: str, condition: ColumnElement[bool], action: str) -> int:
        ids = connection.scalars(delete(t.unknown_faces).where(condition).returning(_U.id)).all()
        if ids:
            record(connection, self._act, action, collection=collection, objects=sorted(ids))
        return len(ids)


def erase_unknown(connection: Connection, collection_pk: int) -> None:
    """Erase all unknown faces of a collection, whose policy was taken away."""
    connection.execute(delete(t.unknown_faces).where(_U.collection_pk == collection_pk))


def _embeddings(connection: Connection, collection: Row[Any], condition: ColumnElement[bool], limit: int) -> Float32:
    """Of the newest faces for which the condition holds, (N, D)."""
    some = (_U.collection_pk == collection.pk, _U.space == collection.space, condition)
    found = connection.scalars(select(_U.embedding).where(*some).order_by(_U.seen_at.desc()).limit(limit)).all()
    return np.stack(found) if found else np.empty((0, collection.dimension), np.float32)


def _due(days: int | None, now: datetime) -> ColumnElement[bool]:
    return _U.pk.is_not(None) if days is None else _U.seen_at < now - timedelta(days=days)


def _any(connection: Connection, collection: str, condition: ColumnElement[bool]) -> bool:
    c = t.collections.c
    joined = t.unknown_faces.join(t.collections, c.pk == _U.collection_pk)
    statement = select(_U.pk).select_from(joined).where(c.name == collection, or_(condition, _U.space != c.space))
    return connection.execute(statement.limit(1)).first() is not None


def _not_kept(face_id: str) -> NotFound:
    return NotFound(f"there is no unknown face {quoted(face_id)}: its time is over, or it was assigned or erased")


def _values(collection: Row[Any], kept: KeptFace, seen_at: datetime) -> dict[str, Any]:
    face, quality = kept.template.face, kept.template.quality
    return {
        "id": uuid4().hex,
        "collection_pk": collection.pk,
        "space": collection.space,
        "embedding": kept.template.embedding,
        "crop": kept.crop,
        "crop_side": kept.crop_side,
        "box": json.dumps([float(edge) for edge in face.box]),
        "landmarks": json.dumps(np.asarray(face.landmarks, np.float64).tolist()),
        "detector_score": float(face.score),
        "quality_score": float(quality.score),
        "quality_parts": json.dumps({name: float(score) for name, score in quality.parts.items()}),
        "quality_version": quality.version,
        "seen_at": seen_at,
    }


def _face(row: Row[Any]) -> UnknownFace:
    require_sound(row.sound, f"the unknown face {row.id}")
    landmarks = np.array(json.loads(row.landmarks), np.float32)
    return UnknownFace(
        id=row.id,
        space=row.space,
        embedding=row.embedding,
        face=Face(tuple(json.loads(row.box)), landmarks, row.detector_score),
        quality=Quality(row.quality_score, json.loads(row.quality_parts), row.quality_version),
        crop_side=row.crop_side,
        seen_at=row.seen_at,
    )
