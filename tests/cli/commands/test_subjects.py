"""vultus subjects: the same changes as over HTTP, without models or a server."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.config import Settings
from vultus.storage.audit import Audit


@pytest.fixture
def face(small: Small) -> str:
    (photo,) = small.service.enrolment.enroll([drawn_photo(1)], subject="ana", name="Ana").faces
    small.service.enrolment.enroll([drawn_photo(2)], subject="anna")
    return photo.face.id


def best(small: Small, person: int) -> str:
    (answer,) = small.service.identification.find(drawn_photo(person)).faces
    return answer.matches[0].candidate.subject


def test_a_rename_says_how_it_is_undone(run, small, face):
    first, second = run("subjects", "rename", "ana", "new").stdout.splitlines()
    assert first == "ana is new now"
    assert best(small, 1) == "new"
    undo_id = second.split()[-1]
    assert run("subjects", "undo", undo_id).stdout == "undone: subject.rename; ana has 1 faces\n"
    assert best(small, 1) == "ana"
    again = run("subjects", "undo", undo_id)
    assert (again.exit_code, "undone already" in again.stderr) == (1, True)


def test_a_merge_and_its_undo_in_json(run, small, face):
    merged = json.loads(run("subjects", "merge", "ana", "anna", "--json").stdout)
    assert (merged["subject"], merged["name"], merged["faces"], merged["moved"]) == ("anna", "Ana", 2, 1)
    assert best(small, 1) == "anna"
    undone = json.loads(run("subjects", "undo", merged["undo"]["id"], "--json").stdout)
    assert (undone["undone"], undone["subject"]["subject"], undone["moved"]) == ("subject.merge", "ana", 1)


def test_a_face_is_moved(run, small, face):
    moved = json.loads(run("subjects", "move", face, "new", "--json").stdout)
    assert (moved["face_id"], moved["subject"], moved["created"]) == (face, "new", True)
    assert best(small, 1) == "new"
    assert run("subjects", "move", face, "new").exit_code == 1


def test_subjects_and_faces_are_named_by_a_beginning_that_is_theirs_alone(run, small, face):
    small.service.enrolment.enroll([drawn_photo(3)], subject="employ\u00e9-17")
    small.service.enrolment.enroll([drawn_photo(4)], subject="employ\u00e9-18")
    several = run("subjects", "rename", "employe\u0301-1", "new")
    assert (several.exit_code, "2 ids begin with" in several.stderr) == (1, True)
    small.service.galleries.forget("default", "employ\u00e9-18")
    assert run("subjects", "rename", "employe\u0301-1", "renamed").stdout.startswith("employ\u00e9-17 is renamed now\n")
    assert run("subjects", "merge", "rena", "anna").stdout.startswith("1 faces of renamed belong to anna now")
    assert json.loads(run("subjects", "move", face[:9], "annabel", "--json").stdout)["face_id"] == face
    assert run("subjects", "rename", "anna", "whole").stdout.startswith("anna is whole now")  # not annabel
    assert run("subjects", "rename", "ann", "x").exit_code == 1  # too short to be meant as a beginning


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("rename", "ana", "anna"), 1),
        (("rename", "ana", "anna", "--collection", "none"), 1),
        (("merge", "ana", "ana"), 1),
        (("merge", "ana", "nobody"), 1),
        (("move", "nothing", "ana"), 1),
        (("undo", "nothing"), 1),
        (("rename", "ana", ""), 2),
        (("rename", "ana"), 2),
        (("merge", "ana", "a\tb"), 2),
    ],
)
def test_what_cannot_be_done_changes_nothing(run, small, face, arguments, code):
    before = small.gallery.subjects("default", limit=10)
    assert run("subjects", *arguments).exit_code == code
    assert small.gallery.subjects("default", limit=10) == before


def test_the_audit_says_it_was_a_command(run, small, face):
    run("subjects", "rename", "ana", "new")
    (line,) = Audit(small.gallery._database).lines(limit=1)
    assert (line.actor, line.action, line.objects) == ("command", "subject.rename", (face,))


def test_the_time_to_undo_is_a_setting_within_bounds(run, small, face, monkeypatch):
    for hours, code in (("0", 1), ("721", 1), ("720", 0)):
        monkeypatch.setenv("VULTUS_UNDO_HOURS", hours)
        assert run("subjects", "rename", "ana", "new").exit_code == code
    assert Settings.model_fields["undo_hours"].default == 24


def test_spellings_of_an_older_release_are_reported_and_merged(run, small, face):
    small.service.enrolment.enroll([drawn_photo(3)], subject="Jose\u0301")
    small.service.enrolment.enroll([drawn_photo(4)], subject="other")
    with small.gallery._database.writing() as connection:  # as an upgrade leaves it
        connection.exec_driver_sql(
            "UPDATE subjects SET id = ?, canonical = ? WHERE id = 'other'", ("Jose\u0301", "Jos\u00e9")
        )
    for command in ("check", "doctor"):
        assert "vultus subjects spellings" in run(command).stdout
    assert run("check").exit_code == 0
    assert json.loads(run("subjects", "spellings", "--json").stdout)["subjects"] == [
        {"collection": "default", "subject": "Jose\u0301"}
    ]
    assert "each is one subject now" in run("subjects", "spellings", "--merge").stdout
    assert small.gallery.subject("default", "Jose\u0301").faces == 2
    assert run("subjects", "spellings").stdout == "every id has one spelling\n"
    assert json.loads(run("check", "--json").stdout) == {"sound": True, "faults": [], "notes": []}


def test_ids_that_are_not_utf_8_are_wrong_usage(run, small, face):
    refused = run("subjects", "rename", "ana", "\udcff")
    assert (refused.exit_code, "UTF-8" in refused.stderr) == (2, True)


def test_a_new_id_that_looks_like_another_is_said(run, small, face):
    renamed = run("subjects", "rename", "ana", "ANNA")
    assert (renamed.exit_code, "looks like 'anna'" in renamed.stderr) == (0, True)
    moved = json.loads(run("subjects", "move", face, "Anna", "--json").stdout)
    assert [one["code"] for one in moved["cautions"]] == ["looks_like_another_id"]


def test_names_keep_the_joiners_that_they_are_written_with(run, small, face):
    assert "علی‌رضا" in run("subjects", "rename", "ana", "علی‌رضا").stdout
