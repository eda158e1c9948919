"""The audit: every change has its line, in its transaction; no line goes or changes or holds a person's name."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from tests.storage.synthetic import DIMENSION, MODEL, new_face
from vultus.errors import FaceNotFound, StorageFailed, SubjectNotFound
from vultus.records.decisions import Decision
from vultus.records.stored import AuditLine
from vultus.storage.audit import Act, Audit, AuditFilter, insert_lines

ACT = "0123456789abcdef0123456789abcdef"
T = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def audit(database):
    return Audit(database)


@pytest.fixture
def ours(gallery):
    """The gallery, used by a key."""
    return gallery.acting_as(Act(ACT, request_id="r-1"))


def recorded(audit: Audit) -> list[tuple[object, ...]]:
    return [(line.action, line.collection, line.objects, line.object_count) for line in audit.lines()]


def test_every_change_has_a_line_with_who_what_and_which_faces(audit, ours):
    ours.create_collection("staff", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    _, stored = ours.add_faces("staff", "anna", [new_face(1), new_face(2)])
    first, second = (one.face.id for one in stored)
    ours.update_subject("staff", "anna", name="Anna")
    ours.delete_face(first)
    ours.delete_subject("staff", "anna")
    ours.delete_collection("staff")
    assert recorded(audit) == [
        ("collection.create", "staff", (), 0),
        ("enroll", "staff", (first, second), 2),
        ("subject.update", "staff", (first, second), 2),
        ("face.erase", "staff", (first,), 1),
        ("subject.erase", "staff", (second,), 1),
        ("collection.erase", "staff", (), 0),
    ]
    assert {(line.actor, line.outcome, line.request_id) for line in audit.lines()} == {(ACT, "ok", "r-1")}


def test_keys_are_audited_by_their_ids(audit, keys):
    ours = keys.acting_as(Act(ACT))
    made, _ = ours.create("Anna's door", ["find"])
    ours.rotate(made.id, overlap=timedelta(0))
    ours.revoke(made.id)
    ours.revoke(made.id)  # changes nothing
    assert recorded(audit) == [(action, None, (made.id,), 1) for action in ("key.create", "key.rotate", "key.revoke")]


def test_no_line_holds_a_persons_name(database, ours, keys):
    ours.add_faces("people", "subject-Anna", [new_face(1)], name="name-Anna", metadata={"k": "meta-Anna"})
    ours.delete_subject("people", "subject-Anna")
    _, secret = keys.acting_as(Act(ACT)).create("key-Anna", ["find"])
    with database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM audit").all()
    assert len(rows) == 3
    assert "Anna" not in str(rows)
    assert secret not in str(rows)


def test_what_is_undone_leaves_no_line(audit, ours):
    def fail() -> None:
        raise RuntimeError

    act_before = audit.lines()
    with pytest.raises(RuntimeError):
        ours.add_faces("people", "anna", [new_face(1)], before_commit=fail)
    with pytest.raises(FaceNotFound):
        ours.delete_face("none")
    assert audit.lines() == act_before


def test_what_changes_nothing_is_not_called_recorded(audit, gallery):
    first, again = Act(ACT), Act(ACT)
    gallery.acting_as(first).add_faces("people", "anna", [new_face(1)])
    gallery.acting_as(again).add_faces("people", "anna", [new_face(1)])
    assert (first.recorded, again.recorded) == (True, False)
    assert len(audit.lines()) == 1


def test_without_an_actor_nothing_is_audited(audit, gallery):
    gallery.add_faces("people", "anna", [new_face(1)])
    assert audit.lines() == ()


def test_many_objects_are_counted_and_the_first_named(audit, ours):
    ours.add_faces("people", "anna", [new_face(seed) for seed in range(101)])
    (line,) = audit.lines()
    assert (len(line.objects), line.object_count) == (100, 101)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "DELETE FROM audit WHERE pk = 1"]
)
def test_a_line_can_be_neither_changed_nor_removed(database, audit, ours, statement):
    ours.add_faces("people", "anna", [new_face(1)])
    with pytest.raises(StorageFailed), database.writing() as connection:
        connection.exec_driver_sql(statement)
    assert [line.actor for line in audit.lines()] == [ACT]


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT pk, at, 'nobody', action, collection, objects, object_count, outcome, "
        "request_id, kept_from, seal, decisions, writer, number, previous, digest FROM audit",
        "INSERT OR REPLACE INTO audit (pk, at, actor, action, objects, object_count, outcome) "
        "VALUES (1, '2030-01-01', 'nobody', 'find', '[]', 0, 'ok')",
    ],
)
def test_a_line_can_be_neither_replaced_nor_changed_for_this_reason(database, audit, ours, statement):
    ours.add_faces("people", "anna", [new_face(1)])
    with pytest.raises(StorageFailed) as caught, database.writing() as connection:
        connection.exec_driver_sql(statement)
    assert isinstance(caught.value.__cause__, IntegrityError)
    assert "append-only" in str(caught.value.__cause__)
    assert [line.actor for line in audit.lines()] == [ACT]


# --- reading ------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(database, audit):
    """Lines of three days and two actors."""
    with database.writing() as connection:
        insert_lines(
            connection, [AuditLine("k1", "find", at=T + timedelta(days=day), object_count=day) for day in (0, 1)]
        )
        insert_lines(connection, [AuditLine("k2", "enroll", "people", ("f",), 1, at=T + timedelta(days=2))])
    return audit


def test_lines_are_chosen_by_time_actor_action_and_number(three):
    assert [line.number for line in three.lines()] == [1, 2, 3]
    assert [line.number for line in three.lines(AuditFilter(since=T + timedelta(days=1)))] == [2, 3]
    assert [line.number for line in three.lines(AuditFilter(actor="k1"))] == [1, 2]
    assert [line.number for line in three.lines(AuditFilter(action="enroll"))] == [3]
    assert [line.number for line in three.lines(limit=2)] == [2, 3]


DECISION = Decision("match", 0.61, 0.42, 0.5, "target_fpir", 0.01, MODEL, ("f1", "f2"), (0,))


def test_lines_are_chosen_by_decision_face_request_outcome_and_collection(audit):
    unknown = replace(DECISION, decision="unknown", face_ids=("f1",), similarity=None)
    lines = [
        AuditLine("k", "find", "doors", ("f1",), 1, request_id="r-1", decisions=(DECISION, unknown)),
        AuditLine("k", "find", "doors", request_id="r-2", decisions=(unknown,)),
        AuditLine("k", "find", "doors%", outcome="no_face_detected"),
    ]
    for line in lines:
        audit.add(line)
    wanted = {
        AuditFilter(decision="match"): [1],
        AuditFilter(decision="unknown"): [1, 2],
        AuditFilter(decision="%"): [],
        AuditFilter(face="f1"): [1, 2],
        AuditFilter(face="f2"): [1],
        AuditFilter(face="f"): [],
        AuditFilter(face='f1", "f2'): [],
        AuditFilter(request_id="r-2"): [2],
        AuditFilter(outcome="no_face_detected"): [3],
        AuditFilter(collection="doors"): [1, 2],
        AuditFilter(collection="doors", decision="match", face="f1"): [1],
    }
    assert {one: [line.number for line in audit.lines(one)] for one in wanted} == wanted
    assert audit.lines()[0].decisions == (DECISION, unknown)


def test_lines_are_chosen_by_the_faces_that_a_subject_has_now(audit, ours):
    _, (first, second) = ours.add_faces("people", "anna", [new_face(1), new_face(2)])
    ours.add_faces("people", "ben", [new_face(3)])
    about_second = replace(DECISION, face_ids=(second.face.id,))
    audit.add(AuditLine("k", "find", "people", (first.face.id,), 1))
    audit.add(AuditLine("k", "verify", "people", decisions=(about_second,)))
    wanted = AuditFilter(subject=("people", "anna"))
    assert [line.action for line in audit.lines(wanted)] == ["enroll", "find", "verify"]
    ours.corrections.move(second.face.id, "ben", undo_for=timedelta(hours=1))
    assert [line.action for line in audit.lines(wanted)] == ["enroll", "find"]
    with pytest.raises(SubjectNotFound):
        audit.lines(AuditFilter(subject=("people", "carl")))


def test_an_end_is_not_included(three):
    assert [line.number for line in three.lines(AuditFilter(until=T + timedelta(days=1)))] == [1]


def test_a_line_comes_back_as_it_was_written(three):
    assert three.lines()[-1] == AuditLine("k2", "enroll", "people", ("f",), 1, at=T + timedelta(days=2), number=3)


# --- pruning ------------------------------------------------------------------------------------------------------


def test_pruning_erases_the_oldest_and_says_so(three):
    assert three.prune(T + timedelta(days=1), Act("command")) == 1
    lines = three.lines()
    assert [line.number for line in lines] == [2, 3, 4]
    assert (lines[-1].actor, lines[-1].action, lines[-1].object_count) == ("command", "audit.prune", 1)


def test_pruning_everything_leaves_the_line_that_says_so(three):
    assert three.prune(T + timedelta(days=9), Act("command")) == 3
    assert [(line.number, line.action) for line in three.lines()] == [(4, "audit.prune")]


def test_pruning_nothing_is_recorded_too(three):
    assert three.prune(T, Act("command")) == 0
    assert [line.number for line in three.lines()] == [1, 2, 3, 4]


def test_very_many_lines_go_in_several_transactions_each_with_its_line(three, monkeypatch):
    monkeypatch.setattr("vultus.storage.audit.LINES_AT_ONCE", 1)
    assert three.prune(T + timedelta(days=2), Act("command")) == 2
    assert [(line.number, line.object_count) for line in three.lines()] == [(3, 1), (4, 1), (5, 1)]
    assert three.prune_step(T + timedelta(days=9), Act("server"))
    assert [line.number for line in three.lines()] == [4, 5, 6]


def test_a_step_without_anything_to_erase_leaves_no_line(three):
    assert not three.prune_step(T, Act("server"))
    assert not three.prune_step(T + timedelta(days=1), Act("server"))
    assert [line.number for line in three.lines()] == [2, 3, 4]
    assert not three.prune_step(T + timedelta(days=1), Act("server"))
    assert [line.number for line in three.lines()] == [2, 3, 4]


def test_a_prune_does_not_permit_the_next_delete(database, three):
    three.prune(T + timedelta(days=1), Act("command"))
    with pytest.raises(StorageFailed), database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM audit WHERE pk = 2")


def test_numbers_are_not_given_twice(database, three):
    three.prune(T + timedelta(days=9), Act("command"))
    three.add(AuditLine("k1", "find"))
    assert [line.number for line in three.lines()] == [4, 5]


def test_objects_are_kept_as_json(database, ours):
    _, (enrolled,) = ours.add_faces("people", "anna", [new_face(1)])
    face = enrolled.face
    with database.reading() as connection:
        assert json.loads(connection.exec_driver_sql("SELECT objects FROM audit").scalar_one()) == [face.id]
