"""The private folder in which a backup is made; one that a killed backup left is removed by the next."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from vultus.files import locked

PREFIX = ".vultus-backup-"
YOUNG_SECONDS = 60.0  # a younger one may not have its lock yet


@contextmanager
def work_folder(parent: Path) -> Iterator[Path]:
    """A new folder, readable by this user only, which is gone at the end. Raises OSError."""
    remove_abandoned(parent)
    folder = Path(mkdtemp(prefix=PREFIX, dir=parent))
    try:
        with ExitStack() as stack:
            with suppress(OSError):  # a file system without locks, where nothing is taken for abandoned either
                stack.enter_context(locked(folder, wait=False))
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(parent: Path, *, older_than_seconds: float = YOUNG_SECONDS) -> int:
    """Remove the work folders whose process is gone, with the copies of galleries in them; how many."""
    removed = 0
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # in use by another backup, or gone meanwhile
            if folder.is_dir() and not folder.is_symlink() and _age_seconds(folder) >= older_than_seconds:
                with locked(folder, wait=False):
                    shutil.rmtree(folder)
                removed += 1
    return removed


def _age_seconds(folder: Path) -> float:
    return time.time() - folder.stat().st_mtime
