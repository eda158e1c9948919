"""vultus move."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from tests import pictures
from tests.postgres_server import CAREFUL
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.server_lock import serving_alone


@pytest.fixture
def to(postgres) -> str:
    """The URL of an empty database of PostgreSQL."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def enrolled(small) -> None:
    small.service.enrolment.enroll([pictures.drawn_photo(1)], subject="anna")
    small.service.enrolment.enroll([pictures.drawn_photo(2)], subject="berta")


def subjects(url: str, folder) -> list[int]:
    with closing(open_database(url, folder / "installation.key")) as database:
        return [one.subjects for one in Gallery(database).collections()]


def test_to_postgresql_with_the_photos_and_back(run, small, surroundings, enrolled, to, monkeypatch):
    before = (surroundings / "vultus.db").read_bytes()
    answer = run("move", "--to", to, "--photos", f"file://{surroundings / 'copies'}")
    assert answer.exit_code == 0, answer.output
    assert "holds 1 collections, 2 subjects, 2 faces" in answer.stdout
    assert "counts and digests of all tables agree" in answer.stdout
    assert f"VULTUS_PHOTOS_SHARED=true and VULTUS_PHOTO_URL=file://{surroundings / 'copies'}" in answer.stdout
    assert "still holds everybody" in answer.stdout
    assert (surroundings / "vultus.db").read_bytes() == before
    monkeypatch.setenv("VULTUS_DATABASE_URL", to)
    monkeypatch.setenv("VULTUS_PHOTO_URL", f"file://{surroundings / 'copies'}")
    assert "sound" in run("check").stdout
    back = run("move", "--to", f"sqlite:///{surroundings / 'back.db'}", "--json")
    assert back.exit_code == 0, back.output
    assert json.loads(back.stdout)["tables"]["faces"]["rows"] == 2
    monkeypatch.setenv("VULTUS_DATABASE_URL", f"sqlite:///{surroundings / 'back.db'}")
    assert run("check").stdout == "sound: all that is stored agrees\n"


def test_a_dry_run_writes_nothing(run, surroundings, enrolled, to, postgres):
    answer = run("move", "--to", to, "--dry-run")
    assert (answer.exit_code, answer.stdout.splitlines()[-1]) == (0, "nothing was written")
    assert "2 subjects, 2 faces" in answer.stdout
    assert postgres.execute("SELECT * FROM pg_tables WHERE schemaname = 'public'", database=database_of(to)) == []
    assert run("move", "--to", f"sqlite:///{surroundings / 'new' / 'vultus.db'}", "--dry-run").exit_code == 0
    assert not (surroundings / "new").exists()


def database_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def test_a_source_that_is_served_is_refused(run, surroundings, enrolled, to):
    with serving_alone(surroundings):
        answer = run("move", "--to", to)
    assert answer.exit_code == 1
    assert "is served already" in answer.stderr


def test_a_postgresql_that_is_served_from_anywhere_is_refused(run, surroundings, enrolled, to, monkeypatch):
    assert run("move", "--to", to).exit_code == 0
    monkeypatch.setenv("VULTUS_DATABASE_URL", to)
    with closing(open_database(to, surroundings / "installation.key")) as server:
        assert server.leads()
        answer = run("move", "--to", f"sqlite:///{surroundings / 'back.db'}")
    assert answer.exit_code == 1
    assert "a server uses the database that is to be moved; stop all servers" in answer.stderr
    assert not (surroundings / "back.db").exists()


def test_a_database_is_not_moved_into_itself(run, surroundings, enrolled, to, monkeypatch):
    answer = run("move", "--to", f"sqlite:///{surroundings}/../{surroundings.name}/vultus.db")
    assert (answer.exit_code, "names the database that is to be moved" in answer.stderr) == (1, True)
    assert run("move", "--to", to).exit_code == 0
    monkeypatch.setenv("VULTUS_DATABASE_URL", to)
    assert "the target" in run("move", "--to", to).stderr
    assert subjects(to, surroundings) == [2]


def test_a_target_that_holds_something_is_refused(run, surroundings, enrolled, to):
    assert run("move", "--to", to).exit_code == 0
    for options in ((), ("--dry-run",)):
        answer = run("move", "--to", to, *options)
        assert answer.exit_code == 1
        assert answer.stderr.startswith("the target holds 1 audit, 1 collections, 2 photos, 2 subjects, ")
        assert "name an empty database with --to" in answer.stderr


def test_where_there_is_no_gallery_none_is_made(run, surroundings, to):
    answer = run("move", "--to", to, "--data-dir", "nowhere")
    assert "there is no database" in answer.stderr
    assert not (surroundings / "nowhere").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ("/test_", "/no_test_"),
            "the target: there is no such database on the server; make it, or correct it in --to",
        ),
        (("vultus@", "nobody@"), "the target: the database server knows no such user"),
        (("?host=", "?host=/nowhere"), "the target: the database does not answer"),
        (("postgresql+psycopg", "mysql"), "the database URL names 'mysql'"),
    ],
)
def test_a_wrong_target_is_one_sentence(run, surroundings, enrolled, to, change, sentence):
    answer = run("move", "--to", to.replace(*change))
    assert answer.exit_code == 1
    assert answer.stderr.count("\n") == 1
    assert answer.stderr.startswith(sentence)


def test_a_wrong_password_is_one_sentence_without_it(run, surroundings, enrolled, to, postgres):
    postgres.execute(f"CREATE ROLE {CAREFUL} LOGIN SUPERUSER PASSWORD 'right'")
    try:
        answer = run("move", "--to", to.replace("vultus@", f"{CAREFUL}:wr0ng@"))
        right = run("move", "--to", to.replace("vultus@", f"{CAREFUL}:right@"))
    finally:
        postgres.drop_database(database_of(to))
        postgres.execute(f"DROP ROLE {CAREFUL}")
    assert answer.stderr == "the target: the database refused the password; correct it in --to\n"
    assert (right.exit_code, "right" in right.stdout) == (0, False)


def test_a_photo_that_is_missing_ends_the_move(run, small, surroundings, enrolled, to):
    (key, _) = sorted(small.photos.keys())
    small.photos.delete(key)
    answer = run("move", "--to", to, "--photos", f"file://{surroundings / 'copies'}")
    assert (answer.exit_code, "is missing; run: vultus check" in answer.stderr) == (1, True)
    refused = run("move", "--to", to, "--photos", "ftp://somewhere")
    assert "--photos names no folder and no bucket" in refused.stderr
