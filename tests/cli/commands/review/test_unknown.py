"""vultus unknown: what the page Review does with faces of nobody known."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.pictures import drawn_photo, opened
from vultus.service.review import unknown_faces as reviewing


@pytest.fixture
def strangers(small):
    """Person 1 is enrolled; persons 2 and 3 came by."""
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    small.service.galleries.change_policies("default", {"keep_unknown_days": 7})
    for person in (2, 3):
        small.service.identification.find(drawn_photo(person))


def groups(run):
    return json.loads(run("unknown", "list", "--json").stdout)["groups"]


def test_strangers_are_listed_shown_assigned_and_erased(run, small, strangers, tmp_path):
    first, second = (group["faces"][0]["id"] for group in groups(run))
    shown = run("unknown", "list", "--limit", 1)
    assert (first in shown.stdout, second in shown.stdout) == (True, False)
    assert "there are 2 people" in shown.stderr
    picture = tmp_path / "who.jpg"
    assert run("unknown", "photo", first[:8], "--to", picture).exit_code == 0
    assert opened(picture.read_bytes()).size == (144, 144)  # the drawn face with room around
    again = run("unknown", "photo", first, "--to", picture)
    assert (again.exit_code, "cannot be made" in again.stderr) == (1, True)
    assert run("unknown", "assign", first[:8], "--subject", "new", "--name", "New").stdout == (
        "1 faces belong to new now, which has 1\n"
    )
    assert small.gallery.subject("default", "new").name == "New"
    assert run("unknown", "erase", second, "--yes").stdout == "1 unknown faces are erased\n"
    assert groups(run) == []


def test_strangers_are_ignored_and_listed_again(run, strangers):
    first, second = (group["faces"][0]["id"] for group in groups(run))
    assert run("unknown", "ignore", first[:8]).stdout == "1 unknown faces are ignored until their days are over\n"
    listed = run("unknown", "list")
    assert (second in listed.stdout, first in listed.stdout) == (True, False)
    assert "1 faces are ignored; list them by --ignored" in listed.stderr
    assert first in run("unknown", "list", "--ignored").stdout
    assert json.loads(run("unknown", "ignore", first, "--undo", "--json").stdout) == {
        "collection": "default",
        "faces": 1,
        "ignored": False,
    }
    assert len(groups(run)) == 2


def test_all_are_erased_at_once(run, strangers):
    assert json.loads(run("unknown", "erase", "--all", "--json").stdout) == {"collection": "default", "erased": 2}
    assert groups(run) == []


@pytest.mark.parametrize(("options", "enrolled", "left"), [((), 2, [1]), (("--alone",), 1, [1, 1])])
def test_a_face_stands_for_its_group_unless_it_is_alone(run, small, strangers, monkeypatch, options, enrolled, left):
    """Person 2 came by a second time."""
    monkeypatch.setattr(reviewing, "REPEAT", -timedelta(minutes=1))
    small.service.identification.find(drawn_photo(2, photo=1, noise=3))
    face_id = groups(run)[0]["faces"][0]["id"]
    assert run("unknown", "assign", face_id, "--subject", "new", *options).exit_code == 0
    assert small.gallery.subject("default", "new").faces == enrolled
    assert [len(group["faces"]) for group in groups(run)] == left


def test_what_is_not_kept_is_refused(run, small, strangers):
    for arguments, code, words in (
        (("assign", "f" * 32), 1, "no unknown face"),
        (("photo", "f" * 32, "--to", "x.jpg"), 1, "no unknown face"),
        (("erase",), 2, "name one face or more, or give --all"),
        (("erase", "f" * 32, "--all"), 2, "name one face or more, or give --all"),
        (("list", "--collection", "none"), 1, "there is no collection 'none'"),
    ):
        answer = run("unknown", *arguments)
        assert (answer.exit_code, words in answer.stderr) == (code, True), answer.stderr
    small.service.galleries.change_policies("default", {"keep_unknown_days": None})
    assert "keeps no unknown faces" in run("unknown", "list").stderr
