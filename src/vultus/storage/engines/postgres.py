"""PostgreSQL as a `Database`: reads of one snapshot, writers that add side by side, and others that write alone.

SQLite has one writer at a time, and what a write reads stays true until it commits. Here an advisory lock of the
database gives the same: `adding` shares it, `writing` and `erasing` have it alone. Nobody takes it twice or after
another lock, so writers wait for each other but never in a circle.
"""

from __future__ import annotations

import select
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from vultus.errors import SettingsInvalid, StorageFailed, StorageUnavailable
from vultus.installation_key import FILE_NAME, InstallationKey
from vultus.metrics.stopwatch import stage
from vultus.storage.engines.postgres_errors import driver_errors
from vultus.storage.engines.postgres_vectors import Vectors
from vultus.storage.sealing.audit_chains import KEY, Chains

POOL_CONNECTIONS, POOL_OVERFLOW, POOL_WAIT_SECONDS = 4, 8, 10.0
SEARCH_CONNECTIONS = 8  # at most, beside those of the pool
CONNECT_SECONDS = 5
SESSION = {  # a session never waits, works or idles without end: the database ends the transaction
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}
OLDEST_VERSION = 150_000  # of the tests: 180000
WRITERS = 0x76756C747573  # "vultus": the advisory lock of all writers of this database
LEADER, MAINTAINER = WRITERS + 1, WRITERS + 2
# A window that is over, or begins in the future as after a change of the clock, makes place for a new one.
COUNT = text("""
    INSERT INTO request_counts AS c VALUES (:key_id, clock_timestamp(), 1)
    ON CONFLICT (key_id) DO UPDATE SET (begun, used) = (
        SELECT CASE WHEN running THEN c.begun ELSE now END, CASE WHEN running THEN least(c.used + 1, :most) ELSE 1 END
        FROM (SELECT clock_timestamp() AS now) AS clock,
            LATERAL (SELECT now >= c.begun AND now < c.begun + make_interval(secs => :seconds) AS running) AS window_)
    RETURNING used, greatest(0, extract(epoch FROM clock_timestamp() - begun))::double precision
""")
# A standby that is promoted, and a backup that is restored to some moment, begin a timeline of their own. Sessions end
# with theirs. For the setting see `search_source.py`.
NAME_TIMELINE = b"SELECT set_config('vultus.timeline', left(pg_walfile_name(pg_current_wal_lsn()), 8), false)"
WITHOUT_TIMELINE = (
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.ObjectNotInPrerequisiteState,
)
BEGIN_SNAPSHOT = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
BACKUP_ADVICE = "PostgreSQL is backed up by its own tools, as pg_dump; see docs/operations.md, PostgreSQL"


