"""Names of backups in a folder, and which of them are kept.

    vultus-DATABASE-20261126T103000Z.tar      DATABASE: 12 hex digits that tell a data folder's backups from others'

A moment is UTC, so that names are in the order of time. An encrypted one ends in `.tar.age`.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from vultus.files import sync_folder
from vultus.installation_key import InstallationKey

_DIGITS = 12
_NAME = re.compile(r"vultus-([0-9a-f]{12})-\d{8}T\d{6}Z\.tar(\.age)?")


def backup_name(key: InstallationKey, database: str, now: datetime, *, encrypted: bool) -> str:
    """The name of a backup. database: the URL of the database; now: UTC."""
    return f"vultus-{_database_id(key, database)}-{now:%Y%m%dT%H%M%SZ}.tar{'.age' if encrypted else ''}"


def remove_older(new: Path, keep: int) -> tuple[str, ...]:
    """Remove the oldest backups of the same data folder as `new`, which stays, so that `keep` are left; their names.

    Only regular files whose names are exactly those of such backups. Raises OSError, when one cannot be removed.
    """
    database = _database_of(new)
    others = [path for path in new.parent.iterdir() if path != new and database is not None]
    old = sorted(path for path in others if _database_of(path) == database and _is_plain_file(path))
    gone = old[: max(0, len(old) - (keep - 1))]
    for path in gone:
        path.unlink(missing_ok=True)
    if gone:
        sync_folder(new.parent)
    return tuple(path.name for path in gone)


def _database_id(key: InstallationKey, database: str) -> str:
    return key.seal("backups of", database).hex()[:_DIGITS]


def _database_of(path: Path) -> str | None:
    match = _NAME.fullmatch(path.name)
    return match.group(1) if match else None


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
