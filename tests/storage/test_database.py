"""The database: how SQLite is set up, who writes when, what leaves the log, and how refusals read."""

from __future__ import annotations

import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import func, select

import vultus
from tests.storage.synthetic import new_face, unit
from tests.waiting import patient, wait_until
from vultus.errors import InvalidRequest, StorageFailed
from vultus.records.stored import AuditLine
from vultus.storage import tables as t
from vultus.storage.audit import Audit, AuditFilter
from vultus.storage.database import Database, open_database
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import migrate


def pragma(database: Database, name: str) -> object:
    with database.reading() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


@pytest.mark.sqlite
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
def test_connections_are_durable_and_forget(database, name, value):
    assert pragma(database, name) == value


@pytest.mark.sqlite
def test_folder_and_file_are_private(tmp_path, database):
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()} == {0o600}


@pytest.mark.parametrize("other", ["sqlite://", "sqlite:///:memory:", "mysql://host/name", "nonsense", "sqlite:///"])
def test_other_databases_are_refused_in_words(other):
    with pytest.raises(StorageFailed, match="sqlite:///"):
        open_database(other)


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageFailed, match="choose a writable folder"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'sub' / 'vultus.db'}")


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path):
    (tmp_path / "vultus.db").write_bytes(b"not a database, " * 4096)
    with (
        pytest.raises(StorageFailed, match="not an SQLite database"),
        open_database(f"sqlite:///{tmp_path / 'vultus.db'}").reading() as connection,
    ):
        connection.exec_driver_sql("SELECT 1")


@pytest.mark.sqlite
def test_a_full_disk_is_named_and_nothing_is_stored(database, gallery):
    with database.reading() as connection:  # the pool gives this connection again
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StorageFailed, match="the disk is full"):
        gallery.add_faces("people", "anna", [new_face(seed) for seed in range(200)])
    assert gallery.subjects("people", limit=10) == ()


@pytest.mark.sqlite
def test_a_read_only_database_is_named(database, gallery):
    with database.reading() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(StorageFailed, match="read-only"):
        gallery.add_faces("people", "anna", [new_face(1)], name="Anna")


def test_an_error_shows_no_parameters(database):
    with pytest.raises(StorageFailed) as caught, database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (?)", ("Anna",))
    assert "Anna" not in f"{caught.value} {caught.value.__cause__}"


def test_a_lone_surrogate_is_refused_as_input(gallery):
    with pytest.raises(InvalidRequest, match="lone surrogate"):
        gallery.add_faces("people", "anna \ud800", [new_face(1)])


def test_an_exception_inside_a_write_undoes_it(database, gallery):
    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        gallery.add_faces("people", "anna", [new_face(1)], before_commit=fail)
    assert gallery.collection("people").revision == 0
    assert gallery.subjects("people", limit=10) == ()


@pytest.mark.sqlite
def test_the_log_is_cut_unless_a_reader_holds_it(tmp_path, database, gallery, other_database):
    wal = tmp_path / "data" / "vultus.db-wal"
    with other_database.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM faces").scalar_one()
        gallery.add_faces("people", "anna", [new_face(1)])
        assert not database.truncate_wal()
    assert database.truncate_wal()
    assert wal.stat().st_size == 0


@pytest.mark.sqlite
def test_a_cut_that_a_reader_delayed_is_made_up_for(tmp_path, gallery, other_database):
    gallery.add_faces("people", "anna", [new_face(1)])
    with other_database.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM faces").scalar_one()
        gallery.delete_subject("people", "anna")
        assert (tmp_path / "data" / "vultus.db-wal").stat().st_size > 0
    gallery.add_faces("people", "berta", [new_face(2)])
    assert (tmp_path / "data" / "vultus.db-wal").stat().st_size == 0


@pytest.mark.sqlite
def test_a_delayed_cut_is_made_up_for_without_another_write(tmp_path, gallery, other_database):
    wal = tmp_path / "data" / "vultus.db-wal"
    gallery.add_faces("people", "anna", [new_face(1)])
    with other_database.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM faces").scalar_one()
        gallery.delete_subject("people", "anna")
        assert unit(1).tobytes() in wal.read_bytes()
    wait_until(lambda: wal.stat().st_size == 0, "the log to be cut")


@pytest.mark.sqlite
def test_a_process_that_ends_cuts_the_log_once_the_reader_is_gone(tmp_path, gallery, database, other_database):
    wal = tmp_path / "data" / "vultus.db-wal"
    gallery.add_faces("people", "anna", [new_face(1)])
    with ThreadPoolExecutor() as pool:
        with other_database.reading() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM faces").scalar_one()
            gallery.delete_subject("people", "anna")
            closed = pool.submit(database.close)
        closed.result(patient())
    assert not wal.exists() or wal.stat().st_size == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_folder_is_refused_in_words(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageFailed, match="writable folder"):
        open_database(f"sqlite:///{tmp_path / 'vultus.db'}")


def test_two_databases_take_turns_to_write(gallery: Gallery, other_gallery: Gallery):
    def meanwhile() -> None:
        # readers are not held up, and see only what is committed
        assert other_gallery.subjects("people", limit=10) == ()

    gallery.add_faces("people", "anna", [new_face(1)], before_commit=meanwhile)
    assert [subject.id for subject in other_gallery.subjects("people", limit=10)] == ["anna"]


