"""The seam under the gallery: what every database provides, and which one a URL names.

Another database is one more file beside `sqlite.py` and `postgres.py`, and a line in `open_database`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import ArgumentError

from vultus.errors import SettingsInvalid, StorageFailed
from vultus.installation_key import InstallationKey
from vultus.storage.engines.sqlite import SQLiteDatabase, sqlite_file

# From the id of a key, its limit and the seconds of a window: the requests in its window by now, at most limit + 1, and
# for how many seconds the window has lasted.
CountRequest = Callable[[str, int, float], tuple[int, float]]
URLS = "one like sqlite:///folder/vultus.db or postgresql+psycopg://user:password@host/database"
DRIVER_ADVICE = "install it: .venv/bin/pip install psycopg psycopg-binary"


class Database(Protocol):
    """One database, used by many threads at once. Driver errors become ours: every method may raise StorageFailed."""

    @property
    def engine(self) -> Engine:
        """The engine behind the transactions: for listeners, as in measurements. Statements go through transactions."""

    @property
    def installation_key(self) -> InstallationKey:
        """The key that seals the rows: see `sealing/seals.py`."""

    @property
    def seals_rows(self) -> bool:
        """Whether rows have seals. Where not, every row is taken for sound."""

    def reading(self, *, once: bool = False) -> AbstractContextManager[Connection]:
        """One read transaction: every statement sees the same state.

        once: for statements that need not see the same one, as a single one: where the database is another process,
        they are answered in a third of the time.
        """

    def cursor(self, *, once: bool = False) -> AbstractContextManager[DBAPICursor]:
        """As `reading`, by the driver alone: a tenth of the time for what every search reads. See `DriverSelect`."""

    def writing(self) -> AbstractContextManager[Connection]:
        """One write transaction, alone in the database; an exception rolls back. It must not be nested.

        What it reads is still true when it commits, and it is durable afterwards.
        Raises: InvalidRequest, for text that is no Unicode.
        """

    def adding(self) -> AbstractContextManager[Connection]:
        """As `writing`, but others that add may write at the same time.

        Only for what locks the collection that it adds to, and neither erases nor looks for what nobody uses.
        """

    def locking_rows(self) -> AbstractContextManager[Connection]:
        """As `writing`, but beside all others: only for changes of rows that it locks itself."""

    def erasing(self) -> AbstractContextManager[Connection]:
        """As `writing`; then the deleted content also leaves the database's logs, now or with a later write."""

    def migrating(self) -> AbstractContextManager[Connection]:
        """As `writing`, with foreign keys enforced only at its end: a table may be replaced; deletes do not cascade.

        Raises: StorageFailed, when a row would belong to nothing at the end; then nothing is changed.
        """

    def leads(self) -> bool:
        """Whether this is the one, of all servers of the database, that does the work in the background.

        The first that asks is, until it is closed or loses its connection; then the next that asks.
        """

    @property
    def count_request(self) -> CountRequest | None:
        """Counts a request for all servers of the database, by its clock. None: it has one server, which counts itself.

        A window begins with its first request. A crash may lose the counts.
        """

    def is_undamaged(self, connection: Connection, *, thorough: bool = False) -> bool:
        """Whether the database passes its own check. thorough: the one that reads everything."""

    def orphans(self, connection: Connection) -> int:
        """The number of rows whose foreign key names no row."""

    def triggers(self, connection: Connection) -> frozenset[str]:
        """The names of all triggers."""

    def stored_bytes(self, connection: Connection) -> tuple[int, int]:
        """The size of the database, and of its write-ahead log where it has one of its own, else 0."""

    def snapshot(self, target: Path) -> None:
        """Copy the database, as of one moment, to a new SQLite file, while others write."""

    def close(self) -> None:
        """Close all connections. No transaction may be open."""


def open_database(url: str, key_file: Path | None = None) -> Database:
    """The database of a URL; not migrated yet, see `migrations.migrate`.

    key_file: the file of the installation key; None: that in the folder of the database.
    Raises: StorageFailed, when the URL names no database that Vultus supports, or it cannot be created;
    SettingsInvalid, when its driver is not installed.
    """
    parsed, key = _parsed(url), None if key_file is None else InstallationKey(key_file)
    if is_sqlite(url):
        return SQLiteDatabase(parsed, key)
    if find_spec("psycopg") is None:
        raise SettingsInvalid(f"PostgreSQL needs a driver; {DRIVER_ADVICE}")
    postgres = import_module("vultus.storage.engines.postgres")  # not at the top: its driver is optional
    return cast(Database, postgres.PostgresDatabase(parsed, key))


@contextmanager
def existing_database(url: str, key_file: Path | None = None) -> Iterator[Database | None]:
    """The database as it is; None while there is no file of it: nothing is made. Raises: StorageFailed."""
    if is_sqlite(url) and not database_file(url).is_file():
        yield None
        return
    with closing(open_database(url, key_file)) as database:
        yield database


def is_sqlite(url: str) -> bool:
    """Whether the URL names a file of SQLite: then this machine alone has the data. Raises: StorageFailed."""
    return _parsed(url).get_backend_name() == "sqlite"


def shown_url(url: str) -> str:
    """The URL as it may be shown: without its password, wherever that stands. Raises: StorageFailed."""
    parsed = _parsed(url)
    return parsed.difference_update_query(["password", "passfile", "sslpassword"]).render_as_string(hide_password=True)


def database_file(url: str) -> Path:
    """The file that a database URL names. Raises: StorageFailed, when it names none."""
    if not is_sqlite(url):
        raise StorageFailed("this command is for a database in a file; see docs/operations.md, PostgreSQL")
    return sqlite_file(_parsed(url))


def require_database(url: str) -> None:
    """Raises: StorageFailed, when there is no file of the database yet."""
    if is_sqlite(url) and not database_file(url).is_file():
        raise StorageFailed(
            f"there is no database {database_file(url).absolute()}; name its folder with --data-dir or VULTUS_DATA_DIR"
        )


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their messages quote the URL, which may hold a password
        raise StorageFailed(f"the database URL is malformed; use {URLS}") from None
    name = parsed.get_backend_name()
    if name == "sqlite":
        return parsed
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    raise StorageFailed(f"the database URL names {parsed.drivername!r}; use {URLS}")
