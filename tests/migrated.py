"""New databases of SQLite for tests, copied from one that this process has migrated: a tenth of the time."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from vultus.storage.database import open_database
from vultus.storage.migrations.runner import migrate

DATABASE, KEY = "vultus.db", "installation.key"


def put_new_database(folder: Path) -> None:
    """A database of the newest schema, with the installation key that seals it, unless the folder has either."""
    if not (folder / DATABASE).exists() and not (folder / KEY).exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in (KEY, DATABASE):
            shutil.copy2(_migrated() / name, folder / name)


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vultus-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with closing(open_database(f"sqlite:///{folder / DATABASE}", folder / KEY)) as database:
        migrate(database)
    assert not list(folder.glob("*-wal")), "closed, all of it is in the one file"
    return folder
