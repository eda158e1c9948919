"""Seals: every change of a stored row from outside is noticed, named by `check`, and decides nothing."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.storage.synthetic import DIMENSION, MODEL, fill_review, new_face, unit
from vultus.backup.integrity import faults
from vultus.backup.seal_check import broken_seals
from vultus.errors import InstallationKeyMissing, SealBroken, StorageFailed
from vultus.installation_key import FILE_NAME, InstallationKey
from vultus.records.embedding_spaces import Space
from vultus.records.stored import ImageLabel, JobItem
from vultus.search.index import FlatIndex
from vultus.storage import tables as t
from vultus.storage.audit import Act
from vultus.storage.database import Database, open_database
from vultus.storage.gallery import Gallery
from vultus.storage.keys import KeyStore
from vultus.storage.migrations.runner import migrate
from vultus.storage.photos import LocalPhotoStore
from vultus.storage.replication.replicas import Identity, Replica
from vultus.storage.sealing.seals import SEALED, seal_anew, seal_sql, sealed_columns

pytestmark = pytest.mark.sqlite

HOUR = timedelta(hours=1)


def fill(gallery: Gallery, keys: KeyStore) -> None:
    """At least one row in each table."""
    gallery = gallery.acting_as(Act("command"))
    for seed in range(4):
        face = replace(new_face(seed), label=ImageLabel("a" * 32, f"badge {seed}"))
        gallery.add_faces("people", f"s{seed}", [face], name=f"name {seed}", metadata={"seen": seed})
    target = Space("model-b", 1, DIMENSION)
    gallery.spaces.begin("people", target)
    waiting, _ = gallery.spaces.remaining("people", after=0, limit=10)
    results = [unit(100), unit(101), "its photo is damaged", unit(103)]
    gallery.spaces.add("people", target, list(zip(waiting, results, strict=True)))
    gallery.delete_face(gallery.faces("people", "s3")[0].id)
    gallery.add_faces("people", "s5", [new_face(5)])
    gallery.delete_subject("people", "s5")
    gallery.corrections.rename("people", "s2", "s two", undo_for=HOUR)
    gallery.corrections.move(gallery.faces("people", "s two")[0].id, "s0", undo_for=HOUR)
    key, _ = keys.create("door", ["find"], collections=["people"])
    keys.rotate(key.id, overlap=HOUR)
    keys.register("aws", "shop", "s" * 40, ["find"], access_key_id="AKIAIOSFODNN7EXAMPLE")
    gallery.request_tokens.add(key.id, "token", "f" * 64, datetime.now(UTC))
    gallery.jobs.add("reembed", {"model": "model-b"}, collection="people")
    bulk = gallery.jobs.add("enroll", {}, collection="people", webhook="http://hr.example/hook")
    gallery.jobs.advance(bulk.id, 1, 2, [JobItem(0, "s9/1.jpg", "s9", "refused", None, "low_quality", "it is dark")])
    fill_review(gallery, "s0", "s1")


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """A data folder with rows in all tables, to be copied."""
    folder = tmp_path_factory.mktemp("filled")
    with closing(open_database(f"sqlite:///{folder / 'vultus.db'}")) as database:
        migrate(database)
        gallery = Gallery(database)
        gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
        fill(gallery, KeyStore(database))
        fill_replicas(database)
    return folder


def fill_replicas(database: Database) -> None:
    """What servers that share a database note of each other."""
    replica = Replica(database, Identity("1", MODEL, "m", 1, "c"))
    replica.join()
    with database.writing() as connection:
        connection.execute(t.replica_marks.insert().values(replica_id=replica.id, collection_pk=1, revision=1))
        connection.execute(t.pruned_removals.insert().values(collection_pk=1, revision=1))
        connection.execute(t.replayed_ledgers.insert().values(ledger="l1", bytes=99))


@pytest.fixture
def file(tmp_path, filled) -> Path:
    shutil.copytree(filled, tmp_path / "data")
    return tmp_path / "data" / "vultus.db"


@pytest.fixture
def database(file, url) -> Iterator[Database]:
    with closing(open_database(url)) as database:
        yield database


@pytest.fixture
def gallery(database) -> Gallery:
    return Gallery(database)


def tamper(file: Path, statement: str, *values: object) -> int:
    """Run a statement without Vultus: as in a hex editor, no trigger sees it. How many rows it changed."""
    with closing(sqlite3.connect(file)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        count = connection.execute(statement, values).rowcount
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()
        return count


def found(database) -> list[str]:
    with database.reading() as connection:
        return list(broken_seals(database, connection))


def changed(value: object) -> object:
    """The nearest other value: one more, or one bit flipped."""
    if value is None:
        return 1
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return math.nextafter(value, math.inf)
    if isinstance(value, str):
        return chr(ord(value[0]) ^ 1) + value[1:]
    assert isinstance(value, bytes)
    return value[:-4] + bytes([value[-4] ^ 1]) + value[-3:]  # the lowest bit of the last float32


def test_what_vultus_writes_matches_its_seal(file, database, tmp_path):
    with closing(sqlite3.connect(file)) as connection:
        counts = {
            table.name: connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0] for table in SEALED
        }
    assert 0 not in counts.values(), counts
    assert found(database) == []


def sentences_after(database, statement: str, *values: object) -> list[str]:
    """What `check` says after a change that no trigger sees, which is then taken back."""
    with suppress(TakenBack), database.writing() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for trigger in database.triggers(connection):
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        connection.exec_driver_sql(statement, values)
        sentences = list(broken_seals(database, connection))
        raise TakenBack
    return sentences


class TakenBack(Exception):
    """Ends a transaction without a commit."""


@pytest.mark.parametrize("table", SEALED, ids=lambda table: table.name)
def test_the_smallest_change_of_any_value_is_found(file, database, table):
    for column in sealed_columns(table):
        with closing(sqlite3.connect(file)) as connection:
            rowid, value = connection.execute(f'SELECT rowid, "{column}" FROM {table} ORDER BY rowid DESC').fetchone()
        statement = f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?'
        sentences = sentences_after(database, statement, changed(value), rowid)
        expected = f"1 rows of {table.name} were changed from outside or damaged: "
        assert [sentence[: len(expected)] for sentence in sentences] == [expected], column
    assert found(database) == []


def test_a_text_that_is_no_unicode_any_more_is_named_and_does_not_end_the_check(file, database, gallery):
    face = gallery.faces("people", "s0")[0].id
    tamper(file, "UPDATE faces SET box = CAST(x'ff' || box AS TEXT) WHERE id = ?", face)
    sentences = [fault.sentence for fault in faults(database, LocalPhotoStore(file.parent / "photos"))]
    assert f"1 rows of faces were changed from outside or damaged: {face}" in sentences


@pytest.mark.parametrize("link", ["subject_pk", "revision"])
def test_faces_that_were_exchanged_are_found(file, database, link):
    tamper(file, f"UPDATE faces SET {link} = 3 - {link} WHERE pk IN (1, 2)")
    assert [sentence.split(":")[0] for sentence in found(database)] == [
        "2 rows of faces were changed from outside or damaged"
    ]


def test_embeddings_that_were_exchanged_with_codes_and_seals_are_found(file, database):
    for table in ("embeddings", "codes"):
        tamper(file, f"UPDATE {table} SET face_pk = -face_pk WHERE face_pk IN (1, 2)")
        tamper(file, f"UPDATE {table} SET face_pk = 3 + face_pk WHERE face_pk < 0")
    assert len(found(database)) == 2
    assert all(sentence.startswith("2 rows of") for sentence in found(database))


def test_rows_without_a_seal_are_counted(file, database):
    tamper(file, "UPDATE audit SET seal = NULL WHERE pk < 4")
    assert found(database) == ["3 rows of audit have no seal: number 1, number 2, number 3"]


def test_a_trigger_that_is_gone_is_noticed(file, database):
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER faces_sealed_again")
    assert any("a trigger is gone" in fault.sentence for fault in faults(database, LocalPhotoStore(file.parent)))


# --- what was changed decides nothing


def test_an_embedding_that_was_changed_is_left_out_of_searches(file, database, gallery, caplog):
    index = FlatIndex(gallery)
    victim = gallery.faces("people", "s1")[0].id
    tamper(file, "UPDATE embeddings SET embedding = ? WHERE face_pk = 2", unit(77).tobytes())
    for probe in (unit(1), unit(77)):
        (candidates,) = index.search("people", probe[None, :], 10)
        assert {one.subject for one in candidates} == {"s0"}
    assert f"face {victim} does not match its seal" in caplog.text


def test_a_face_that_was_given_to_another_subject_is_left_out_of_searches(file, gallery):
    tamper(file, "UPDATE faces SET subject_pk = 1 WHERE pk = 2")
    (candidates,) = FlatIndex(gallery).search("people", unit(1)[None, :], 10)
    assert all(one.similarity < 0.9 for one in candidates)


@pytest.mark.parametrize(
    "change",
    [
        "codes = zeroblob(length(codes))",
        "codes = 'text'",
        "codes = 7",
        "codes = zeroblob(3)",
        "seal = NULL",
        "(codes, seal) = (SELECT other.codes, other.seal FROM codes AS other WHERE other.face_pk = 1)",
    ],
)
def test_codes_that_were_changed_are_made_again(file, gallery, change):
    tamper(file, f"UPDATE codes SET {change} WHERE face_pk = 2")
    without_embeddings = FlatIndex(gallery, memory_bytes=1)
    (candidates,) = without_embeddings.search("people", unit(1)[None, :], 1)
    assert candidates[0].subject == "s1"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE embeddings SET embedding = zeroblob(64) WHERE face_pk = 2",
        "UPDATE embeddings SET embedding = zeroblob(63) WHERE face_pk = 2",
        "UPDATE faces SET subject_pk = 2 WHERE pk = 1",
        "UPDATE subjects SET name = 'another' WHERE id = 's1'",
    ],
)
def test_no_verification_rests_on_a_face_that_was_changed(file, gallery, statement):
    tamper(file, statement)
    with pytest.raises(SealBroken, match="does not match its seal, so it is not used; run: vultus check"):
        gallery.embeddings("people", "s1")


@pytest.mark.parametrize(
    "change", ["scopes = '[\"admin\"]'", "expires_at = NULL, revoked_at = NULL, collections = NULL"]
)
def test_a_key_that_was_changed_opens_nothing(file, keys, change):
    key, secret = keys.create("visitor", ["find"], collections=["people"])
    keys.authenticate(secret, datetime.now(UTC))
    tamper(file, f"UPDATE api_keys SET {change} WHERE id = ?", key.id)
    with pytest.raises(SealBroken, match=f"the stored row of API key {key.id}"):
        keys.authenticate(secret, datetime.now(UTC))


def test_the_end_of_a_replaced_secret_cannot_be_put_off(file, keys):
    key, secret = keys.create("visitor", ["find"])
    keys.rotate(key.id, overlap=HOUR)
    tamper(file, "UPDATE replaced_secrets SET works_until = '2999-01-01' WHERE key_id = ?", key.id)
    with pytest.raises(SealBroken):
        keys.authenticate(secret, datetime.now(UTC))


def test_policies_that_were_changed_are_not_followed(file, gallery):
    tamper(file, "UPDATE collections SET policies = ?", '{"min_quality": 1}')
    with pytest.raises(SealBroken, match="the stored row of collection number 1 does not match"):
        gallery.binding("people")


def test_an_undo_that_was_changed_is_refused_and_a_job_is_not_run(file, gallery):
    undo = gallery.corrections.move(gallery.faces("people", "s1")[0].id, "s0", undo_for=HOUR).undo
    tamper(file, "UPDATE undo_log SET subject_pk = 1 WHERE id = ?", undo.id)
    with pytest.raises(SealBroken):
        gallery.corrections.undo(undo.id)
    tamper(file, "UPDATE jobs SET parameters = '{\"to\": 1}'")
    assert gallery.jobs.start_next() is None


def test_a_change_by_vultus_gives_no_good_seal_to_a_forged_row(file, database, keys):
    key, _ = keys.create("visitor", ["find"])
    tamper(file, "UPDATE api_keys SET scopes = '[\"admin\"]' WHERE id = ?", key.id)
    with pytest.raises(StorageFailed, match="a stored row does not match its seal, so nothing was changed"):
        keys.touch(key.id, datetime.now(UTC))
    assert found(database) == [f"1 rows of api_keys were changed from outside or damaged: {key.id}"]


def test_a_forged_row_can_be_erased(file, database, gallery):
    tamper(file, "UPDATE embeddings SET embedding = zeroblob(64) WHERE face_pk = 2")
    gallery.delete_subject("people", "s1")
    assert found(database) == []


# --- the key


def test_the_key_is_made_once_for_this_user_only(file, database, other_database):
    key = file.with_name(FILE_NAME)
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_text()
    migrate(other_database)
    assert key.read_text() == before


def test_a_database_does_not_open_without_its_key_or_with_another(file, database):
    database.close()
    key = file.with_name(FILE_NAME)
    key.rename(file.with_name("aside"))
    with (
        closing(open_database(f"sqlite:///{file}")) as opened,
        pytest.raises(InstallationKeyMissing, match="seal-anew"),
    ):
        migrate(opened)
    assert not key.exists()
    InstallationKey(key).make()
    with closing(open_database(f"sqlite:///{file}")) as opened, pytest.raises(InstallationKeyMissing, match="were not"):
        migrate(opened)
    with closing(open_database(f"sqlite:///{file}")) as opened:
        assert [fault.kind for fault in faults(opened, LocalPhotoStore(file.parent))].count("seals") == 1
        seal_anew(opened)
        migrate(opened)
        assert found(opened) == []


def test_rows_of_an_older_schema_are_sealed_by_the_upgrade(url):
    with closing(open_database(url)) as older:
        migrate(older, until=9)
        with older.writing() as connection:
            connection.exec_driver_sql(
                "INSERT INTO collections (name, model_id, pipeline_version, dimension, revision, created_at) "
                "VALUES ('people', 'm', 1, 3, 0, '2026-01-01 00:00:00.000000')"
            )
        migrate(older)
        assert found(older) == []
        assert Gallery(older).binding("people").revision == 0


def test_the_triggers_seal_what_the_tables_have(database):
    with database.reading() as connection:
        stored = dict(connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all())
    for table in SEALED:
        for end in ("_sealed", "_sealed_again"):
            assert seal_sql(table.name, sealed_columns(table), "NEW") in stored[f"{table.name}{end}"]


def test_no_other_values_have_the_same_seal(tmp_path):
    key = InstallationKey(tmp_path / "key")
    key.make()
    values = [
        ("a", "bc"),
        ("ab", "c"),
        (b"ab", "c"),
        ("ab", None),
        ("ab",),
        (1, 2),
        (12,),
        (1.0, 2),
        (1, b"2"),
        (b"i1", 2),
    ]
    assert len({key.seal(*some) for some in values}) == len(values)
    assert key.seal(0.0) == key.seal(-0.0)
    assert key.seal(np.nextafter(1.0, 2.0).item()) != key.seal(1.0)


def test_the_seals_of_many_rows_are_those_of_each(tmp_path):
    key = InstallationKey(tmp_path / "key")
    key.make()
    numbers, contents = [1, 23, 2**40], [b"", b"a" * 520, bytes(range(256))]
    one_by_one = [key.seal("codes", "integerblob", *row) for row in zip(numbers, contents, strict=True)]
    assert key.seals_of("'codes', 'integerblob'", numbers, contents) == one_by_one


@pytest.mark.parametrize("content", ["", "abc", "g" * 64, "0" * 63])
def test_a_file_that_holds_no_key_is_refused_without_showing_it(tmp_path, content):
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(StorageFailed, match="holds no installation key") as refusal:
        _ = InstallationKey(path).key
    assert not content or content not in str(refusal.value)
