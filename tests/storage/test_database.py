"""The engine: how SQLite is set up, and how its refusals read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.storage.synthetic import new_face
from vultus.errors import InvalidRequest, StorageFailed
from vultus.storage.database import open_engine, reading, truncate_wal, writing
from vultus.storage.gallery import Gallery


def pragma(engine: Engine, name: str) -> object:
    with reading(engine) as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL
        ("page_size", 16_384),
        ("foreign_keys", 1),
        ("secure_delete", 1),
        ("busy_timeout", 10_000),
    ],
)
def test_connections_are_durable_and_forget(engine, name, value):
    assert pragma(engine, name) == value


def test_folder_and_file_are_private(tmp_path, engine):
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()} == {0o600}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://host/name", "nonsense", "sqlite:///"])
def test_other_databases_are_refused_in_words(url):
    with pytest.raises(StorageFailed, match="sqlite:///"):
        open_engine(url)


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageFailed, match="choose a writable folder"):
        open_engine(f"sqlite:///{tmp_path / 'file' / 'sub' / 'vultus.db'}")


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path):
    (tmp_path / "vultus.db").write_bytes(b"not a database, " * 4096)
    with (
        pytest.raises(StorageFailed, match="not an SQLite database"),
        reading(open_engine(f"sqlite:///{tmp_path / 'vultus.db'}")) as connection,
    ):
        connection.exec_driver_sql("SELECT 1")


def test_a_full_disk_is_named_and_nothing_is_stored(engine, gallery):
    with reading(engine) as connection:  # the pool gives this connection again
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageFailed, match="the disk is full"):
        gallery.add_faces("people", "anna", [new_face(seed) for seed in range(200)])
    assert gallery.subjects("people", limit=10) == ()


def test_a_read_only_database_is_named(engine, gallery):
    with reading(engine) as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(StorageFailed, match="read-only"):
        gallery.add_faces("people", "anna", [new_face(1)], name="Anna")


def test_an_error_shows_no_parameters(engine):
    with pytest.raises(StorageFailed) as caught, writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (?)", ("Anna",))
    assert "Anna" not in f"{caught.value} {caught.value.__cause__}"


def test_a_lone_surrogate_is_refused_as_input(gallery):
    with pytest.raises(InvalidRequest, match="lone surrogate"):
        gallery.add_faces("people", "anna \ud800", [new_face(1)])


def test_an_exception_inside_a_write_undoes_it(engine, gallery):
    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        gallery.add_faces("people", "anna", [new_face(1)], before_commit=fail)
    assert gallery.collection("people").revision == 0
    assert gallery.subjects("people", limit=10) == ()


def test_the_log_is_cut_unless_a_reader_holds_it(tmp_path, engine, gallery, other_engine):
    wal = tmp_path / "data" / "vultus.db-wal"
    with reading(other_engine) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM faces").scalar_one()
        gallery.add_faces("people", "anna", [new_face(1)])
        assert not truncate_wal(engine)
    assert truncate_wal(engine)
    assert wal.stat().st_size == 0


def test_a_cut_that_a_reader_delayed_is_made_up_for(tmp_path, gallery, other_engine):
    gallery.add_faces("people", "anna", [new_face(1)])
    with reading(other_engine) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM faces").scalar_one()
        gallery.delete_subject("people", "anna")
    assert (tmp_path / "data" / "vultus.db-wal").stat().st_size > 0
    gallery.add_faces("people", "berta", [new_face(2)])
    assert (tmp_path / "data" / "vultus.db-wal").stat().st_size == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_folder_is_refused_in_words(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageFailed, match="writable folder"):
        open_engine(f"sqlite:///{tmp_path / 'vultus.db'}")


def test_two_engines_take_turns_to_write(gallery: Gallery, other_gallery: Gallery):
    def meanwhile() -> None:
        # readers are not held up, and see only what is committed
        assert other_gallery.subjects("people", limit=10) == ()

    gallery.add_faces("people", "anna", [new_face(1)], before_commit=meanwhile)
    assert [subject.id for subject in other_gallery.subjects("people", limit=10)] == ["anna"]
