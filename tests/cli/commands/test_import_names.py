"""Who is on a photo, as `vultus import` learns it from a CSV or from the names of files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import pictures
from vultus.cli.import_lists.flat_folder import person_of


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """anna with two photos and ben with one, without sub-folders."""
    folder = tmp_path / "flat"
    folder.mkdir()
    for name, person, photo in (("anna_1.png", 1, 0), ("anna_2.png", 1, 1), ("ben.png", 2, 0)):
        (folder / name).write_bytes(pictures.drawn_photo(person, noise=1.0, photo=photo))
    return folder


def listed(folder: Path, *rows: str) -> Path:
    """A list of the photos of a folder."""
    path = folder / "people.csv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("stem", "person"),
    [
        ("anna_1", "anna"),
        ("anna-02", "anna"),
        ("anna (3)", "anna"),
        ("anna.4", "anna"),
        ("anna 5", "anna"),
        ("anna", "anna"),
        ("anna_smith_12", "anna_smith"),
        ("Anna Smith", "Anna Smith"),
        ("employee_17_2", "employee_17"),
        ("安娜_1", "安娜"),
    ],
)
def test_a_file_is_of_the_person_before_the_number(stem, person):
    assert person_of(stem) == person


def test_photos_without_sub_folders_are_of_the_people_they_are_named_for(run, small, flat):
    (flat / "notes.txt").write_text("x")
    done = run("import", flat)
    assert done.exit_code == 0, done.stderr
    assert {one.id: one.faces for one in small.gallery.subjects("default", limit=9)} == {"anna": 2, "ben": 1}
    assert "by their names, 3 photos show 2 people:\n  anna: anna_1.png, anna_2.png\n  ben: ben.png\n" in done.stderr
    assert "ignored 1 of: .txt" in done.stdout
    assert "not in a sub-folder" not in done.stdout


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("IMG_0001.png", "anna_1.png"), "the names of 1 photos in {} do not say who is on them: IMG_0001.png"),
        (("0001.png",), "do not say who is on them: 0001.png"),
        (("IMG-20240102-WA0003.png",), "do not say who is on them"),
        (("P1020304.png",), "do not say who is on them"),
        (("2024-01-05 10.11.12.png",), "do not say who is on them"),
        (("WhatsApp Image 2024-01-05 at 10.11.12.png",), "do not say who is on them"),
        (("3f2b8c91d0a4.png",), "do not say who is on them"),
        (("anna1.png", "anna2.png"), "anna1, anna2 may be one person or 2"),
        (("anna_1.png", "anna2.png"), "anna, anna2 may be one person or 2"),
        (("Anna_1.png", "anna_2.png"), "Anna, anna may be one person or 2"),
    ],
)
def test_names_that_do_not_say_who_it_is_are_refused_and_nobody_is_enrolled(run, small, tmp_path, names, sentence):
    folder = tmp_path / "unclear"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(pictures.drawn_photo(1))
    refused = run("import", folder)
    assert refused.exit_code == 1
    assert sentence.format(folder) in refused.stderr
    assert "name them like anna_1.jpg" in refused.stderr
    assert small.gallery.collections() == ()


def test_a_folder_with_sub_folders_is_read_as_before(run, small, flat):
    (flat / "carl").mkdir()
    (flat / "carl" / "1.png").write_bytes(pictures.drawn_photo(3))
    done = run("import", flat)
    assert [one.id for one in small.gallery.subjects("default", limit=9)] == ["carl"]
    assert "ignored 3 of: not in a sub-folder" in done.stdout


def test_a_list_names_the_people_and_describes_them(run, small, flat):
    path = listed(
        flat,
        "file,subject,name,department",
        "anna_1.png,17,Anna Smith,tools",
        "anna_2.png,17,,",
        "ben.png,18,Ben Gül,",
        "gone.png,18,,",
    )
    done = run("import", path, "--json")
    assert (done.exit_code, json.loads(done.stdout)["refused"][0]["examples"]) == (3, ["gone.png"])
    anna, ben = small.gallery.subjects("default", limit=9)
    assert (anna.id, anna.name, dict(anna.metadata), anna.faces) == ("17", "Anna Smith", {"department": "tools"}, 2)
    assert (ben.id, ben.name, dict(ben.metadata), ben.faces) == ("18", "Ben Gül", {}, 1)


def test_a_list_describes_people_whose_photos_are_there_already(run, small, flat):
    assert run("import", listed(flat, "file,subject", "ben.png,ben")).exit_code == 0
    assert run("import", listed(flat, "file,subject,name", "ben.png,ben,Ben Gül")).exit_code == 0
    (ben,) = small.gallery.subjects("default", limit=9)
    assert (ben.name, ben.faces) == ("Ben Gül", 1)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (("file,name", "ben.png,Ben"), "people.csv lacks the column subject; add it in line 1"),
        (("file,subject",), "people.csv lists no photo; write a row for each: file,subject,name"),
        (("file,subject", ",ben"), "line 2 of people.csv: file is empty"),
        (("file,subject", "ben.png,"), "line 2 of people.csv: subject must have 1 to 256 characters"),
        (
            ("file,subject", "ben.png,ben", "ben.png,anna"),
            "line 3 of people.csv: ben.png is of 'anna' here and of 'ben'",
        ),
        (
            ("file,subject,name", "anna_1.png,a,Anna", "anna_2.png,a,Ana"),
            "line 3 of people.csv: the name 'Ana' is 'Anna'",
        ),
        (("file,subject,x", "anna_1.png,a,1", "anna_2.png,a,2"), "line 3 of people.csv: x has another value"),
    ],
)
def test_a_list_that_is_wrong_is_refused_with_its_line_and_nobody_is_enrolled(run, small, flat, rows, sentence):
    refused = run("import", listed(flat, *rows))
    assert (refused.exit_code, sentence in refused.stderr) == (1, True), refused.stderr
    assert small.gallery.collections() == ()


def test_a_dry_run_shows_everybody_and_enrolls_nobody(run, small, flat):
    shown = run("import", flat, "--dry-run")
    assert (shown.exit_code, "3 photos of 2 people; nothing was enrolled" in shown.stdout) == (0, True)
    assert json.loads(
        run("import", listed(flat, "file,subject,name", "ben.png,b,Ben"), "--dry-run", "--json").stdout
    ) == {
        "dry_run": True,
        "photos": 1,
        "people": [{"subject": "b", "name": "Ben", "photos": ["ben.png"]}],
    }
    assert small.gallery.collections() == ()
    assert run("import", "--from", "rekognition", flat, "--dry-run").exit_code == 2