@pytest.mark.sqlite
@pytest.mark.parametrize("write", ["key", "audit line"])
def test_any_write_makes_up_for_a_delayed_cut(tmp_path, database, gallery, other_database, write):
    gallery.add_faces("people", "anna", [new_face(1)])
    with other_database.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM faces").scalar_one()
        gallery.delete_subject("people", "anna")
        assert (tmp_path / "data" / "vultus.db-wal").stat().st_size > 0
    KeyStore(database).create("door", ["find"]) if write == "key" else Audit(database).add(AuditLine("k", "find"))
    assert (tmp_path / "data" / "vultus.db-wal").stat().st_size == 0


@pytest.mark.sqlite
def test_a_log_left_by_a_process_that_died_is_cut_by_the_first_write(tmp_path, gallery, url):
    gallery.add_faces("people", "anna", [new_face(1)])  # the log stays, as the other database is still open
    later = open_database(url)
    Gallery(later).add_faces("people", "berta", [new_face(2)])
    assert (tmp_path / "data" / "vultus.db-wal").stat().st_size == 0
    later.close()


@pytest.mark.sqlite
def test_all_writers_of_a_process_queue_together(database, gallery):
    """While one writes, the others wait for its end without a connection; SQLite would let them poll with one."""
    order: list[str] = []

    def others_wait() -> None:
        for number, write in enumerate((lambda: keys.create("door", ["find"]), lambda: audit.add(AuditLine("k", "x")))):
            threads.append(threading.Thread(target=lambda n=number, w=write: (w(), order.append(f"other {n}"))))
            threads[-1].start()
        for thread in threads:
            thread.join(0.05)
            assert thread.is_alive()
        assert database.engine.pool.checkedout() == 1
        order.append("first")

    keys, audit, threads = KeyStore(database), Audit(database), []
    gallery.add_faces("people", "anna", [new_face(1)], before_commit=others_wait)
    for thread in threads:
        thread.join()
    assert order[0] == "first"
    assert set(order) == {"first", "other 0", "other 1"}


BEHIND_UTC, AHEAD_OF_UTC = (timezone(timedelta(hours=hours)) for hours in (-2, 2))


def test_a_moment_without_a_time_zone_is_refused_and_others_are_stored_in_utc(database):
    naive = datetime(2030, 1, 1, 12)
    with pytest.raises(InvalidRequest, match="has no time zone"):
        Audit(database).add(AuditLine("k", "find", at=naive))
    for beyond in datetime.max.replace(tzinfo=BEHIND_UTC), datetime.min.replace(tzinfo=AHEAD_OF_UTC):
        with pytest.raises(InvalidRequest, match="beyond the years 1 to 9999 in UTC"):
            Audit(database).page(AuditFilter(since=beyond), before=None, limit=1)
    Audit(database).add(AuditLine("k", "find", at=naive.replace(tzinfo=AHEAD_OF_UTC)))
    assert [line.at for line in Audit(database).lines()] == [datetime(2030, 1, 1, 10, tzinfo=UTC)]
    with database.reading() as connection:
        stored = connection.exec_driver_sql("SELECT CAST(at AS TEXT) FROM audit").scalar_one()
    assert stored.startswith("2030-01-01 10:00:00")


@pytest.mark.sqlite
def test_a_snapshot_is_of_one_moment_and_private_to_its_folder(tmp_path, database, gallery):
    gallery.add_faces("people", "anna", [new_face(1)])
    database.snapshot(tmp_path / "copy.db")
    gallery.add_faces("people", "berta", [new_face(2)])
    copy = open_database(f"sqlite:///{tmp_path / 'copy.db'}", database.installation_key.path)
    assert [subject.id for subject in Gallery(copy).subjects("people", limit=10)] == ["anna"]
    copy.close()


def test_only_sqlite_and_the_backup_speak_of_sqlite():
    """So that a second database is one more file beside `sqlite.py`."""
    source = Path(vultus.__file__).parent
    speakers = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if re.search(r"PRAGMA|sqlite3|sqlite_master", path.read_text("utf-8"))
    }
    assert {path for path in speakers if not path.startswith("backup/")} == {"storage/engines/sqlite.py"}


@pytest.mark.sqlite
def test_to_open_a_database_again_leaves_the_locks_of_this_process(tmp_path):
    """To close any descriptor of a file ends all POSIX locks that a process has on it, those of SQLite too."""
    file = tmp_path / "vultus.db"
    with closing(open_database(f"sqlite:///{file}")) as first:
        migrate(first)
        with first.reading() as connection:
            connection.execute(select(func.count()).select_from(t.subjects)).scalar_one()
            held = locks_on(file)
            with closing(open_database(f"sqlite:///{file}")):
                assert locks_on(file) == held > 0


def locks_on(file) -> int:
    """How many POSIX locks this process has on a file."""
    ours = f"{os.getpid()} "
    inode = f":{file.stat().st_ino} "
    return sum(
        "POSIX" in line and ours in line and inode in line for line in Path("/proc/locks").read_text().splitlines()
    )
