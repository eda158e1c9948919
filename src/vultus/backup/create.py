"""Backup: the whole data folder in one file, made while a server goes on writing.

The database is copied as of one moment, then the photos of its faces. A face whose photo is gone by then was erased
meanwhile: it is removed from the copy, and so is its subject when it was erased too and has no other face there. A
photo that is damaged, or missing although its face still exists, ends the backup: `vultus check` has the details.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from vultus import __version__
from vultus.backup.archive import DATABASE, ArchiveReader, ArchiveWriter, Manifest
from vultus.errors import FaceNotFound, NotFound, StorageFailed
from vultus.files import sync_folder
from vultus.records.stored import EnrolledFace, Subject
from vultus.storage import tables as t
from vultus.storage.database import Database, open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import schema_version
from vultus.storage.photos import PhotoStore

ROWS_AT_ONCE = 10_000


def create_backup(database: Database, photos: PhotoStore, target: Path, *, with_key: bool = False) -> Manifest:
    """Write database and photos to a new file, verify it, and only then give it its name. Returns its manifest.

    with_key: also the installation key, by which a restore can verify the rows.
    Raises StorageFailed, when the file is there already, or something is missing or damaged; OSError, when the target
    cannot be written.
    """
    if target.exists():
        raise StorageFailed(f"{target} is there already; choose another name, or remove it first")
    with TemporaryDirectory(prefix=".vultus-backup-", dir=target.parent) as folder:  # readable by this user only
        copy, archive = Path(folder) / DATABASE, Path(folder) / "archive"
        database.snapshot(copy)
        with ArchiveWriter(archive) as writer:
            missing = _add_photos(writer, copy, photos)
            with closing(open_database(f"sqlite:///{copy}", database.installation_key.path)) as copied:
                _remove_erased(copied, missing, database)
                schema = schema_version(copied)
            manifest = _as_one_file(copy, schema)
            writer.add_database(copy)
            if with_key:
                writer.add_key(database.installation_key.key)
            writer.add_manifest(manifest)
        verify(archive, manifest)
        os.rename(archive, target)
    sync_folder(target.parent)
    return manifest


def verify(archive: Path, wanted: Manifest | None = None) -> Manifest:
    """Read a whole backup and compare every byte with its checksums. Raises StorageFailed."""
    reader = ArchiveReader(archive)
    count = sum(1 for _ in reader.photos(None))
    found = reader.manifest
    if found is None or count != found.photos or wanted not in (None, found):
        raise StorageFailed(f"the backup {archive} cannot be used: {count} photos are in it; take another one")
    return found


def _add_photos(writer: ArchiveWriter, copy: Path, photos: PhotoStore) -> list[str]:
    """Add the photos of the copy's faces; the keys of the missing ones."""
    missing = []
    for key in _photo_keys(copy):
        try:
            writer.add_photo(key, photos.get(key))
        except NotFound:
            missing.append(key)
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

        def count(what: str) -> int:
            return int(connection.execute(f"SELECT {what}").fetchone()[0])

        return Manifest(
            vultus=__version__,
            schema=schema,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            subjects=count("count(*) FROM subjects"),
            faces=count("count(*) FROM faces"),
            photos=count("count(DISTINCT photo_sha256) FROM faces"),
        )
