"""A move of a small gallery that has something in every table: there, back, stopped in the middle, refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tests.storage.synthetic import DIMENSION, MODEL, fill_review, new_face, sha256, unit
from vultus.errors import SealBroken, StorageFailed
from vultus.search.index import FlatIndex
from vultus.storage import tables as t
from vultus.storage.audit import COMMAND, Act, Audit
from vultus.storage.database import Database, open_database
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import migrate
from vultus.storage.moving.database_move import compare, copy_rows, examine_source, finish, rows_there
from vultus.storage.moving.numbering import NUMBERED, last_numbers
from vultus.storage.moving.table_rows import MOVED, content

NOW = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)
FACES = 25


@pytest.fixture
def source(database: Database) -> Database:
    """A gallery with something in every table."""
    act = Act(COMMAND)
    gallery, keys = Gallery(database).acting_as(act), KeyStore(database).acting_as(act)
    for name in ("people", "staff", "gone"):
        gallery.create_collection(name, model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    for seed in range(FACES):
        gallery.add_faces("people", f"Zoë {seed // 2}", [new_face(seed)])
    gallery.add_faces("staff", "anna", [new_face(100), new_face(101)])
    gallery.add_faces("staff", "berta", [new_face(102)])
    gallery.corrections.merge("staff", "berta", "anna", undo_for=timedelta(hours=1))
    gallery.update_subject("people", "Zoë 1", expires_at=NOW + timedelta(days=900))
    gallery.delete_subject("people", "Zoë 0")
    gallery.delete_collection("gone")
    fill_review(gallery, "Zoë 2", "Zoë 3")
    key = keys.create("door", ["find"], expires_at=NOW + timedelta(days=900))[0]
    keys.rotate(key.id, overlap=timedelta(hours=1))
    keys.register(
        "aws", "an app", "aSecretOfFortyCharactersAsThoseOfAWSHave0", ["find"], access_key_id="AKIAEXAMPLEOFATESTKEY"
    )
    _fill_the_rest(database)
    return database


def _fill_the_rest(database: Database) -> None:
    """The tables that a re-embedding, a pruning, a job and clients of other services fill."""
    with database.writing() as connection:
        face = connection.execute(select(t.faces.c.pk).order_by(t.faces.c.pk).limit(1)).scalar_one()
        pk = connection.execute(select(t.collections.c.pk).limit(1)).scalar_one()
        connection.execute(insert(t.embeddings_b).values(face_pk=face, embedding=unit(7)))
        connection.execute(insert(t.codes_b).values(face_pk=face, codes=bytes(range(256))))
        connection.execute(insert(t.unembedded).values(face_pk=face, slot=1, reason="no photo"))
        other = {"model_id": "model-b", "pipeline_version": 2, "dimension": 4, "state": "filling"}
        connection.execute(insert(t.other_spaces).values(collection_pk=pk, **other))
        connection.execute(insert(t.pruned_removals).values(collection_pk=pk, revision=1))
        connection.execute(insert(t.replayed_ledgers).values(ledger="l1", bytes=99))
        job = {"kind": "reembed", "parameters": "{}", "state": "queued", "cancelling": 0, "done": 0, "total": 3}
        connection.execute(insert(t.jobs).values(id="j1", created_at=NOW, **job))
        job_pk = connection.execute(select(t.jobs.c.pk)).scalar_one()
        item = {"number": 0, "file": "ana/1.jpg", "subject": "ana", "outcome": "enrolled", "cautions": "[]"}
        connection.execute(insert(t.job_items).values(job_pk=job_pk, **item))
        told = {"address": "https://hr.example/hook", "state": "waiting", "attempts": 0, "next_at": NOW}
        connection.execute(insert(t.webhooks).values(job_pk=job_pk, **told))
        connection.execute(insert(t.image_labels).values(face_pk=face, image_id="a" * 32, external_id="badge 7"))
        token = {"token_sha256": "b" * 64, "request_sha256": "c" * 64}
        connection.execute(insert(t.request_tokens).values(at=NOW, **token))


@pytest.fixture
def target_url(url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an empty database of the other kind."""
    if not url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'other' / 'vultus.db'}"
        return
    server = request.getfixturevalue("postgres")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@contextmanager
