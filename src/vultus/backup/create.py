"""Backup: the whole data folder in one file, made while a server goes on writing.

The database is copied as of one moment, then the photos of its faces. A face whose photo is gone by then was erased
meanwhile: it is removed from the copy, and so is its subject when it was erased too and has no other face there. A
photo that is damaged, or missing although its face still exists, ends the backup: `vultus check` has the details.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyrage.x25519 import Identity, Recipient
from sqlalchemy import select

from vultus import __version__
from vultus.backup.archive import DATABASE, ArchiveReader, ArchiveWriter, Manifest
from vultus.backup.encryption import new_identity
from vultus.backup.work_folder import work_folder
from vultus.errors import FaceNotFound, NotFound, StorageFailed
from vultus.files import sync_folder
from vultus.records.stored import EnrolledFace, Subject
from vultus.storage import tables as t
from vultus.storage.database import Database, open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import schema_version
from vultus.storage.photos import PhotoStore

ROWS_AT_ONCE = 10_000


Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]  # what is done, and of how many photos


def no_progress(label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
    """Shows nothing."""
    return nullcontext(lambda: None)


@dataclass(frozen=True)
class Verified:
    """A backup of which every byte was read and compared. sha256: of its file, 64 hex digits."""

    manifest: Manifest
    sha256: str


def create_backup(
    database: Database,
    photos: PhotoStore,
    target: Path,
    *,
    with_key: bool = False,
    recipients: Sequence[Recipient] = (),
    work_dir: Path | None = None,
    progress: Progress = no_progress,
) -> Verified:
    """Write database and photos to a new file, verify it as it was written, and only then give it its name.

    with_key: also the installation key, by which a restore can verify the rows. recipients: for whom it is encrypted,
    and for an identity that is in memory alone, by which it is verified and which is forgotten then. work_dir: of the
    copy of the database meanwhile, which is not encrypted; None: the folder of the file.
    Raises StorageFailed, when the file is there already, or something is missing or damaged; OSError, when the target
    cannot be written.
    """
    if target.exists():
        raise StorageFailed(f"{target} is there already; choose another name, or remove it first")
    identity, own = new_identity()
    sealed_for, opens = ((*recipients, own), (identity,)) if recipients else ((), ())
    with work_folder(work_dir or target.parent) as work, work_folder(target.parent) as beside:
        copy, archive = work / DATABASE, beside / "archive"
        database.snapshot(copy)
        with ArchiveWriter(archive, sealed_for) as writer:
            missing = _add_photos(writer, copy, photos, progress)
            with closing(open_database(f"sqlite:///{copy}", database.installation_key.path)) as copied:
                _remove_erased(copied, missing, database)
                schema = schema_version(copied)
            manifest = _as_one_file(copy, schema)
            writer.add_database(copy)
            if with_key:
                writer.add_key(database.installation_key.key)
            writer.add_manifest(manifest)
        verified = verify(archive, manifest, identities=opens, progress=progress)
        os.rename(archive, target)
    sync_folder(target.parent)
    return verified


def verify(
    archive: Path,
    wanted: Manifest | None = None,
    *,
    identities: Sequence[Identity] = (),
    progress: Progress = no_progress,
) -> Verified:
    """Read a whole backup and compare every byte with its checksums. Raises StorageFailed, InvalidRequest.

    wanted: the manifest that it must have.
    """
    reader, count = ArchiveReader(archive, identities), 0
    with progress("photos verified", wanted.photos if wanted else 0) as advance:
        for count, _ in enumerate(reader.photos(None), 1):  # noqa: B007
            advance()
    found = reader.manifest
    if found is None or reader.sha256 is None or count != found.photos or wanted not in (None, found):
        raise StorageFailed(f"the backup {archive} cannot be used: {count} photos are in it; take another one")
    return Verified(found, reader.sha256)


def _add_photos(writer: ArchiveWriter, copy: Path, photos: PhotoStore, progress: Progress) -> list[str]:
    """Add the photos of the copy's faces; the keys of the missing ones."""
    missing = []
    with progress("photos copied", _count(copy, "count(DISTINCT photo_sha256) FROM faces")) as advance:
        for key in _photo_keys(copy):
            try:
                writer.add_photo(key, photos.get(key))
            except NotFound:
                missing.append(key)
            advance()
    return missing


def _photo_keys(copy: Path) -> Iterator[str]:
    with closing(sqlite3.connect(copy)) as connection:
        rows = connection.execute("SELECT DISTINCT photo_sha256 FROM faces WHERE photo_sha256 IS NOT NULL ORDER BY 1")
        while some := rows.fetchmany(ROWS_AT_ONCE):
            yield from (row[0] for row in some)


def _remove_erased(copied: Database, missing: list[str], live: Database) -> None:
    """Remove the faces of these photos from the copy. Raises StorageFailed, when such a face still exists."""
    gallery = Gallery(copied)
    for key in missing:
        for face_id in _faces_of(copied, key):
            _require_erased(Gallery(live), face_id, key)
            _erase(gallery, gallery.face(face_id), live)


def _faces_of(copied: Database, key: str) -> list[str]:
    with copied.reading() as connection:
        return list(connection.scalars(select(t.faces.c.id).where(t.faces.c.photo_sha256 == key)))


def _require_erased(live: Gallery, face_id: str, key: str) -> None:
    try:
        live.face(face_id)
    except FaceNotFound:
        return
    raise StorageFailed(f"photo {key[:12]}... of face {face_id} is missing, so no backup was made; run: vultus check")


def _erase(gallery: Gallery, face: EnrolledFace, live: Database) -> None:
    gallery.delete_face(face.id)
    subject = gallery.subject(face.collection, face.subject)
    if not subject.faces and not _is_there(live, subject):
        gallery.delete_subject(face.collection, face.subject)


def _is_there(live: Database, subject: Subject) -> bool:
    """Whether the subject still exists, perhaps renamed; one made again under its id has another time of creation."""
    s, c = t.subjects.c, t.collections.c
    found = select(s.pk).join(t.collections, c.pk == s.collection_pk)
    with live.reading() as connection:
        same = (c.name == subject.collection, s.created_at == subject.created_at)
        return connection.execute(found.where(*same)).first() is not None


def _as_one_file(copy: Path, schema: int) -> Manifest:
    """Turn the copy into a single file without a log beside it, and count its content."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise StorageFailed("the database file is damaged, so no backup was made; restore an earlier backup")
    return Manifest(
        vultus=__version__,
        schema=schema,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        subjects=_count(copy, "count(*) FROM subjects"),
        faces=_count(copy, "count(*) FROM faces"),
        photos=_count(copy, "count(DISTINCT photo_sha256) FROM faces"),
    )


def _count(copy: Path, what: str) -> int:
    with closing(sqlite3.connect(copy)) as connection:
        return int(connection.execute(f"SELECT {what}").fetchone()[0])
