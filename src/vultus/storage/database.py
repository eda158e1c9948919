"""The engine under the gallery: SQLite set up for durability and erasure, transactions, driver errors made ours."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from vultus.errors import InvalidRequest, StorageFailed

PAGE_BYTES = 16_384  # a 2 KiB embedding wastes half of a 4 KiB page; seven fit in one of these
BUSY_TIMEOUT_MS = 10_000
CHECKPOINT_WAIT_MS = 200
POOL_CONNECTIONS = 8
POOL_OVERFLOW = 56  # more than the threads of a web server, so that no request waits for a connection
_WRITES = "vultus_writes"

_REFUSALS = {
    "SQLITE_FULL": "the disk is full: nothing was stored; free some space and try again",
    "SQLITE_READONLY": "the database is read-only: nothing was stored; let this user write to its file and folder",
    "SQLITE_BUSY": f"the database was locked for {BUSY_TIMEOUT_MS // 1000} s by another process; try again",
    "SQLITE_LOCKED": "the database is locked; try again",
    "SQLITE_CANTOPEN": "the database cannot be opened; check that its file and folder are readable and writable",
    "SQLITE_CORRUPT": "the database file is damaged; restore it from a backup",
    "SQLITE_NOTADB": "the database file is not an SQLite database; move it away or restore it from a backup",
    "SQLITE_IOERR": "the disk failed to read or write the database; check the disk and its free space",
}


def open_engine(url: str) -> Engine:
    """Make an engine whose SQLite connections keep what is acknowledged and forget what is deleted.

    The file and its folder are created when missing, readable by this user only. WAL journal, synchronous=FULL,
    secure_delete, foreign keys, pages of 16 KiB. Nothing is connected yet; see `migrations.migrate`.

    Raises: StorageFailed, when the URL names no SQLite file or the file cannot be created.
    """
    parsed = _sqlite_url(url)
    _create_private(database_file(url))
    engine = create_engine(
        parsed,
        hide_parameters=True,  # statements in error messages never show names or embeddings
        pool_size=POOL_CONNECTIONS,
        max_overflow=POOL_OVERFLOW,
        connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000},  # we say BEGIN, see _begin
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def existing_database(url: str) -> Iterator[Engine | None]:
    """The database as it is; None while there is none: nothing is made. Raises: StorageFailed."""
    if not database_file(url).is_file():
        yield None
        return
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: every statement sees the same state.

    Raises: StorageFailed, when the database cannot be read.
    """
    with driver_errors(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction, begun IMMEDIATE: what it reads is still true when it commits. An exception rolls back.

    Raises: StorageFailed, when the database cannot be written; InvalidRequest, for text that is no Unicode.
    """
    with driver_errors(), engine.execution_options(**{_WRITES: True}).begin() as connection:
        yield connection


def is_undamaged(engine: Engine) -> bool:
    """Whether the database file passes SQLite's quick check. Raises: StorageFailed, when it cannot be read at all."""
    with reading(engine) as connection:
        return str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()) == "ok"


def truncate_wal(engine: Engine) -> bool:
    """Move the write-ahead log into the database and cut it to nothing, so that erased pages do not linger in it.

    Returns False when a reader or writer was in the way; nothing is lost then, and it can be asked again.
    """
    try:
        with closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"PRAGMA busy_timeout={CHECKPOINT_WAIT_MS}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            row = cursor.fetchone()
            cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    except (sqlite3.Error, DBAPIError, PoolTimeout):
        return False
    return row is not None and row[0] == 0


def database_file(url: str) -> Path:
    """The file that a database URL names. Raises: StorageFailed, when it names none."""
    return Path(str(_sqlite_url(url).database))


def _sqlite_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise StorageFailed("the database URL is malformed; use one like sqlite:///folder/vultus.db") from exc
    if parsed.get_backend_name() != "sqlite":
        name = parsed.get_backend_name()
        raise StorageFailed(f"the database URL names {name!r}; only sqlite:///folder/file.db is supported")
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        raise StorageFailed("the database URL names no file; use one like sqlite:///folder/vultus.db")
    return parsed


def _create_private(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600))  # its -wal and -shm inherit the mode
    except OSError as exc:
        reason = exc.strerror
        raise StorageFailed(f"the database file cannot be opened ({reason}); choose a writable folder") from exc


def _prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")  # heeded only while the file is empty
    _use_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")
    # SQLite's own lower() knows only ASCII letters.
    connection.create_function("lower", 1, _casefold, deterministic=True)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute("PRAGMA temp_store=MEMORY")  # sorting spills no personal data into temporary files


def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn the journal to WAL. Two first starts at once collide here without SQLite's own waiting, so we wait."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while time.monotonic() < deadline:
        with suppress(sqlite3.OperationalError):
            if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
                return
        time.sleep(0.01)
    connection.execute("PRAGMA journal_mode=WAL")


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get(_WRITES, False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute("BEGIN")  # cannot fail, and takes a fifth of the time this way, in every read


@contextmanager
def driver_errors() -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError:  # its own message quotes the text, so it is not chained
        problem = "an id or a name holds a lone surrogate, which is no Unicode text; remove it"
        raise InvalidRequest(problem) from None
    except PoolTimeout as exc:
        raise StorageFailed("all database connections stayed in use for 30 s; try again") from exc
    except DBAPIError as exc:
        raise StorageFailed(_refusal(exc)) from exc


def _refusal(exc: DBAPIError) -> str:
    name = str(getattr(exc.orig, "sqlite_errorname", type(exc.orig).__name__))
    for prefix, sentence in _REFUSALS.items():
        if name.startswith(prefix):
            return sentence
    return f"the database refused ({name}); see the server's log"
