"""Compares every row of the database with its seal, and names those that were changed."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from vultus.errors import InstallationKeyMissing
from vultus.storage.database import Database
from vultus.storage.sealing.seals import SEALED, is_same_key, seal_sql, sealed_columns

SHOWN = 5  # rows named in a sentence

# How a row is named: by a column of its own, or by the id of its face. All else by its number.
_OWN = {
    "faces": "id",
    "api_keys": "id",
    "replaced_secrets": "key_id",
    "aws_secrets": "key_id",
    "undo_log": "id",
    "jobs": "id",
}
_OF_FACE = {"embeddings", "codes", "embeddings_b", "codes_b", "unembedded", "undo_faces", "image_labels"}


def broken_seals(database: Database, connection: Connection) -> Iterator[str]:
    """A sentence for each table with rows that do not match their seals, or have none."""
    try:
        same = is_same_key(database)
    except InstallationKeyMissing as exc:
        yield f"no row can be compared with its seal: {exc}"
        return
    if not same:
        yield (
            "no row can be compared with its seal: the rows were sealed with another installation key than "
            f"{database.installation_key.path.absolute()}; put the right one there, or: vultus check --seal-anew"
        )
        return
    for table in SEALED:
        seal = seal_sql(table.name, sealed_columns(table), table.name)
        statement = f"SELECT {_name_sql(table.name)}, seal IS NULL FROM {table.name} WHERE seal IS NOT {seal}"
        rows = connection.exec_driver_sql(statement).all()
        changed = [_shown(name) for name, unsealed in rows if not unsealed]
        unsealed = [_shown(name) for name, unsealed in rows if unsealed]
        if changed:
            yield f"{len(changed)} rows of {table.name} were changed from outside or damaged: {_some(changed)}"
        if unsealed:
            yield f"{len(unsealed)} rows of {table.name} have no seal: {_some(unsealed)}"


def _name_sql(table: str) -> str:
    """The name of a row, as bytes: a damaged text may be no Unicode."""
    if table in _OF_FACE:
        face = f"(SELECT id FROM faces WHERE pk = {table}.face_pk)"
        return f"CAST(coalesce('face ' || {face}, 'of face number ' || face_pk) AS BLOB)"
    own = _OWN.get(table)
    return f"CAST({own} AS BLOB)" if own else f"CAST('number ' || {table}.rowid AS BLOB)"


def _shown(name: bytes | None) -> str:
    return "without a name" if name is None else name.decode("utf-8", "replace")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
