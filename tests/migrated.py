"""New databases of SQLite for tests, copied from one that this process has migrated: a tenth of the time."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from vultus.storage.database import Database, open_database
from vultus.storage.migrations.runner import migrate

DATABASE, KEY = "vultus.db", "installation.key"


def open_migrated(folder: Path) -> Database:
    """The database in a folder; a new one of the newest schema where there is none and no key either."""
    new = not (folder / DATABASE).exists() and not (folder / KEY).exists()
    if new:
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in (KEY, DATABASE):
            shutil.copy2(_migrated() / name, folder / name)
    database = _opened(folder)
    if not new:
        migrate(database)
    return database


def _opened(folder: Path) -> Database:
    return open_database(f"sqlite:///{folder / DATABASE}", folder / KEY)


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vultus-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with closing(_opened(folder)) as database:
        migrate(database)
    assert not list(folder.glob("*-wal")), "closed, all of it is in the one file"
    return folder
