"""SQLite as a `Database`: one file, set up for durability and erasure, with one write queue."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import cast

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from vultus.errors import InvalidRequest, StorageFailed, VultusError
from vultus.files import make_folders, sync_folder
from vultus.installation_key import FILE_NAME, InstallationKey
from vultus.metrics.stopwatch import stage
from vultus.storage.engines.network_folders import network_file_system
from vultus.storage.engines.wal_residue import WalResidue
from vultus.storage.engines.write_queue import WriteQueue
from vultus.storage.sealing.audit_chains import KEY, Chains

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


class SQLiteDatabase:
    """A `Database` in one SQLite file, created when missing, with its folder, readable by this user only.

    WAL journal, synchronous=FULL, secure_delete, foreign keys, pages of 16 KiB. Nothing is connected before the first
    transaction.
    """

    seals_rows = True
    count_request = None

    def __init__(self, url: URL, installation_key: InstallationKey | None = None) -> None:
        """installation_key: None: that in the folder of the database.

        Raises: StorageFailed, when the URL names no file, one that cannot be created, or one over a network.
        """
        file = sqlite_file(url)
        _require_local(file.parent)
        _create_private(file)
        self.installation_key = installation_key or InstallationKey(file.with_name(FILE_NAME))
        self.engine = _new_engine(url, self.installation_key)
        self._write_engine = self.engine.execution_options(**{_WRITES: True})
        self._write_queue = WriteQueue(file)
        self._idle: deque[sqlite3.Connection] = deque()  # of `cursor`
        self._chains = Chains()
        # A process that died between an erasure and the truncation left such a log, so the first write truncates it.
        self._residue = WalResidue(self._cut_in_turn, held=file.with_name(f"{file.name}-wal").is_file())

    @contextmanager
    def reading(self, *, once: bool = False) -> Iterator[Connection]:
        """One read transaction: every statement sees the same state, also `once`. Raises: StorageFailed."""
        with stage("database_read"), _driver_errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def cursor(self, *, once: bool = False) -> Iterator[DBAPICursor]:
        """As `reading`, by the driver alone. Raises: StorageFailed."""
        with stage("database_read"), _driver_errors():
            connection = self._own_connection()
            try:
                connection.execute("BEGIN")
                yield cast(DBAPICursor, connection.cursor())
                connection.execute("ROLLBACK")  # ends unfinished statements too
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)

    def _own_connection(self) -> sqlite3.Connection:
        """One that is idle, or a new one, prepared as those of the pool, which takes ten times as long to give one."""
        with suppress(IndexError):
            return self._idle.pop()
        pooled = self.engine.raw_connection()
        connection = pooled.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        pooled.detach()
        return connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction, begun IMMEDIATE: what it reads is still true when it commits.

        Writers of all processes queue here: SQLite itself lets waiting writers poll.

        Raises: StorageFailed, when the database cannot be written; InvalidRequest, for text that is no Unicode.
        """
        with stage("database_write"), self._write_queue.turn():
            with self._chains.lent() as chain, _driver_errors(), self._write_engine.begin() as connection:
                connection.info[KEY] = chain
                yield connection
            if self._residue.held:
                self._residue.held = not self.truncate_wal()
        if self._residue.held:
            self._residue.retry_later()

    @contextmanager
    def adding(self) -> Iterator[Connection]:
        """As `writing`: SQLite has one writer at a time."""
        with self.writing() as connection:
            yield connection

    @contextmanager
    def locking_rows(self) -> Iterator[Connection]:
        """As `writing`: SQLite locks no rows."""
        with self.writing() as connection:
            yield connection

    @contextmanager
    def erasing(self) -> Iterator[Connection]:
        """A write after which the old pages also leave the write-ahead log; soon after if a reader holds it."""
        with self.writing() as connection:
            yield connection
            self._residue.held = True

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """As `writing`, with foreign keys enforced only at its end.

        SQLite drops a column's NOT NULL only by replacing the table, and with foreign keys on, dropping the old table
        deletes the rows that reference it (https://sqlite.org/lang_altertable.html, section 7).

        Raises: StorageFailed, when a row would belong to nothing at the end; then nothing is changed.
        """
        with self._write_queue.turn(), _driver_errors(), self._write_engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.execute("PRAGMA foreign_keys=OFF")  # before the transaction: within one it has no effect
            try:
                with connection.begin():
                    yield connection
                    self._require_no_orphans(connection)
            finally:
                driver.execute("PRAGMA foreign_keys=ON")  # the pool gives this connection out again
        self.truncate_wal()  # a replaced table is in the log as a whole

    def _require_no_orphans(self, connection: Connection) -> None:
        count = self.orphans(connection)
        if count:
            problem = f"{count} rows of the database belong to nothing, so it was left as it was"
            raise StorageFailed(f"{problem}; restore a backup")

    def _cut_in_turn(self) -> bool:
        """Cut the log as a writer in the queue, without waiting for readers; whether it holds nothing erased now."""
        with self._write_queue.turn():
            self._residue.held = self._residue.held and not self.truncate_wal(wait_ms=0)
            return not self._residue.held

    def truncate_wal(self, *, wait_ms: int = CHECKPOINT_WAIT_MS) -> bool:
        """Move the write-ahead log into the database and cut it to nothing, so that no erased page stays in it.

        Returns False when a reader or writer was in the way; nothing is lost then, and it can be tried again.
        """
        try:
            with closing(self.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
                cursor.execute(f"PRAGMA busy_timeout={wait_ms}")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                row = cursor.fetchone()
                cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")  # the pool gives this connection out again
        except (sqlite3.Error, DBAPIError, PoolTimeout):
            return False
        return row is not None and row[0] == 0

    def leads(self) -> bool:
        """True: one server has the data folder, see `server_lock.py`."""
        return True

    def is_undamaged(self, connection: Connection, *, thorough: bool = False) -> bool:
        """Whether the file passes SQLite's quick check, or its integrity check, which also compares the indexes."""
        check = "integrity_check" if thorough else "quick_check"
        return str(connection.exec_driver_sql(f"PRAGMA {check}(1)").scalar_one()) == "ok"

    def stored_bytes(self, connection: Connection) -> tuple[int, int]:
        """The sizes of the file and of its write-ahead log."""
        file = sqlite_file(self.engine.url)
        sizes = [one.stat().st_size if one.is_file() else 0 for one in (file, file.with_name(f"{file.name}-wal"))]
        return sizes[0], sizes[1]

    def orphans(self, connection: Connection) -> int:
        """The number of rows whose foreign key names no row."""
        return len(connection.exec_driver_sql("PRAGMA foreign_key_check").all())

    def triggers(self, connection: Connection) -> frozenset[str]:
        """The names of all triggers."""
        statement = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        return frozenset(connection.exec_driver_sql(statement).scalars())

    def snapshot(self, target: Path) -> None:
        """Copy the database, as of one moment, to a new file; writers go on meanwhile. Raises: StorageFailed."""
        try:
            with closing(self.engine.raw_connection()) as connection, closing(sqlite3.connect(target)) as copy:
                source: sqlite3.Connection = connection.driver_connection  # type: ignore[assignment]
                source.backup(copy)  # all pages in one step: of one moment, and writers are not held up (WAL)
        except sqlite3.Error as exc:
            problem = f"the database could not be copied ({exc}); check the free space of the target"
            raise StorageFailed(problem) from exc

    def close(self) -> None:
        """Close all connections; the last one of all processes removes the write-ahead log."""
        self._residue.close()
        while self._idle:
            self._idle.pop().close()
        self.engine.dispose()
        self._write_queue.close()


def sqlite_file(url: URL) -> Path:
    """The file that a database URL names. Raises: StorageFailed, when it names none."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StorageFailed("the database URL names no file; use one like sqlite:///folder/vultus.db")
    return Path(url.database)


def _require_local(folder: Path) -> None:
    kind = network_file_system(folder)
    if kind is not None:
        raise StorageFailed(
            f"the folder {folder} is on a network file system ({kind}), whose locks SQLite cannot rely on: faces could "
            "be lost; choose a local folder with --data-dir or VULTUS_DATA_DIR"
        )


def _create_private(path: Path) -> None:
    try:
        make_folders(path.parent)
        try:  # its -wal and -shm inherit the mode
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o600))
            sync_folder(path.parent)  # SQLite syncs the file, not its name
        except FileExistsError:
            pass  # and never opened here: to close it would end all locks that this process has on it
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            raise StorageFailed(f"{path} is no file but a pipe or device; choose another folder")
    except OSError as exc:
        reason = exc.strerror
        raise StorageFailed(f"the database file cannot be opened ({reason}); choose a writable folder") from exc


def _new_engine(url: URL, key: InstallationKey) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,  # statements in error messages never show names or embeddings
        pool_size=POOL_CONNECTIONS,
        max_overflow=POOL_OVERFLOW,
        connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000},  # we say BEGIN, see _begin
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "connect", partial(_add_seals, key))
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")  # heeded only while the file is empty
    _use_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")  # with WAL, NORMAL would lose the last commits in a power cut
    connection.create_function("lower", 1, _casefold, deterministic=True)  # SQLite's own knows only ASCII letters
    connection.execute("PRAGMA foreign_keys=ON")  # off by default, and needed for the cascades
    connection.execute("PRAGMA secure_delete=ON")  # overwrites deleted content with zeros
    connection.execute("PRAGMA temp_store=MEMORY")  # sorting spills no personal data into temporary files


def _add_seals(key: InstallationKey, connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    """Give the connection the functions by which its triggers seal rows: see `sealing/seals.py`."""
    connection.create_function("vultus_seal", -1, key.seal, deterministic=True)
    connection.create_function("vultus_key_id", 0, lambda: key.id, deterministic=True)


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
def _driver_errors() -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError:  # its own message quotes the text, so it is not chained
        problem = "an id or a name holds a lone surrogate, which is no Unicode text; remove it"
        raise InvalidRequest(problem) from None
    except PoolTimeout as exc:
        raise StorageFailed("all database connections stayed in use for 30 s; try again") from exc
    except DBAPIError as exc:
        raise StorageFailed(_refusal(exc.orig)) from exc
    except sqlite3.Error as exc:
        raise StorageFailed(_refusal(exc)) from exc
    except StatementError as exc:  # SQLAlchemy wraps what a column type of `tables.py` raises
        if isinstance(exc.orig, VultusError):
            raise exc.orig from None
        raise


def _refusal(exc: BaseException | None) -> str:
    name = str(getattr(exc, "sqlite_errorname", type(exc).__name__))
    if "does not match its seal" in str(exc):
        return "a stored row does not match its seal, so nothing was changed; run: vultus check"
    for prefix, sentence in _REFUSALS.items():
        if name.startswith(prefix):
            return sentence
    return f"the database refused ({name}); see the server's log"
