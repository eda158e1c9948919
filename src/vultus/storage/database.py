"""The seam under the gallery: what every database provides, and which one a URL names.

A second database is one more file beside `sqlite.py`, and a line in `open_database`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import ArgumentError

from vultus.errors import StorageFailed
from vultus.installation_key import InstallationKey
from vultus.storage.engines.sqlite import SQLiteDatabase, sqlite_file


class Database(Protocol):
    """One database, used by many threads at once. Driver errors become ours: every method may raise StorageFailed."""

    @property
    def engine(self) -> Engine:
        """The engine behind the transactions: for listeners, as in measurements. Statements go through transactions."""

    @property
    def installation_key(self) -> InstallationKey:
        """The key that seals the rows: see `sealing/seals.py`."""

    def reading(self) -> AbstractContextManager[Connection]:
        """One read transaction: every statement sees the same state."""

    def cursor(self) -> AbstractContextManager[DBAPICursor]:
        """As `reading`, by the driver alone: a tenth of the time for what every search reads. See `DriverSelect`."""

    def writing(self) -> AbstractContextManager[Connection]:
        """One write transaction, alone in the process; an exception rolls back. It must not be nested.

        What it reads is still true when it commits, and it is durable afterwards.
        Raises: InvalidRequest, for text that is no Unicode.
        """

    def erasing(self) -> AbstractContextManager[Connection]:
        """As `writing`; then the deleted content also leaves the database's logs, now or with a later write."""

    def migrating(self) -> AbstractContextManager[Connection]:
        """As `writing`, with foreign keys enforced only at its end: a table may be replaced; deletes do not cascade.

        Raises: StorageFailed, when a row would belong to nothing at the end; then nothing is changed.
        """

    def is_undamaged(self, connection: Connection, *, thorough: bool = False) -> bool:
        """Whether the database passes its own check. thorough: the one that reads everything."""

    def orphans(self, connection: Connection) -> int:
        """The number of rows whose foreign key names no row."""

    def triggers(self, connection: Connection) -> frozenset[str]:
        """The names of all triggers."""

    def snapshot(self, target: Path) -> None:
        """Copy the database, as of one moment, to a new SQLite file, while others write."""

    def close(self) -> None:
        """Close all connections. No transaction may be open."""


def open_database(url: str, key_file: Path | None = None) -> Database:
    """The database of a URL; not migrated yet, see `migrations.migrate`.

    key_file: the file of the installation key; None: that in the folder of the database.
    Raises: StorageFailed, when the URL names no database that Vultus supports, or it cannot be created.
    """
    return SQLiteDatabase(_sqlite_url(url), None if key_file is None else InstallationKey(key_file))


@contextmanager
def existing_database(url: str, key_file: Path | None = None) -> Iterator[Database | None]:
    """The database as it is; None while there is none: nothing is made. Raises: StorageFailed."""
    if not database_file(url).is_file():
        yield None
        return
    with closing(open_database(url, key_file)) as database:
        yield database


def database_file(url: str) -> Path:
    """The file that a database URL names. Raises: StorageFailed, when it names none."""
    return sqlite_file(_sqlite_url(url))


def require_database(url: str) -> None:
    """Raises: StorageFailed, when there is no database yet."""
    file = database_file(url)
    if not file.is_file():
        raise StorageFailed(
            f"there is no database {file.absolute()}; name its folder with --data-dir or VULTUS_DATA_DIR"
        )


def _sqlite_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise StorageFailed("the database URL is malformed; use one like sqlite:///folder/vultus.db") from exc
    name = parsed.get_backend_name()
    if name != "sqlite":
        raise StorageFailed(f"the database URL names {name!r}; only sqlite:///folder/file.db is supported")
    return parsed
