"""vultus backup, restore, check."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from tests import pictures
from vultus.backup.archive import SUMS
from vultus.backup.encryption import new_identity
from vultus.backup.last_backup import read_last_backup
from vultus.storage.database import open_database
from vultus.storage.erasure_ledger.ledger import ErasureLedger
from vultus.storage.gallery import Gallery


@pytest.fixture
def enrolled(small) -> str:
    """A gallery with two subjects; the id of a face."""
    small.service.enrolment.enroll([pictures.drawn_photo(1)], subject="anna")
    return small.service.enrolment.enroll([pictures.drawn_photo(2)], subject="berta").faces[0].face.id


def test_there_and_back(run, small, surroundings, enrolled):
    saved = run("backup", "saved", "--json")
    assert saved.exit_code == 0, saved.output
    counts = json.loads(saved.stdout)
    assert (counts["subjects"], counts["faces"], counts["photos"]) == (2, 2, 2)
    answer = run("restore", "saved", "--data-dir", "new")
    assert answer.exit_code == 0, answer.output
    assert "holds 2 subjects, 2 faces, 2 photos, as of 20" in answer.stdout
    assert f"{surroundings / 'new'} holds 2 subjects, 2 faces\n" in answer.stdout
    assert run("check", "--data-dir", "new").stdout == "sound: all that is stored agrees\n"
    actions = [line["action"] for line in json.loads(run("audit", "--json", "--data-dir", "new").stdout)["lines"]]
    assert actions == ["restore"]
    assert "backup" in run("audit").stdout


def test_a_backup_that_is_there_is_not_overwritten(run, surroundings, enrolled):
    (surroundings / "saved").write_text("precious")
    answer = run("backup", "saved")
    assert answer.exit_code == 1
    assert "is there already" in answer.stderr
    assert (surroundings / "saved").read_text() == "precious"


def test_a_damaged_backup_is_refused_and_nothing_is_put_in_place(run, surroundings, enrolled):
    run("backup", "saved")
    data = (surroundings / "saved").read_bytes()
    (surroundings / "saved").write_bytes(data[: data.rindex(SUMS.encode())])
    answer = run("restore", "saved", "--data-dir", "new", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["error"] == "storage_failed"
    assert [path.name for path in (surroundings / "new").iterdir()] == ["server.lock"]


def test_a_folder_in_use_is_not_restored_into(run, surroundings, enrolled):
    run("backup", "saved")
    answer = run("restore", "saved")
    assert answer.exit_code == 1
    assert "restore into an empty data folder" in answer.stderr


def test_an_empty_gallery_is_backed_up_only_when_that_is_meant(run, small, surroundings):
    refused = run("backup", "saved")
    assert (refused.exit_code, (surroundings / "saved").exists()) == (1, False)
    assert "nobody is enrolled" in refused.stderr
    assert "--allow-empty" in refused.stderr
    assert run("backup", "saved", "--allow-empty").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("backup", "saved"),
        ("check",),
        ("find", "photo.png"),
        ("keys", "list"),
        ("keys", "revoke", "k"),
        ("audit",),
        ("jobs", "list"),
        ("reembed", "default"),
        ("subjects", "rename", "a", "b"),
        ("collections", "list"),
        ("collections", "create", "staff"),
    ],
)
def test_where_there_is_no_gallery_none_is_made(run, surroundings, arguments):
    (surroundings / "photo.png").write_bytes(pictures.drawn_photo(1))
    answer = run(*arguments, "--data-dir", "nowhere")
    assert answer.exit_code == 1, answer.output
    assert f"there is no database {surroundings / 'nowhere'}" in answer.stderr
    assert not (surroundings / "nowhere").exists()


def test_two_photos_are_compared_without_a_data_folder(run, surroundings):
    (surroundings / "photo.png").write_bytes(pictures.drawn_photo(1))
    answer = run("verify", "photo.png", "photo.png", "--data-dir", "nowhere")
    assert answer.exit_code == 0, answer.output
    assert not (surroundings / "nowhere").exists()


def test_a_folder_that_cannot_take_the_backup_is_named(run, enrolled):
    answer = run("backup", "nowhere/saved")
    assert answer.exit_code == 1
    assert "nowhere" in answer.stderr


def test_a_backup_is_remembered_with_its_digest(run, surroundings, enrolled):
    assert json.loads(run("backup", "saved", "--json").stdout)["file"] == "saved"
    last = read_last_backup(surroundings)
    assert (last.file, last.bytes) == ("saved", (surroundings / "saved").stat().st_size)
    assert last.sha256 == sha256((surroundings / "saved").read_bytes()).hexdigest()


def test_of_the_backups_in_a_folder_the_newest_are_kept(run, surroundings, enrolled):
    folder = surroundings / "backups"
    folder.mkdir()
    first = json.loads(run("backup", folder, "--json").stdout)["file"]
    name = Path(first).name
    shutil.move(first, folder / f"{name[: name.rindex('-')]}-19990101T000000Z.tar")
    answer = run("backup", folder, "--keep", 1)
    assert answer.exit_code == 0, answer.output
    assert "removed 1 older: vultus-" in answer.stdout
    (left,) = folder.iterdir()
    assert left.name == read_last_backup(surroundings).file


def test_a_backup_that_fails_removes_none(run, small, surroundings, enrolled):
    folder = surroundings / "backups"
    folder.mkdir()
    run("backup", folder)
    small.photos.delete(small.gallery.face(enrolled).photo.sha256)
    before, remembered = list(folder.iterdir()), read_last_backup(surroundings)
    assert run("backup", folder, "--keep", 1).exit_code == 1
    assert (list(folder.iterdir()), read_last_backup(surroundings)) == (before, remembered)


@pytest.mark.parametrize("options", [("saved", "--keep", "2"), (".", "--keep", "0"), (".", "--keep", "1_0")])
def test_keep_takes_a_folder_and_a_number(run, surroundings, enrolled, options):
    before = set(surroundings.iterdir())
    assert run("backup", *options).exit_code == 2
    assert set(surroundings.iterdir()) == before


def test_an_encrypted_backup_there_and_back(run, surroundings, enrolled):
    identity, recipient = new_identity()
    (surroundings / "identity").write_text(f"{identity}\n")
    (surroundings / "team").write_text(f"{recipient}\n")
    answer = run("backup", "saved", "--recipients-file", "team")
    assert answer.exit_code == 0, answer.output
    assert answer.stderr == ""
    refused = run("restore", "saved", "--data-dir", "new")
    assert (refused.exit_code, "--identity" in refused.stderr) == (1, True)
    answer = run("restore", "saved", "--identity", "identity", "--data-dir", "new")
    assert answer.exit_code == 0, answer.output
    assert run("check", "--data-dir", "new").exit_code == 0


def test_a_wrong_recipient_is_refused_before_anything_is_written(run, surroundings, enrolled):
    before = set(surroundings.iterdir())
    answer = run("backup", "saved", "--recipient", "age1nobody")
    assert (answer.exit_code, set(surroundings.iterdir())) == (1, before)
    assert "--recipient number 1 is no recipient of age" in answer.stderr


# --- dry run ----------------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_restored_and_writes_nothing(run, surroundings, enrolled):
    run("backup", "saved")
    before = {path: path.stat().st_mtime_ns for path in surroundings.rglob("*")}
    answer = run("restore", "saved", "--dry-run", "--data-dir", "new")
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.startswith("saved holds 2 subjects, 2 faces, 2 photos, as of 20")
    assert "nothing was written" in answer.stdout
    assert "a restore would seal them anew" in answer.stdout
    assert {path: path.stat().st_mtime_ns for path in surroundings.rglob("*")} == before


def test_a_dry_run_beside_a_gallery_says_what_is_there(run, surroundings, enrolled):
    run("backup", "saved")
    answer = json.loads(run("restore", "saved", "--dry-run", "--json").stdout)
    assert (answer["dry_run"], answer["sealed"], answer["in_place"]) == (True, True, {"subjects": 2, "faces": 2})
    assert "holds 2 subjects, 2 faces now and is never overwritten" in run("restore", "saved", "--dry-run").stdout


def test_a_dry_run_refuses_what_a_restore_refuses(run, surroundings, enrolled):
    run("backup", "saved")
    data = (surroundings / "saved").read_bytes()
    (surroundings / "saved").write_bytes(data[: data.rindex(SUMS.encode())])
    answer = run("restore", "saved", "--dry-run", "--data-dir", "new")
    assert (answer.exit_code, "take another one" in answer.stderr) == (1, True)
    assert not (surroundings / "new").exists()


# --- the erasure ledger -----------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(small, surroundings, monkeypatch) -> ErasureLedger:
    """A ledger that the small system keeps."""
    monkeypatch.setenv("VULTUS_ERASURE_LEDGER", str(surroundings / "erasures.jsonl"))
    return ErasureLedger(surroundings / "erasures.jsonl")


def test_who_was_erased_since_does_not_come_back_with_a_restore(run, small, surroundings, enrolled, ledger):
    run("backup", "saved")
    Gallery(open_database(f"sqlite:///{surroundings / 'vultus.db'}"), ledger).delete_subject("default", "berta")
    planned = json.loads(run("restore", "saved", "--dry-run", "--data-dir", "new", "--json").stdout)
    assert (planned["subjects"], planned["erasures"]) == (2, 1)
    assert planned["after"] == {"subjects": 1, "faces": 1}
    shown = run("restore", "saved", "--dry-run", "--data-dir", "new").stdout
    assert "1 erasures made since would be done again" in shown
    assert "a restore would put 1 subjects, 1 faces in place" in shown
    answer = run("restore", "saved", "--data-dir", "new")
    assert answer.exit_code == 0, answer.output
    assert "1 erasures made since were done again" in answer.stdout
    assert f"{surroundings / 'new'} holds 1 subjects, 1 faces\n" in answer.stdout
    with closing(open_database(f"sqlite:///{surroundings / 'new' / 'vultus.db'}")) as database:
        assert [one.id for one in Gallery(database).subjects("default", limit=10)] == ["anna"]
    assert run("check", "--data-dir", "new").stdout == "sound: all that is stored agrees\n"
    actions = [line["action"] for line in json.loads(run("audit", "--json", "--data-dir", "new").stdout)["lines"]]
    assert actions == ["restore", "subject.erase", "erasure.replay"]


def test_a_restore_without_the_ledger_that_was_named_is_refused(run, surroundings, enrolled, monkeypatch):
    run("backup", "saved")
    monkeypatch.setenv("VULTUS_ERASURE_LEDGER", str(surroundings / "unmounted" / "erasures.jsonl"))
    for options in ((), ("--dry-run",)):
        answer = run("restore", "saved", "--data-dir", "new", *options)
        assert answer.exit_code == 1
        assert "is not there; mount its disk, or put it back" in answer.stderr


# --- check --------------------------------------------------------------------------------------------------------


def test_a_missing_photo_is_a_failure_that_repair_does_not_touch(run, small, enrolled):
    small.photos.delete(small.gallery.face(enrolled).photo.sha256)
    for options in ((), ("--repair",), ("--quick",)):
        answer = run("check", *options)
        assert answer.exit_code == 1
        assert (
            answer.stdout == f"photos: the photo of face {enrolled} is missing; restore a backup, or erase the face\n"
        )
    assert small.gallery.collection("default").faces == 2


def test_a_photo_of_no_face_is_a_failure_until_it_is_repaired(run, small, enrolled):
    small.photos.put(b"left by a crash")
    report = json.loads(run("check", "--json").stdout)
    assert not report["sound"]
    assert [(fault["kind"], fault["repairable"]) for fault in report["faults"]] == [("unreferenced", True)]
    answer = run("check", "--repair")
    assert (answer.exit_code, answer.stdout) == (0, "sound: all that is stored agrees\n")
    assert "removed 1 photos" in answer.stderr
    assert len(list(small.photos.keys())) == 2
