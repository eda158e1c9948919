"""The chains of audit lines: what was changed or removed shows, and nothing shows of what writers do by themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select

from tests.storage.synthetic import DIMENSION, MODEL, new_face
from tests.waiting import patient
from vultus.records.stored import AuditLine
from vultus.storage import tables as t
from vultus.storage.audit import Act, Audit, insert_lines
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import revisions
from vultus.storage.sealing.audit_chains import broken_chains

T = datetime(2030, 1, 1, tzinfo=UTC)
GUARDS = ("audit_keeps_lines", "audit_goes_only_by_prune", "audit_sealed_again")


def broken(database) -> list[str]:
    with database.reading() as connection:
        return list(broken_chains(connection))


def writers(database) -> list[str]:
    """The writer of each line."""
    with database.reading() as connection:
        return list(connection.execute(select(t.audit.c.writer).order_by(t.audit.c.pk)).scalars())


def add(database, count: int, *, day: int = 0) -> None:
    with database.adding() as connection:
        insert_lines(connection, [AuditLine("k", "find", at=T + timedelta(days=day, hours=n)) for n in range(count)])


def add_and_fail(database, count: int) -> None:
    with database.adding() as connection:
        for _ in range(count):
            insert_lines(connection, [AuditLine("k", "find")])
        raise RuntimeError


def damage(database, statement: str) -> None:
    """As somebody who may do all: without the triggers."""
    with database.migrating() as connection:
        for trigger in GUARDS:
            table = " ON audit" if connection.dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}{table}")
        connection.exec_driver_sql(statement)


@pytest.fixture
def six(database, other_database):
    """Lines 1 to 3 and 5 of one writer, 4 and 6 of another."""
    for writer, count in ((database, 3), (other_database, 1), (database, 1), (other_database, 1)):
        add(writer, count)
    return database


def test_each_process_goes_on_with_a_chain_of_its_own(six):
    first, other = writers(six)[0], writers(six)[3]
    assert first != other
    assert writers(six) == [first, first, first, other, first, other]
    assert broken(six) == []


@pytest.mark.parametrize(
    ("statement", "sentences"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE pk = 2", ["line 2 was changed"]),
        ("UPDATE audit SET decisions = '[]' WHERE pk = 6", ["line 6 was changed"]),
        ("UPDATE audit SET at = '2030-01-01 00:00:01+00:00' WHERE pk = 5", ["line 5 was changed"]),
        ("DELETE FROM audit WHERE pk = 2", ["1 lines are missing before line 3, by number 3 after 1 of its writer"]),
        ("DELETE FROM audit WHERE pk < 4", ["3 lines are missing before line 5, by number 4 after 0 of its writer"]),
        (
            "UPDATE audit SET digest = previous WHERE pk = 2",
            ["line 2 was changed", "line 3 does not go on from the line of its writer before"],
        ),
        (
            "UPDATE audit SET number = 3 - number WHERE pk IN (1, 2)",
            [
                "1 lines are missing before line 1, by number 2 after 0 of its writer",
                "line 1 was changed",
                "lines were exchanged before line 2, by number 1 after 2 of its writer",
                "line 2 was changed",
                "1 lines are missing before line 3, by number 3 after 1 of its writer",
            ],
        ),
    ],
)
def test_what_was_changed_or_removed_is_named(six, statement, sentences):
    if six.engine.dialect.name == "sqlite":
        statement = statement.replace("+00:00", ".000000")
    damage(six, statement)
    assert broken(six) == sentences


def test_a_prune_leaves_a_beginning_that_is_sound(database, other_database):
    for day in range(4):
        add(database, 2, day=day)
        add(other_database, 1, day=day)
    assert Audit(other_database).prune(T + timedelta(days=2), Act("command")) == 6
    add(database, 1, day=5)
    assert broken(database) == []
    damage(database, "DELETE FROM audit WHERE pk = 8")
    assert broken(database) == ["1 lines are missing before line 10, by number 7 after 5 of its writer"]


def test_what_is_undone_leaves_no_gap(database):
    add(database, 1)
    for lines in (1, 0):
        with pytest.raises(RuntimeError):
            add_and_fail(database, lines)
    add(database, 2)
    assert broken(database) == []
    assert len(writers(database)) == 3


def test_lines_of_releases_without_chains_are_passed_over(database):
    columns = "at, actor, action, objects, object_count, outcome"
    line = f"INSERT INTO audit ({columns}) VALUES ('2030-01-01', 'k', 'find', '[]', 0, 'ok')"
    with database.writing() as connection:
        connection.exec_driver_sql(line)
    add(database, 2)
    assert broken(database) == []


@pytest.mark.postgres
def test_writers_of_one_process_do_not_wait_for_each_other(gallery, database):
    gallery.create_collection("others", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    ours = Gallery(database).acting_as(Act("k"))

    def meanwhile() -> None:
        ours.add_faces("others", "berta", [new_face(2)])

    ours.add_faces("people", "anna", [new_face(1)], before_commit=meanwhile)
    ours.add_faces("people", "anna", [new_face(3)])
    assert len(set(writers(database))) == 2
    assert broken(database) == []


def test_many_writers_at_once_raise_no_false_alarm(database, other_database):
    with ThreadPoolExecutor(8) as pool:
        adding = [pool.submit(add, (database, other_database)[n % 2], 1 + n % 3) for n in range(40)]
        for one in adding:
            one.result(patient())
    assert broken(database) == []
    assert len(writers(database)) == sum(1 + n % 3 for n in range(40))


@pytest.mark.postgres
def test_the_revision_adds_to_an_older_postgresql_what_a_new_one_has(database):
    script = next(one for one in revisions().walk_revisions() if "audit_chains" in one.path)
    columns = "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = 'audit'"
    with database.migrating() as connection:
        new = connection.exec_driver_sql(columns).all()
        for name in ("writer", "number", "previous", "digest"):
            connection.exec_driver_sql(f"ALTER TABLE audit DROP COLUMN {name}")
        script.module.upgrade(Operations(MigrationContext.configure(connection)))
        assert sorted(connection.exec_driver_sql(columns).all()) == sorted(new)
