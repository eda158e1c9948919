"""Faces of which no photo is kept: stored, read, erased, checked and backed up like any other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from tests.storage.synthetic import MODEL, new_face, sha256, unit
from vultus.backup.create import create_backup
from vultus.backup.integrity import faults
from vultus.backup.restore import restore_backup
from vultus.errors import StorageFailed
from vultus.records.seen import ModelEmbedding
from vultus.records.stored import NewFace
from vultus.search.index import FlatIndex
from vultus.storage.audit import Act
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate
from vultus.storage.photos import LocalPhotoStore


def bare_face(seed: int) -> NewFace:
    """A face that is known by its embedding only."""
    return NewFace(ModelEmbedding(unit(seed), MODEL), digest=sha256(f"embedding {seed}"))


@pytest.fixture
def photos(tmp_path) -> LocalPhotoStore:
    return LocalPhotoStore(tmp_path / "data" / "photos")


def test_a_face_of_an_embedding_has_nothing_that_is_seen_in_a_photo(gallery):
    _, (enrolled,) = gallery.add_faces("people", "anna", [bare_face(1)])
    face = gallery.face(enrolled.face.id)
    assert (face.photo, face.box, face.detector_score, face.quality, face.source_size) == (None,) * 5
    assert face.landmarks == ()
    assert FlatIndex(gallery).search("people", unit(1)[None], 1)[0][0].face_id == face.id


def test_a_face_whose_photo_is_not_kept_has_box_quality_and_size_of_the_original(gallery):
    new = new_face(1)
    stored = NewFace(new.template, None, new.source_sha256, (4000, 3000))
    _, (enrolled,) = gallery.add_faces("people", "anna", [stored])
    face = gallery.face(enrolled.face.id)
    assert (face.photo, face.box, face.source_size) == (None, new.template.face.box, (4000, 3000))
    assert face.quality == new.template.quality


def test_the_same_embedding_again_is_the_same_face(gallery):
    _, first = gallery.add_faces("people", "anna", [bare_face(1), bare_face(2)])
    _, again = gallery.add_faces("people", "anna", [bare_face(2), bare_face(1)])
    assert [one.face.id for one in again] == [one.face.id for one in first][::-1]
    assert [one.created for one in again] == [False, False]


def test_erasing_one_asks_for_no_photo_and_leaves_those_of_others(gallery):
    _, (bare,) = gallery.add_faces("people", "anna", [bare_face(1)])
    gallery.add_faces("people", "anna", [new_face(2)])
    deleted, keys = gallery.delete_face(bare.face.id)
    assert (deleted.faces, deleted.photos, keys) == (1, 0, ())
    gallery.add_faces("people", "bob", [bare_face(3)])
    assert gallery.delete_subject("people", "anna")[1] == (new_face(2).photo.sha256,)
    assert gallery.delete_collection("people")[1] == ()
    assert gallery.photo_keys() == frozenset()


@pytest.mark.sqlite
def test_a_backup_holds_them_and_the_check_finds_them_sound(tmp_path, database, gallery, photos):
    data = b"photo 2"
    with_photo = new_face(2, photo=data.decode())
    photos.put(data)
    gallery.add_faces(
        "people", "anna", [bare_face(1), replace(with_photo, photo=replace(with_photo.photo, size_bytes=7))]
    )
    assert list(faults(database, photos)) == []
    manifest = create_backup(database, photos, tmp_path / "saved").manifest
    assert (manifest.faces, manifest.photos) == (2, 1)
    restore_backup(tmp_path / "saved", tmp_path / "new" / "vultus.db", tmp_path / "new" / "photos", Act("command"))
    with open_database(f"sqlite:///{tmp_path / 'new' / 'vultus.db'}").reading() as connection:
        assert connection.exec_driver_sql("SELECT count(photo_sha256), count(*) FROM faces").one() == (1, 2)


def test_one_face_each_of_several_subjects_is_one_transaction_with_one_audit_line(database, gallery):
    acting = gallery.acting_as(Act("command"))
    stored = acting.add_faces_of_several("people", [("anna", bare_face(1)), (None, bare_face(2)), (None, bare_face(3))])
    owners = [one.face.subject for one in stored]
    assert owners[0] == "anna"
    assert len(set(owners)) == 3
    with database.reading() as connection:
        lines = connection.exec_driver_sql("SELECT action, object_count FROM audit").all()
        revisions = connection.exec_driver_sql("SELECT count(DISTINCT revision) FROM faces").scalar_one()
    assert (lines, revisions) == ([("enroll", 3)], 3)
    found = FlatIndex(gallery).search("people", unit(3)[None], 1)
    assert found[0][0].subject == owners[2]


def test_of_several_subjects_none_is_stored_when_the_last_step_fails(gallery):
    def fail() -> None:
        raise StorageFailed("the disk is full")

    with pytest.raises(StorageFailed):
        gallery.add_faces_of_several("people", [("anna", bare_face(1)), ("bob", bare_face(2))], before_commit=fail)
    assert gallery.subjects("people", limit=9) == ()


# --- the migration


@pytest.mark.sqlite
def test_the_table_is_replaced_without_losing_what_refers_to_it(tmp_path, url):
    database = open_database(url)
    migrate(database, until=3)
    database.close()
    file = tmp_path / "data" / "vultus.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"INSERT INTO collections VALUES (1, 'people', '{MODEL}', 1, 16, 9, '2026-01-01 00:00:00')")
        connection.execute("INSERT INTO subjects VALUES (7, 1, 'anna', NULL, '{}', '2026-01-01 00:00:00')")
        for pk in (3, 5_000_000_000):
            face = (pk, f"f{pk}", 1, 7, 9, sha256("photo"), sha256(str(pk)), 640, 480, 9, "[1, 2, 3, 4]", "[]", 0.9)
            values = (*face, 80.0, "{}", "2026-01-01 00:00:00")
            connection.execute(f"INSERT INTO faces VALUES ({', '.join('?' * 16)})", values)
            connection.execute("INSERT INTO embeddings VALUES (?, ?)", (pk, unit(1).tobytes()))
        connection.commit()
    database = open_database(url)
    migrate(database, until=5)
    with database.reading() as connection:
        before = connection.exec_driver_sql("SELECT * FROM faces ORDER BY pk").all()
    migrate(database, until=6)
    with database.reading() as connection:
        after = connection.exec_driver_sql("SELECT * FROM faces ORDER BY pk").all()
        assert connection.exec_driver_sql("SELECT face_pk FROM embeddings").scalars().all() == [3, 5_000_000_000]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    assert [tuple(row) for row in after] == [(*row, None, None) for row in before]
    migrate(database)
    Gallery(database).delete_subject("people", "anna")
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM embeddings").scalar_one() == 0
    database.close()


@pytest.mark.sqlite
def test_a_migration_that_leaves_orphans_is_undone(database, gallery):
    gallery.add_faces("people", "anna", [bare_face(1)])
    with (
        pytest.raises(StorageFailed, match="2 rows of the database belong to nothing"),
        database.migrating() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM faces")
    assert len(gallery.faces("people", "anna")) == 1
    with database.writing() as connection:  # the same connection of the pool: foreign keys are on again
        connection.exec_driver_sql("DELETE FROM faces")
        assert connection.exec_driver_sql("SELECT count(*) FROM embeddings").scalar_one() == 0