def opened(url: str, folder: Path) -> Iterator[Database]:
    with closing(open_database(url, folder / "other.key")) as database:
        yield database


@pytest.fixture
def target(target_url: str, tmp_path: Path) -> Iterator[Database]:
    with opened(target_url, tmp_path) as database:
        yield database


def moved(source: Database, target: Database, **options: int) -> dict[str, str]:
    """Move all; the digests by table."""
    known = examine_source(source)
    rows_there(target, known)
    copy_rows(source, target, known, **options)
    found = compare(source, target)
    finish(source, target, Act(COMMAND))
    return {name: one.sha256 for name, one in found.items()}


def digests(database: Database) -> dict[str, str]:
    return {table.name: content(database, table).sha256 for table in MOVED}


class Stopped(Exception):
    pass


def stopping_after(chunks: int):
    """For `advance`: stops the move after so many transactions."""
    left = [chunks]

    def advance(rows: int) -> None:
        left[0] -= 1
        if not left[0]:
            raise Stopped

    return advance


# --- there and back


def test_every_table_is_moved_but_what_belongs_to_a_database():
    assert {table.name for table in MOVED} == set(t.METADATA.tables) - {"installation", "replicas", "replica_marks"}


def test_the_gallery_of_these_tests_has_something_in_every_table(source):
    assert {name: rows for name, rows in examine_source(source).rows.items() if not rows} == {}


def test_there_and_back_every_digest_is_equal(source, target, url, tmp_path, request):
    before = digests(source)
    assert moved(source, target, size=7) == before
    server = None if url.startswith("sqlite") else request.getfixturevalue("postgres")
    third = f"sqlite:///{tmp_path / 'third' / 'vultus.db'}" if server is None else server.url(server.create_database())
    with opened(third, tmp_path) as back:
        again = moved(target, back)
    assert digests(source) == before
    assert {name for name in before if again[name] != before[name]} == {"audit"}  # which has the line of the move
    assert [line.action for line in Audit(target).lines()][-1] == "move"


def test_a_search_answers_the_same_afterwards(source, target):
    moved(source, target)
    answers = []
    for database in (source, target):
        gallery = Gallery(database)
        with closing(FlatIndex(gallery)) as index:
            answers.append(
                [index.search(name, unit(seed)[None], 5) for name in ("people", "staff") for seed in (3, 8, 101)]
            )
    assert answers[0] == answers[1]
    assert answers[0][0][0][0].subject == "Zoë 1"


