"""Restore: a backup into an empty data folder, whole or not at all.

Everything is written beside its place, verified, and then renamed, the database last: while it is missing, the restore
is unfinished. A restore that was killed leaves `*.restoring` behind: a server refuses such a folder, and the next
restore starts again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pyrage.x25519 import Identity

from vultus.backup.archive import ArchiveReader, Manifest
from vultus.backup.integrity import faults
from vultus.errors import StorageFailed
from vultus.files import make_folders, sync_folder
from vultus.installation_key import FILE_NAME, InstallationKey
from vultus.storage import tables as t
from vultus.storage.audit import Act, Audit
from vultus.storage.database import database_file, open_database
from vultus.storage.engines.write_queue import SUFFIX as WRITE_LOCK
from vultus.storage.erasure_ledger.ledger import ErasureLedger
from vultus.storage.erasure_ledger.replay import replay
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate, schema_version
from vultus.storage.moving.table_rows import row_count
from vultus.storage.photos import LocalPhotoStore, PhotoStore, StoredPhotos
from vultus.storage.sealing.seals import SEALED_SINCE, is_same_key, seal_anew

RESTORING = ".restoring"


@dataclass(frozen=True)
class Restored:
    """What a restore put in place. sealed: whether the rows match their seals; without their key that cannot be told.

    erasures: how many of the ledger were done again. subjects, faces: how many there are after these.
    """

    manifest: Manifest
    sealed: bool
    erasures: int
    subjects: int
    faces: int


def restore_backup(
    archive: Path,
    database: Path,
    photo_folder: Path,
    act: Act,
    key_file: Path | None = None,
    *,
    identities: Sequence[Identity] = (),
    ledger: ErasureLedger | None = None,
    store: PhotoStore | None = None,
    report: Callable[[int, int | None], None] = lambda done, total: None,
) -> Restored:
    """Put a backup in place. The caller holds the data folder (`server_lock.serving_alone`).

    key_file: of the installation key; None: in the folder of the database. A key in the backup goes there. identities:
    that open an encrypted backup. ledger: of erasures, which are done again. store: takes the photos at the end, in
    place of the folder; those that it has already stay. report: called with how many photos were unpacked, and None.
    Raises StorageFailed, when the folder is not empty, or the backup is damaged; then nothing is in place.
    """
    _require_empty(database, photo_folder)
    new_database, new_photos = _beside(database), _beside(photo_folder)
    _discard(new_database, new_photos)
    key = InstallationKey(key_file or database.with_name(FILE_NAME))
    had_key = key.exists()
    try:
        reader = ArchiveReader(archive, identities)
        manifest = _unpack(reader, new_database, new_photos, report)
        settle_key(reader, key)
        sound = make_sound(new_database, LocalPhotoStore(new_photos), act, key, ledger)
        os.sync()  # once, instead of for each photo
    except BaseException:
        _discard(new_database, new_photos)
        if not had_key:
            key.path.unlink(missing_ok=True)
        raise
    if store is None:
        _put_in_place(new_photos, photo_folder)
    else:
        _hand_over(new_photos, store)
    _put_in_place(new_database, database)
    _discard(new_database, new_photos)  # what lay beside it
    return Restored(manifest, *sound)


def refuse_unfinished(url: str) -> None:
    """Raises StorageFailed, when a restore into the database of this URL was killed before its end."""
    database = database_file(url)
    if _beside(database).exists():
        raise StorageFailed(
            f"a restore into {database.parent.absolute()} did not finish; run it again: vultus restore FILE"
        )


def _beside(path: Path) -> Path:
    return path.with_name(path.name + RESTORING)


def _require_empty(database: Path, photo_folder: Path) -> None:
    unfinished = _beside(database).exists()  # then the photos, if any, are those of that restore
    held = database if database.exists() else photo_folder
    empty = not held.exists() or (held.is_dir() and not any(held.iterdir()))
    if not empty and (held == database or not unfinished):
        raise StorageFailed(
            f"{held.absolute()} is there already; restore into an empty data folder, with --data-dir or "
            "VULTUS_DATA_DIR, and serve that one afterwards"
        )


def _discard(database: Path, photos: Path) -> None:
    for path in (database, *(database.with_name(database.name + end) for end in ("-wal", "-shm", WRITE_LOCK))):
        path.unlink(missing_ok=True)
    shutil.rmtree(photos, ignore_errors=True)


def _unpack(reader: ArchiveReader, database: Path, photos: Path, report: Callable[[int, int | None], None]) -> Manifest:
    make_folders(database.parent)
    make_folders(photos)
    for number, (key, data) in enumerate(reader.photos(database), 1):
        report(number, None)  # the manifest, which has their number, comes after them
        place = photos / key[:2] / key[2:4] / key
        make_folders(place.parent, synced=False)
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
    return whole_manifest(reader, database)


def whole_manifest(reader: ArchiveReader, database: Path) -> Manifest:
    """The manifest of an archive that was read to its end. Raises StorageFailed, when it held no database."""
    if reader.manifest is None or not database.exists():
        raise StorageFailed(f"the backup {reader.path} cannot be used: it holds no database; take another one")
    return reader.manifest


def settle_key(reader: ArchiveReader, key: InstallationKey) -> None:
    """See to it that there is a key: that of the archive, where it has one. Raises StorageFailed, when that differs."""
    if reader.key is not None:
        key.put(reader.key)
    key.make()
    if reader.key not in (None, key.key):
        raise StorageFailed(f"{key.path} is not the installation key of the backup; move it away")


def make_sound(
    database: Path, photos: StoredPhotos, act: Act, key: InstallationKey, ledger: ErasureLedger | None
) -> tuple[bool, int, int, int]:
    """Bring the database to the schema of this code, erase whom the ledger names, and check that all agrees.

    Returns whether the key is that of the seals, otherwise the rows are sealed anew with it; how many were erased; and
    how many subjects and faces are left.
    """
    with closing(open_database(f"sqlite:///{database}", key.path)) as ready:
        sealed = schema_version(ready) >= SEALED_SINCE
        verified = sealed and is_same_key(ready)
        if sealed and not verified:
            seal_anew(ready)
        migrate(ready)
        found = list(faults(ready, photos, digests=False))  # the digests were verified on the way
        if found:
            raise StorageFailed(f"the backup cannot be used: {found[0].sentence}; take another one")
        Audit(ready).add(act.line("restore"))
        erasures, orphans = replay(ready, ledger, act) if ledger is not None else (0, ())
        Gallery(ready).photos.remove(orphans, photos.delete)
        with ready.reading() as connection:
            subjects, faces = (row_count(connection, table) for table in (t.subjects, t.faces))
        return verified, erasures, subjects, faces


def _hand_over(photos: Path, store: PhotoStore) -> None:
    """Put all photos into another store, then remove the folder. When it fails, the restore may be run again."""
    local = LocalPhotoStore(photos)
    keys = local.keys()
    for key in keys:
        store.put(local.get(key))
    shutil.rmtree(photos)


def _put_in_place(new: Path, place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    os.rename(new, place)
    sync_folder(place.parent)
