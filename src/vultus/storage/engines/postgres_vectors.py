"""How psycopg sends pgvector's halfvec, in its binary form."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types import TypeInfo

from vultus.errors import SettingsInvalid
from vultus.storage.vector_search.half_vectors import HalfVector

OLDEST_PGVECTOR = (0, 8)  # whose scans of an index go on until there are enough rows
WANTED = "VULTUS_SEARCH=database needs the extension pgvector 0.8 or newer in the database"
OTHERWISE = "or set VULTUS_SEARCH=memory"
EXTENSION = """
    SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector'), to_regtype('halfvec') IS NOT NULL,
        (SELECT count(*) FROM pg_available_extensions WHERE name = 'vector')
"""


def require_pgvector(connection: psycopg.Connection[Any]) -> None:
    """Raises: SettingsInvalid, when the extension is missing, too old or in a schema that is not searched."""
    version, visible, available = connection.execute(EXTENSION).fetchone() or (None, False, 0)
    if version is None and not available:
        install = "an administrator installs it on the database server (Debian: postgresql-18-pgvector) and runs"
        raise SettingsInvalid(
            f"{WANTED}, and its server does not have it; {install}: CREATE EXTENSION vector, {OTHERWISE}"
        )
    if version is None:
        raise SettingsInvalid(f"{WANTED}; an administrator runs in it: CREATE EXTENSION vector, {OTHERWISE}")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PGVECTOR:
        update = "an administrator installs a newer one and runs: ALTER EXTENSION vector UPDATE"
        raise SettingsInvalid(f"{WANTED}, which has {version}; {update}, {OTHERWISE}")
    if not visible:
        raise SettingsInvalid(
            f"{WANTED}, and its schema is not in the search_path of the user; an administrator moves it: "
            f"ALTER EXTENSION vector SET SCHEMA public, {OTHERWISE}"
        )


def _halfvec(connection: psycopg.Connection[Any]) -> TypeInfo:
    info = TypeInfo.fetch(connection, "halfvec")
    assert info is not None
    return info


class Vectors:
    """The type halfvec of one database."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Raises: SettingsInvalid, see `require_pgvector`."""
        require_pgvector(connection)
        self._info = _halfvec(connection)
        number = self._info.oid

        class HalfVectorDumper(Dumper):
            format, oid = Format.BINARY, number

            def dump(self, obj: HalfVector) -> Buffer | None:
                return obj.to_bytes()

        self._dumper = HalfVectorDumper

    def register(self, connection: psycopg.Connection[Any]) -> None:
        """Let the connection send `HalfVector`s, also in lists, by the placeholder %b."""
        self._info.register(connection)
        connection.adapters.register_dumper(HalfVector, self._dumper)
