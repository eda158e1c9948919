"""vultus subjects and faces: list, show, change, erase, export, without models or a server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zipfile import ZipFile

import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo
from vultus.storage.audit import Audit

MOMENT = (datetime.now(UTC) + timedelta(days=9)).isoformat(timespec="seconds")


@pytest.fixture
def face(small: Small) -> str:
    (photo,) = small.service.enrolment.enroll(
        [drawn_photo(1)], subject="anna-1", name="Anna", metadata={"team": "lab"}
    ).faces
    small.service.enrolment.enroll([drawn_photo(2)], subject="ben-2")
    return photo.face.id


def actions(small: Small) -> list[tuple[str, str]]:
    return [(line.actor, line.action) for line in Audit(small.gallery._database).lines()]


def test_subjects_are_listed_whole_or_cut_and_said_so(run, face):
    found = json.loads(run("subjects", "list", "--json").stdout)
    assert ([one["subject"] for one in found["subjects"]], found["more"]) == (["anna-1", "ben-2"], False)
    cut = run("subjects", "list", "--limit", 1)
    assert "anna-1" in cut.stdout
    assert "ben-2" not in cut.stdout
    assert "there are more subjects; show more of them by --limit, which is 1" in cut.stderr
    assert [
        one["subject"] for one in json.loads(run("subjects", "list", "--query", "BEN", "--json").stdout)["subjects"]
    ] == ["ben-2"]


def test_a_subject_is_shown_by_a_beginning_of_its_id(run, face):
    shown = json.loads(run("subjects", "show", "anna", "--json").stdout)
    assert (shown["subject"], shown["name"], shown["metadata"], shown["expires_at"]) == (
        "anna-1",
        "Anna",
        {"team": "lab"},
        None,
    )
    assert [one["face_id"] for one in shown["enrolled_faces"]] == [face]
    text = run("subjects", "show", "anna").stdout
    assert all(words in text for words in ("anna-1", "Anna", "lab", face))
    assert run("subjects", "show", "nobody").exit_code == 1


def test_an_expiry_is_set_and_taken_away(run, small, face):
    assert run("subjects", "update", "anna", "--expires-at", MOMENT).exit_code == 0
    assert small.gallery.subject("default", "anna-1").expires_at == datetime.fromisoformat(MOMENT)
    changed = json.loads(run("subjects", "update", "anna", "--name", "A", "--never-expires", "--json").stdout)
    assert (changed["name"], changed["expires_at"]) == ("A", None)
    assert actions(small) == [("command", "subject.update")] * 2


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "nothing to change"),
        (("--expires-at", "2020-01-01T00:00:00Z"), "is in the past"),
        (("--expires-at", "soon"), "must be a moment with time zone"),
        (("--expires-at", MOMENT, "--never-expires"), "leave out"),
    ],
)
def test_what_makes_no_change_is_wrong_usage(run, small, face, options, problem):
    answer = run("subjects", "update", "anna", *options)
    assert (answer.exit_code, problem in answer.stderr) == (2, True)
    assert actions(small) == []


def test_a_subject_is_erased_with_its_photo(run, small, face):
    assert run("subjects", "erase", "anna").stdout == "anna-1 is erased: 1 faces, 1 photos\n"
    assert [one.id for one in small.gallery.subjects("default", limit=9)] == ["ben-2"]
    assert len(list(small.photos.keys())) == 1
    assert actions(small) == [("command", "subject.erase")]
    assert run("subjects", "erase", "anna").exit_code == 1
    found = small.service.identification.find(drawn_photo(1))
    assert "anna" not in str(found)


@pytest.fixture
def terminal(monkeypatch):
    """A person at a terminal, who answers as told; what was asked."""
    asked: list[str] = []

    def answering(answer):
        def confirm(question, **_):
            asked.append(question)
            return answer

        monkeypatch.setattr("vultus.cli.confirmation.is_terminal", lambda: True)
        monkeypatch.setattr("vultus.cli.confirmation.typer.confirm", confirm)
        return asked

    return answering


def test_on_a_terminal_an_erasure_is_asked_for(run, small, face, terminal):
    asked = terminal(False)
    for command in (("subjects", "erase", "anna"), ("faces", "erase", face)):
        answer = run(*command)
        assert (answer.exit_code, "nothing was erased" in answer.stderr) == (1, True)
    refused = json.loads(run("subjects", "erase", "anna", "--json").stdout)
    assert refused["error"] == "invalid_request"
    assert asked[0] == "Erase 'anna-1' of 'default' with 1 faces? It cannot be undone"
    assert asked[1] == f"Erase face {face} of 'anna-1'? It cannot be undone"
    assert small.gallery.subject("default", "anna-1").faces == 1
    terminal(True)
    assert run("faces", "erase", face).exit_code == 0
    assert len(asked) == 4


def test_yes_answers_the_question_before_it_is_asked(run, small, face, terminal):
    asked = terminal(False)
    assert run("faces", "erase", face, "--yes").exit_code == 0
    assert run("subjects", "erase", "anna", "--yes").exit_code == 0
    assert asked == []
    assert [one.id for one in small.gallery.subjects("default", limit=9)] == ["ben-2"]


def test_all_that_is_held_on_a_person_is_exported_once(run, small, face, surroundings):
    file = surroundings / "anna.zip"
    answer = json.loads(run("subjects", "export", "anna", "--to", file, "--json").stdout)
    assert (answer["subject"], answer["faces"], answer["bytes"]) == ("anna-1", 1, file.stat().st_size)
    assert file.stat().st_mode & 0o777 == 0o600
    with ZipFile(file) as archive:
        assert json.loads(archive.read("subject.json"))["id"] == "anna-1"
    assert actions(small) == [("command", "subject.export")]
    before = file.read_bytes()
    again = run("subjects", "export", "anna", "--to", file)
    assert (again.exit_code, "cannot be made: File exists" in again.stderr) == (1, True)
    assert file.read_bytes() == before
    assert run("subjects", "export", "nobody", "--to", surroundings / "no.zip").exit_code == 1
    assert not (surroundings / "no.zip").exists()


def test_faces_are_listed_shown_and_erased(run, small, face, monkeypatch):
    monkeypatch.setattr("vultus.cli.commands.faces.FACES_AT_ONCE", 1)
    listed = json.loads(run("faces", "list", "--json").stdout)
    assert ([one["subject"] for one in listed["faces"]], listed["more"]) == (["anna-1", "ben-2"], False)
    cut = run("faces", "list", "--limit", 1)
    assert (face in cut.stdout, "there are more faces" in cut.stderr) == (True, True)
    assert json.loads(run("faces", "show", face[:8], "--json").stdout)["face_id"] == face
    assert "anna-1" in run("faces", "show", face).stdout
    assert run("faces", "erase", face[:8]).stdout == f"face {face} is erased, with 1 photos\n"
    assert run("faces", "show", face).exit_code == 1
    assert small.gallery.subject("default", "anna-1").faces == 0
    assert actions(small) == [("command", "face.erase")]


def test_an_enrolment_has_an_expiry(run, small, photo):
    enrolled = json.loads(run("enroll", photo(1), "--subject", "anna", "--expires-at", MOMENT, "--json").stdout)
    assert datetime.fromisoformat(enrolled["expires_at"]) == datetime.fromisoformat(MOMENT)
    assert run("enroll", photo(2), "--subject", "ben", "--expires-at", "2020-01-01T00:00:00Z").exit_code == 2
    assert run("enroll", photo(2), "--face", "all", "--expires-at", MOMENT).exit_code == 2


def test_a_collection_has_a_retention(run, small, face):
    changed = json.loads(run("collections", "set", "default", "--retention-days", 30, "--json").stdout)
    assert changed["policies"]["retention_days"] == 30
    assert "retention_days" in run("collections", "show", "default").stdout
    assert (
        json.loads(run("collections", "set", "default", "--unset", "retention_days", "--json").stdout)["policies"][
            "retention_days"
        ]
        is None
    )
    assert run("collections", "set", "default", "--retention-days", 0).exit_code == 2
