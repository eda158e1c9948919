"""Brings a database to the schema of this code, with the Alembic revisions in `versions/`.

A schema is known by the number of its revision: "0003" is 3. Revisions are only ever added, in one line; a released one
is never edited. `tables.py` describes the state after the last one, and a test holds the two together.

Each revision is one write transaction, which also stores its number: a crash leaves the schema before it or after it.
In an empty database they are one together, as there is nothing to keep. That transaction is also the lock: of several
processes that start at once, one runs the revision, and the others wait and then find it done. There is no env.py, and
revisions get their `Operations` as an argument: the proxies behind `alembic.op` and `alembic.context` are global, and
would mix up two threads.

A database of PostgreSQL begins with the tables as `tables.py` describes them, and the number of the newest revision:
there is none of before. The revisions up to FIRST_ON_POSTGRES, in `versions/before_postgres`, never run there. Those
after it run on both, so they are written with `op`, or ask `op.get_bind().dialect.name`.

Up to schema 3, releases kept the number in a table of their own, `schema_version`. It is still written: such a release
then refuses a database that is newer than itself, instead of migrating it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, insert, inspect, select

from vultus.errors import StorageFailed
from vultus.storage.collections import quoted
from vultus.storage.database import Database, is_sqlite, open_database, require_database
from vultus.storage.migrations.postgres_schema import create_tables
from vultus.storage.moving.unfinished import require_finished
from vultus.storage.sealing.seals import SEALED_SINCE, require_same_key

FIRST_ON_POSTGRES = 13
VERSIONS = Path(__file__).with_name("versions")
_RELEASED = Table("schema_version", MetaData(), Column("version", Integer, primary_key=True))


@dataclass(frozen=True)
class _Stored:
    """The schema of a database, 0 while it is empty; by_alembic: whether Alembic's table holds it."""

    schema: int
    by_alembic: bool


def migrate(database: Database, *, until: int | None = None, folders: Sequence[Path] = (VERSIONS,)) -> int:
    """Bring the database to the newest schema and return its number; safe to repeat and to run concurrently.

    until: the schema to stop at, as an older release would. folders: of the revisions.
    The installation key is made where no row was sealed yet.
    Raises: StorageFailed, when the database is newer than this code or cannot be written, its rows were sealed with
    another installation key, or a move into it did not finish.
    """
    scripts = revisions(folders)
    newest = _newest(scripts)
    with database.reading() as connection:  # first without the write lock: most starts find nothing to do
        require_finished(connection)
        stored = _stored(connection)
    if stored.schema < SEALED_SINCE and database.seals_rows:
        database.installation_key.make()  # with which the revision seals the rows
    while not stored.by_alembic or stored.schema < (newest if until is None else until):
        with database.migrating() as connection:
            stored = _advance(connection, scripts, newest if until is None else until)
    _require_known(stored.schema, newest)
    if stored.schema >= SEALED_SINCE and database.seals_rows:
        require_same_key(database)
    return stored.schema


@contextmanager
def ready_database(url: str, key_file: Path | None = None, *, may_create: bool = False) -> Iterator[Database]:
    """The database of a URL, brought to the schema of this code; closed at the end.

    key_file: the file of the installation key; None: that in the folder of the database.
    may_create: whether it is made where there is none; in a wrong folder, a new one would look empty and sound.
    Raises: StorageFailed.
    """
    if not may_create:
        require_database(url)
    with closing(open_database(url, key_file)) as database:
        if not may_create and not is_sqlite(url) and not schema_version(database):
            raise StorageFailed("the database has no tables of Vultus yet; start the server once, or correct the URL")
        migrate(database)
        yield database


def schema_version(database: Database) -> int:
    """The schema of a database as it is now, 0 while it is empty. Raises: StorageFailed, as `migrate`."""
    with database.reading() as connection:
        require_finished(connection)
        return _stored(connection).schema


def newest_schema() -> int:
    """The schema of this code."""
    return _newest(revisions())


def revisions(folders: Sequence[Path] = (VERSIONS,)) -> ScriptDirectory:
    """The revisions in these folders."""
    return ScriptDirectory(VERSIONS.parent, version_locations=folders, recursive_version_locations=True)


def _newest(scripts: ScriptDirectory) -> int:
    return int(scripts.get_current_head() or 0)


def _stored(connection: Connection) -> _Stored:
    heads = MigrationContext.configure(connection).get_current_heads()
    foreign = [head for head in heads if not head.isdecimal()]
    if foreign:
        raise _too_new(quoted(foreign[0]), _newest(revisions()))
    released = 0
    if inspect(connection).has_table(_RELEASED.name):
        released = connection.execute(select(func.coalesce(func.max(_RELEASED.c.version), 0))).scalar_one()
    return _Stored(max([released, *map(int, heads)]), bool(heads))


def _advance(connection: Connection, scripts: ScriptDirectory, wanted: int) -> _Stored:
    """Take one step, unless another process was first: take over a schema of before Alembic, or run a revision.

    An empty database takes all steps at once.
    """
    stored = _stored(connection)
    _require_known(stored.schema, _newest(scripts))
    if not stored.schema and connection.dialect.name == "postgresql":
        create_tables(connection)
        MigrationContext.configure(connection).stamp(scripts, f"{_newest(revisions()):04d}")
        return _stored(connection)
    last = min(stored.schema + 1, wanted) if stored.schema else wanted
    following = range(stored.schema + 1, last + 1)
    steps = [_step(scripts, f"{number:04d}") for number in following]
    context = MigrationContext.configure(connection, opts={"fn": lambda *_: steps})
    if stored.schema and not stored.by_alembic:
        context.stamp(scripts, f"{stored.schema:04d}")
    elif steps:
        context.run_migrations(op=Operations(context))
        if connection.dialect.name == "sqlite":
            _RELEASED.create(connection, checkfirst=True)
            connection.execute(insert(_RELEASED), [{"version": number} for number in following])
    return _stored(connection)


def _step(scripts: ScriptDirectory, revision: str) -> MigrationStep:
    script = scripts.get_revision(revision)
    assert script is not None
    return MigrationStep.upgrade_from_script(scripts.revision_map, script)


def _require_known(schema: int, newest: int) -> None:
    if schema > newest:
        raise _too_new(str(schema), newest)


def _too_new(schema: str, newest: int) -> StorageFailed:
    return StorageFailed(
        f"the database has schema {schema}, this Vultus knows schemas up to {newest}; "
        "install the newer Vultus again, or restore a backup made before the upgrade"
    )