def test_what_is_stored_next_is_numbered_on_as_in_the_source(source, target):
    """The collection `gone` had the number 3, which is never given again."""
    moved(source, target)
    with source.reading() as connection:
        wanted = last_numbers(connection)
    wanted["audit"] += 1
    with target.reading() as connection:
        found = last_numbers(connection)
    if target.seals_rows:  # SQLite gives the numbers of other rows again
        wanted |= {name: found[name] for name in found if name not in ("audit", "collections", "jobs")}
    assert found == wanted
    gallery = Gallery(target)
    gallery.create_collection("new", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    gallery.add_faces("new", "cora", [new_face(500)])
    assert gallery.mark("new").collection_pk == 4
    assert len(NUMBERED) == 9


def test_keys_work_afterwards_and_undo_too(database, source, target):
    _, secret = KeyStore(database).create("gate", ["find"])
    moved(source, target)
    assert KeyStore(target).authenticate(secret, datetime.now(UTC)).name == "gate"
    with target.reading() as connection:
        undo_id = connection.execute(select(t.undo_log.c.id)).scalar_one()
    Gallery(target).corrections.undo(undo_id)
    assert Gallery(target).subject("staff", "berta").faces


def test_to_the_same_kind_of_database(source, url, tmp_path, request):
    server = None if url.startswith("sqlite") else request.getfixturevalue("postgres")
    other = f"sqlite:///{tmp_path / 'third' / 'vultus.db'}" if server is None else server.url(server.create_database())
    before = digests(source)
    with opened(other, tmp_path) as target:
        assert moved(source, target) == before


@pytest.mark.postgres
def test_rows_of_sqlite_get_the_seals_of_its_installation_key(source, target):
    moved(source, target)
    with target.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER subjects_sealed_again")
        connection.exec_driver_sql("UPDATE subjects SET name = 'Eve' WHERE pk = (SELECT min(pk) FROM subjects)")
    with pytest.raises(SealBroken, match="table subjects"):
        content(target, t.subjects)


# --- stopped in the middle


@pytest.mark.parametrize("after", [1, 4, 12])
def test_a_stopped_move_goes_on_where_it_was(source, target, after):
    known = examine_source(source)
    with pytest.raises(Stopped):
        copy_rows(source, target, known, advance=stopping_after(after), size=3)
    there, copied = rows_there(target, known), []
    assert 0 < there < sum(known.rows.values())
    copy_rows(source, target, known, advance=copied.append, size=3)
    assert there + sum(copied) == sum(known.rows.values())
    compare(source, target)


def test_an_unfinished_target_is_not_served(source, target):
    known = examine_source(source)
    with pytest.raises(Stopped):
        copy_rows(source, target, known, advance=stopping_after(2))
    with pytest.raises(StorageFailed, match="did not finish"):
        migrate(target)
    with pytest.raises(StorageFailed, match="did not finish"):
        examine_source(target)
    copy_rows(source, target, known)
    finish(source, target, Act(COMMAND))
    migrate(target)


def test_a_source_that_was_changed_meanwhile_is_not_gone_on_with(source, target):
    copy_rows(source, target, examine_source(source))
    Gallery(source).delete_subject("people", "Zoë 3")
    with pytest.raises(StorageFailed, match="the source has changed"):
        rows_there(target, examine_source(source))


def test_a_table_that_differs_is_named_and_the_move_not_finished(source, target):
    known = examine_source(source)
    copy_rows(source, target, known)
    with target.writing() as connection:
        connection.execute(t.faces.update().values(detector_score=0.5))
    with pytest.raises(StorageFailed, match="the table faces differs"):
        compare(source, target)
    assert rows_there(target, known) == sum(known.rows.values())


# --- refused


def test_a_target_that_holds_something_else_is_refused_and_left_as_it_is(source, target):
    migrate(target)
    Gallery(target).create_collection("theirs", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    with pytest.raises(StorageFailed, match="the target holds 1 collections"):
        rows_there(target, examine_source(source))
    assert [one.name for one in Gallery(target).collections()] == ["theirs"]


def test_a_database_of_another_program_is_refused(source, target):
    with target.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE orders (pk INTEGER)")
    with pytest.raises(StorageFailed, match="1 tables of something else"):
        rows_there(target, examine_source(source))


def test_a_database_with_empty_tables_is_empty(source, target):
    migrate(target)
    assert rows_there(target, examine_source(source)) == 0
    moved(source, target)


@pytest.mark.sqlite
def test_a_row_that_was_changed_from_outside_is_not_moved(source, target):
    with source.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER subjects_sealed_again")
        connection.exec_driver_sql("UPDATE subjects SET name = 'Eve'")
    with pytest.raises(SealBroken, match="a row of the table subjects"):
        copy_rows(source, target, examine_source(source))


@pytest.mark.sqlite
def test_an_older_schema_is_not_moved_and_not_changed(tmp_path, url):
    with closing(open_database(url)) as database:
        migrate(database, until=12)
        with pytest.raises(StorageFailed, match="has schema 12, and a move needs"):
            examine_source(database)


def test_the_moment_and_the_bytes_of_a_row_are_the_same(source, target):
    moved(source, target)
    rows = []
    for database in (source, target):
        with database.reading() as connection:
            made = connection.execute(select(t.jobs.c.created_at)).scalar_one()
            rows.append((made, connection.execute(select(t.codes_b.c.codes)).scalar_one()))
    assert rows == [(NOW, bytes(range(256)))] * 2


def test_equal_digests_mean_equal_rows(source):
    """Worked by hand: one value of one row is another, so only the digest of that table is."""
    before = digests(source)
    with source.writing() as connection:
        connection.execute(
            t.faces.update().where(t.faces.c.source_sha256 == sha256("source 5")).values(photo_width=641)
        )
    after = digests(source)
    assert {name for name in before if before[name] != after[name]} == {"faces"}