class PostgresDatabase:
    """A `Database` in PostgreSQL 15 or newer, by psycopg 3. Nothing is connected before the first transaction.

    Rows have no seals: the database has no function by which it could write one without knowing the key.
    """

    seals_rows = False

    def __init__(self, url: URL, installation_key: InstallationKey | None = None) -> None:
        """installation_key: of this installation's model files; None: that in the working folder."""
        self.installation_key = installation_key or InstallationKey(Path(FILE_NAME))
        self.engine = _new_engine(url)
        self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._single = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._idle: deque[psycopg.Connection[Any]] = deque()  # of `cursor`
        self._chains = Chains()
        self._leading, self._leader = threading.Lock(), cast("psycopg.Connection[Any] | None", None)
        self._searching = threading.BoundedSemaphore(SEARCH_CONNECTIONS)

    @contextmanager
    def reading(self, *, once: bool = False) -> Iterator[Connection]:
        """One read transaction of one snapshot; once: a snapshot for each statement, without asking twice for it to
        begin and to end. Raises: StorageFailed, StorageUnavailable."""
        with stage("database_read"), driver_errors(), (self._single if once else self._reader).connect() as connection:
            yield connection

    @contextmanager
    def cursor(self, *, once: bool = False) -> Iterator[DBAPICursor]:
        """As `reading`, by the driver alone; bytes and numbers come in their binary form."""
        with stage("database_read"), self._turn(), driver_errors():
            connection = self._idle_or_new()
            try:
                if not once:
                    connection.execute(BEGIN_SNAPSHOT)
                yield cast(DBAPICursor, connection.cursor(binary=True))
                if not once:
                    connection.execute(b"ROLLBACK")
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._searching.acquire(timeout=POOL_WAIT_SECONDS):
            raise StorageUnavailable("all database connections of this process stayed in use; try again")
        try:
            yield
        finally:
            self._searching.release()

    def _idle_or_new(self) -> psycopg.Connection[Any]:
        """A connection outside of any transaction. An idle one may have died with the database: then another."""
        while self._idle:
            with suppress(IndexError):
                connection = self._idle.pop()
                if not _hung_up(connection):
                    return connection
                connection.close()
        return self._own_connection()

    def _own_connection(self) -> psycopg.Connection[Any]:
        """A new one, prepared as those of the pool, outside of any transaction."""
        pooled = self.engine.raw_connection()
        connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
        pooled.detach()
        connection.autocommit = True  # we say BEGIN
        return connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction that waits for all others and lets none begin, so what it reads is still true when it
        commits."""
        with self._locked("pg_advisory_xact_lock") as connection:
            yield connection

    @contextmanager
    def adding(self) -> Iterator[Connection]:
        """As `writing`, beside others that add: for what locks the rows that it relies on, and erases nothing."""
        with self._locked("pg_advisory_xact_lock_shared") as connection:
            yield connection

    @contextmanager
    def locking_rows(self) -> Iterator[Connection]:
        """A write transaction that waits for nobody, for what locks the rows that it changes."""
        with stage("database_write"), driver_errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def erasing(self) -> Iterator[Connection]:
        """As `writing`, however long it takes. What was erased leaves the files when PostgreSQL vacuums them."""
        with self.writing() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """As `erasing`: a migration may take long. PostgreSQL changes tables in place, with foreign keys enforced."""
        with self.erasing() as connection:
            yield connection

    @contextmanager
    def _locked(self, lock: str) -> Iterator[Connection]:
        with stage("database_write"), self._chains.lent() as chain, driver_errors(), self.engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT {lock}({WRITERS})")
            connection.info[KEY] = chain
            yield connection

    def leads(self) -> bool:
        """Whether this is the one that does the work in the background: it has a lock of its session."""
        with self._leading, driver_errors():
            if self._leader is not None and not _answers(self._leader):
                self._leader.close()
                self._leader = None
            if self._leader is None:
                candidate = self._idle_or_new()  # an idle one first: this is asked each second
                try:
                    row = candidate.execute("SELECT pg_try_advisory_lock(%s)", [LEADER]).fetchone()
                except BaseException:
                    candidate.close()
                    raise
                if row is None or not row[0]:
                    self._idle.append(candidate)
                    return False
                self._leader = candidate
            return True

    def use_vectors(self) -> None:
        """Let all connections send `HalfVector`s from now on. Raises: SettingsInvalid, without the extension."""
        with driver_errors(), closing(self._own_connection()) as connection:
            vectors = Vectors(connection)
        event.listen(self.engine, "connect", lambda connection, _: vectors.register(connection))
        self.engine.dispose()
        self._close_idle()

    @contextmanager
    def maintaining(self) -> Iterator[DBAPICursor | None]:
        """A cursor outside of any transaction, whose statements may take long; None while another one has it."""
        with driver_errors(), closing(self._own_connection()) as connection:
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", [MAINTAINER]).fetchone()
            if row is None or not row[0]:
                yield None
                return
            connection.execute("SET statement_timeout = 0")
            connection.execute("SET lock_timeout = 0")
            yield cast(DBAPICursor, connection.cursor(binary=True))

    def count_request(self, key_id: str, limit: int, window_seconds: float) -> tuple[int, float]:
        """Count one request of a key, in one statement of its own; the clock is that of the database."""
        values = {"key_id": key_id, "seconds": window_seconds, "most": limit + 1}
        with self.reading(once=True) as connection:
            used, age = connection.execute(COUNT, values).one()
        return used, age

    def is_undamaged(self, connection: Connection, *, thorough: bool = False) -> bool:
        """Whether PostgreSQL has met no page whose checksum is wrong. pg_amcheck compares more."""
        statement = "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()"
        return int(connection.exec_driver_sql(statement).scalar_one()) == 0

    def stored_bytes(self, connection: Connection) -> tuple[int, int]:
        """The size of the database; its log is that of the whole server: 0."""
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()), 0

    def orphans(self, connection: Connection) -> int:
        """0: PostgreSQL enforces the foreign keys, unless one was made NOT VALID; then how many are."""
        statement = (
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated "
            "AND connamespace = current_schema()::regnamespace"
        )
        return int(connection.exec_driver_sql(statement).scalar_one())

    def triggers(self, connection: Connection) -> frozenset[str]:
        """The names of all triggers that are on."""
        statement = (
            "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal "
            "AND tgenabled IN ('O', 'A') AND relnamespace = current_schema()::regnamespace"
        )
        return frozenset(connection.exec_driver_sql(statement).scalars())

    def snapshot(self, target: Path) -> None:
        """Raises: StorageFailed: a copy in one file is for its own tools."""
        raise StorageFailed(BACKUP_ADVICE)

    def close(self) -> None:
        """Close all connections."""
        self._close_idle()
        with self._leading:
            if self._leader is not None:
                self._leader.close()
                self._leader = None
        self.engine.dispose()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _answers(connection: psycopg.Connection[Any]) -> bool:
    try:
        connection.execute("SELECT 1")
    except (psycopg.OperationalError, psycopg.InterfaceError):
        return False
    return True


def _new_engine(url: URL) -> Engine:
    options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    ours = {
        "connect_timeout": CONNECT_SECONDS,
        "target_session_attrs": "read-write",
        "application_name": "vultus",
        "options": options,
    }
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # statements in error messages never show names or embeddings
        pool_size=POOL_CONNECTIONS,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_WAIT_SECONDS,
        connect_args={name: value for name, value in ours.items() if name not in url.query},  # what the URL says, holds
    )
    event.listen(engine, "connect", _require_usable)
    event.listen(engine, "connect", _name_timeline)
    event.listen(engine, "checkout", _require_open)
    return engine


def _hung_up(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has ended the connection: an idle one has something to read only then. Asks nobody."""
    if connection.closed:
        return True
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN)
    return bool(watch.poll(0))


def _require_open(connection: psycopg.Connection[Any], *_: object) -> None:
    """Raises: DisconnectionError, for which the pool takes another one. Instead of a question before each use."""
    if _hung_up(connection):
        raise DisconnectionError


def _name_timeline(connection: psycopg.Connection[Any], _: ConnectionPoolEntry) -> None:
    """Let the session know its timeline; not where a service without these functions stands in for PostgreSQL."""
    with suppress(*WITHOUT_TIMELINE), connection.transaction():
        connection.execute(NAME_TIMELINE)


def _require_usable(connection: psycopg.Connection[Any], _: ConnectionPoolEntry) -> None:
    """Raises: SettingsInvalid, for a server that is too old, or a database that cannot hold every text."""
    version, encoding = connection.info.server_version, connection.info.parameter_status("server_encoding")
    if version < OLDEST_VERSION:
        wanted = f"Vultus needs {OLDEST_VERSION // 10_000} or newer"
        raise SettingsInvalid(f"the database server is PostgreSQL {version // 10_000}; {wanted}")
    if encoding != "UTF8":
        raise SettingsInvalid(
            f"the PostgreSQL database is encoded in {encoding}; make one with: createdb --encoding=UTF8 -T template0"
        )
