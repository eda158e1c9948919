"""SQL of collections, on an open connection; `gallery.py` combines it into transactions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, update

from vultus.errors import (
    CollectionExists,
    CollectionNotFound,
    InvalidRequest,
    ModelMismatch,
    SpaceChanged,
    StorageFailed,
)
from vultus.records.stored import Collection, CollectionPolicies
from vultus.storage import tables as t
from vultus.storage.sealing.seals import require_sound, sound

SHOWN_CHARACTERS = 80
_NAMED = select(t.collections, sound(t.collections).label("sound")).where(
    t.collections.c.name == bindparam("name")
)  # made once: every request runs it
_NAMED_LOCKED = _NAMED.with_for_update()
_RAISED = (
    update(t.collections)
    .where(t.collections.c.pk == bindparam("number"))
    .values(revision=t.collections.c.revision + bindparam("steps"))
    .returning(t.collections.c.revision)
)
_NO_POLICIES = CollectionPolicies()


def quoted(text: str) -> str:
    """An id as it may stand in a message: quoted, without control characters, not longer than a line."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")


def require_storable(text: str) -> None:
    """Raises: InvalidRequest, for a text that not every database stores, so that none is that could not be moved."""
    if "\0" in text:
        raise InvalidRequest("an id or a name holds the character NUL, which databases do not store; remove it")


def collection_row(connection: Connection, name: str, *, lock: bool = False) -> Row[Any]:
    """The row of a collection. lock: no other writer changes it until this transaction ends.

    Raises: CollectionNotFound; SealBroken, when its row was changed from outside.
    """
    row = connection.execute(_NAMED_LOCKED if lock else _NAMED, {"name": name}).one_or_none()
    if row is None:
        raise no_collection(name)
    require_sound(row.sound, f"the stored row of collection number {row.pk}")
    return row


def no_collection(name: str) -> CollectionNotFound:
    """The error that says that a collection does not exist."""
    return CollectionNotFound(f"there is no collection {quoted(name)}; create it, or list the collections there are")


def collection_name(connection: Connection, collection_pk: int) -> str:
    """The name of an existing collection."""
    return str(connection.execute(select(t.collections.c.name).where(t.collections.c.pk == collection_pk)).scalar_one())


def require_space(collection: Row[Any], space: int | None) -> None:
    """Raises: SpaceChanged, when the collection is not in the space of this number; None: any will do."""
    if space is not None and space != collection.space:
        raise SpaceChanged(
            f"collection {quoted(collection.name)} is embedded by {collection.model_id} anew since; try again"
        )


def raise_revision(connection: Connection, collection_pk: int, steps: int = 1) -> int:
    """The last of the collection's next revisions. This locks the collection's row until the transaction ends."""
    return int(connection.execute(_RAISED, {"number": collection_pk, "steps": steps}).scalar_one())


def insert_collection(connection: Connection, wanted: Collection) -> None:
    """Store a new, empty collection."""
    connection.execute(
        insert(t.collections).values(
            name=wanted.name,
            model_id=wanted.model_id,
            pipeline_version=wanted.pipeline_version,
            dimension=wanted.dimension,
            revision=0,
            created_at=wanted.created_at,
            policies=_policies_text(wanted.policies),
        )
    )


def update_policies(connection: Connection, collection_pk: int, policies: CollectionPolicies) -> None:
    """Replace the policies of a collection."""
    statement = update(t.collections).where(t.collections.c.pk == collection_pk)
    connection.execute(statement.values(policies=_policies_text(policies)))


def select_collections(connection: Connection, name: str | None = None) -> tuple[Collection, ...]:
    """All collections with their counts, by name; or only the one called `name`, if it exists."""
    statement = _with_counts().order_by(t.collections.c.name)
    if name is not None:
        statement = statement.where(t.collections.c.name == name)
    return tuple(collection_of(row) for row in connection.execute(statement))


def delete_collection_row(connection: Connection, collection_pk: int) -> None:
    """Delete a collection and, by cascade, all it holds."""
    connection.execute(delete(t.collections).where(t.collections.c.pk == collection_pk))


def require_same_model(existing: Collection, wanted: Collection) -> None:
    """Raises: ModelMismatch, naming both models, when the collection is bound to another one than wanted."""
    if _binding(existing) != _binding(wanted):
        raise ModelMismatch(
            f"collection {quoted(existing.name)} is bound to model {_binding(existing)}, not to {_binding(wanted)}; "
            "use its model, or another collection"
        )


def require_same_policies(existing: Collection, wanted: CollectionPolicies) -> None:
    """Raises: CollectionExists, when the collection has other policies than wanted."""
    if existing.policies != wanted:
        raise CollectionExists(
            f"collection {quoted(existing.name)} exists with other policies; change them with PATCH, or leave them out"
        )


def new_collection(name: str, model_id: str, pipeline_version: int, dimension: int, created_at: datetime) -> Collection:
    """An empty collection, not stored yet. Raises: InvalidRequest, for a name with NUL."""
    require_storable(name)
    return Collection(name, model_id, pipeline_version, dimension, revision=0, created_at=created_at)


def changed_policies(old: CollectionPolicies, changes: Mapping[str, Any]) -> CollectionPolicies:
    """The policies with those in `changes` replaced, by name; None takes one away."""
    defaults = asdict(_NO_POLICIES)
    return replace(old, **{name: defaults[name] if value is None else value for name, value in changes.items()})


def _policies_text(policies: CollectionPolicies) -> str:
    defaults = asdict(_NO_POLICIES)
    return json.dumps({name: value for name, value in asdict(policies).items() if value != defaults[name]})


def _policies(row: Any) -> CollectionPolicies:
    """Raises: StorageFailed, when there is a policy that this code does not know: to ignore it would loosen it."""
    try:
        return CollectionPolicies(**json.loads(row.policies))
    except (TypeError, ValueError) as exc:
        raise StorageFailed(
            f"collection {quoted(row.name)} has policies that this Vultus does not know; install the newer Vultus again"
        ) from exc


def _binding(collection: Collection) -> str:
    return f"{collection.model_id} (pipeline {collection.pipeline_version}, {collection.dimension}-d)"


def _with_counts() -> Select[Any]:
    subjects = select(func.count()).where(t.subjects.c.collection_pk == t.collections.c.pk)
    faces = select(func.count()).where(t.faces.c.collection_pk == t.collections.c.pk)
    unknown = select(func.count()).where(t.unknown_faces.c.collection_pk == t.collections.c.pk)
    counts = {"subjects": subjects, "faces": faces, "unknown_faces": unknown}
    return select(t.collections, *(count.scalar_subquery().label(name) for name, count in counts.items()))


def collection_of(row: Any) -> Collection:
    """The record of a row, or of a tuple of the same names; its counts are 0 where the statement did not count."""
    return Collection(
        name=row.name,
        model_id=row.model_id,
        pipeline_version=row.pipeline_version,
        dimension=row.dimension,
        revision=row.revision,
        created_at=row.created_at,
        subjects=getattr(row, "subjects", 0),
        faces=getattr(row, "faces", 0),
        policies=_policies(row),
        space=row.space,
        unknown_faces=getattr(row, "unknown_faces", 0),
    )
