"""The erasure ledger: what is acknowledged is in it, and it names nobody."""

from __future__ import annotations

import json
import multiprocessing
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.storage.synthetic import new_face
from vultus.errors import StorageFailed, SubjectNotFound
from vultus.storage.erasure_ledger.ledger import Erasure, ErasureLedger, Made
from vultus.storage.erasure_ledger.ledger_key import key_file_of
from vultus.storage.gallery import Gallery

MOMENT = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)
PEOPLE = Made("people", MOMENT)


@pytest.fixture
def file(tmp_path) -> Path:
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept" / "erasures.jsonl"


@pytest.fixture
def ledger(file) -> ErasureLedger:
    return ErasureLedger(file)


def lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def face_erasure(number: int) -> Erasure:
    return Erasure("face", PEOPLE, faces=[f"face-{number}"])


def test_a_ledger_is_private_and_its_head_names_its_key(file, ledger):
    assert file.stat().st_mode & 0o777 == key_file_of(file).stat().st_mode & 0o777 == 0o600
    assert lines(file) == [{"erasure_ledger": 1, "key": ledger.key.id}]


def test_each_erasure_of_a_gallery_is_in_it_and_nothing_in_the_clear(file, ledger, database, gallery):
    keeping = Gallery(database, ledger)
    (face, *_) = (keeping.add_faces("people", "anna", [new_face(seed)])[1][0].face for seed in range(3))
    keeping.add_faces("people", "berta", [new_face(9)])
    keeping.delete_face(face.id)
    keeping.delete_subject("people", "anna")
    keeping.delete_collection("people")
    assert [(line["kind"], len(line.get("faces", ()))) for line in lines(file)[1:]] == [
        ("face", 1),
        ("subject", 2),
        ("collection", 0),
    ]
    text = file.read_text()
    assert not [word for word in ("anna", "berta", "people", face.id) if word in text]
    assert ledger.erased() == ErasureLedger(file).erased()


def test_an_erasure_that_cannot_be_written_is_refused_before_anything_is_erased(file, ledger, database, gallery):
    keeping = Gallery(database, ledger)
    keeping.add_faces("people", "anna", [new_face(1)])
    file.unlink()
    file.mkdir()  # stands in for a disk that takes no line
    with pytest.raises(StorageFailed, match=r"cannot be used .*nothing is erased without it"):
        keeping.delete_subject("people", "anna")
    assert keeping.subject("people", "anna").faces == 1


def test_an_erasure_that_fails_at_its_commit_is_withdrawn(file, ledger, database, gallery):
    keeping = Gallery(database, ledger)
    keeping.add_faces("people", "anna", [new_face(1)])
    with database.writing() as connection:  # a deferred constraint fails only at the commit
        connection.exec_driver_sql(
            "CREATE TABLE holds (pk INTEGER REFERENCES subjects (pk) DEFERRABLE INITIALLY DEFERRED)"
        )
        connection.exec_driver_sql("INSERT INTO holds SELECT pk FROM subjects")
    with pytest.raises(StorageFailed):
        keeping.delete_subject("people", "anna")
    assert [line["kind"] for line in lines(file)[1:]] == ["subject", "withdrawn"]
    assert not ledger.erased().subjects
    assert keeping.subject("people", "anna").faces == 1


def test_what_is_refused_anyway_leaves_no_line(file, ledger, database, gallery):
    with pytest.raises(SubjectNotFound):
        Gallery(database, ledger).delete_subject("people", "nobody")
    assert len(lines(file)) == 1


def test_a_line_that_a_crash_cut_off_is_left_out_and_the_next_stands_by_itself(file, ledger):
    ledger.add(face_erasure(1))
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"at": "2026-11-26T10:30:00+00:00", "kind": "fa')
    again = ErasureLedger(file)
    again.add(face_erasure(2))
    assert len(again.erased().faces) == 2


def test_a_damaged_line_is_refused_by_its_number(file, ledger):
    ledger.add(face_erasure(1))
    file.write_bytes(file.read_bytes().replace(b'"kind"', b'"kind'))
    with pytest.raises(StorageFailed, match=r"line 2 of the erasure ledger .* is damaged; put back a copy"):
        ledger.erased()


def test_a_ledger_without_its_key_or_with_another_is_refused(file, ledger):
    key = key_file_of(file).read_text()
    key_file_of(file).unlink()
    with pytest.raises(StorageFailed, match="is missing, so nobody can say whom it names; put it back"):
        ErasureLedger(file)
    key_file_of(file).write_text("0" * 64)
    with pytest.raises(StorageFailed, match="its key beside it is another one's"):
        ErasureLedger(file)
    key_file_of(file).write_text("no key")
    with pytest.raises(StorageFailed, match="holds no key"):
        ErasureLedger(file)
    key_file_of(file).write_text(key)
    assert ErasureLedger(file).key.id == ledger.key.id


def test_a_file_that_is_no_ledger_is_left_as_it_is(file):
    file.write_text("precious\n")
    key_file_of(file).write_text("0" * 64)
    with pytest.raises(StorageFailed, match="is no erasure ledger"):
        ErasureLedger(file)
    assert file.read_text() == "precious\n"


def test_a_newer_ledger_is_refused(file, ledger):
    file.write_bytes(file.read_bytes().replace(b'"erasure_ledger": 1', b'"erasure_ledger": 2'))
    with pytest.raises(StorageFailed, match="is of a newer Vultus"):
        ErasureLedger(file)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StorageFailed, match=r"nowhere/l cannot be used .*see that its folder is there"):
        ErasureLedger(tmp_path / "nowhere" / "l")


def write_some(file: Path, first: int) -> None:
    ledger = ErasureLedger(file)
    for number in range(first, first + 50):
        ledger.add(face_erasure(number))


def test_processes_that_write_at_once_lose_no_line(file):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_some, args=(file, 1000 * number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(ErasureLedger(file).erased().faces) == 150
    assert len(lines(file)) == 151


def test_an_acknowledged_erasure_is_on_the_disk(file, ledger, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(os.fstat(descriptor).st_size), real(descriptor)))
    ledger.add(face_erasure(1))
    assert synced == [file.stat().st_size]
