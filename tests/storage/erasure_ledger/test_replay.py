"""The replay of a ledger on an older copy of the database: nobody comes back, whoever was enrolled again stays."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.storage.synthetic import DIMENSION, MODEL, new_face
from vultus.errors import StorageFailed
from vultus.storage.audit import Act, Audit
from vultus.storage.database import Database, open_database
from vultus.storage.erasure_ledger.catching_up import MARK, catch_up, open_ledger, remember_ledger
from vultus.storage.erasure_ledger.ledger import ErasureLedger
from vultus.storage.erasure_ledger.replay import REPLAY, replay
from vultus.storage.gallery import Gallery

pytestmark = pytest.mark.sqlite  # the older copy is a file
ACT = Act("command")
DAY = timedelta(hours=24)


@pytest.fixture
def ledger(tmp_path) -> ErasureLedger:
    return ErasureLedger(tmp_path / "erasures.jsonl")


@pytest.fixture
def keeping(database, gallery, ledger) -> Gallery:
    """Three people with two faces each, in a gallery that keeps a ledger."""
    keeping = Gallery(database, ledger)
    for seed in range(6):
        keeping.add_faces("people", f"s{seed % 3}", [new_face(seed)], name=f"name {seed % 3}")
    return keeping


class Older:
    """A copy of the database as it was, which is put in place of what happened since."""

    def __init__(self, database: Database, file: Path) -> None:
        database.snapshot(file)
        self.database = open_database(f"sqlite:///{file}", database.installation_key.path)

    def replayed(self, ledger: ErasureLedger) -> dict[str, int]:
        """The subjects that are left with the number of their faces; a second replay finds nothing."""
        replay(self.database, ledger, ACT)
        assert replay(self.database, ledger, ACT) == (0, ())
        return subjects(Gallery(self.database))


@pytest.fixture
def older(tmp_path, database, keeping):
    older = Older(database, tmp_path / "older.db")
    with closing(older.database):
        yield older


def subjects(gallery: Gallery) -> dict[str, int]:
    return {one.id: one.faces for one in gallery.subjects("people", limit=100)}


def test_an_erased_subject_does_not_come_back_and_others_stay(older, keeping, ledger):
    keeping.delete_subject("people", "s1")
    assert older.replayed(ledger) == subjects(keeping) == {"s0": 2, "s2": 2}


def test_photos_that_no_face_uses_any_more_are_named(older, keeping, ledger):
    wanted = {face.photo.sha256 for face in keeping.faces("people", "s1")}
    keeping.delete_subject("people", "s1")
    count, orphans = replay(older.database, ledger, ACT)
    assert (count, set(orphans)) == (1, wanted)


def test_an_erased_face_does_not_come_back_and_its_subject_stays(older, keeping, ledger):
    for face in keeping.faces("people", "s1"):
        keeping.delete_face(face.id)
    assert older.replayed(ledger) == subjects(keeping) == {"s0": 2, "s1": 0, "s2": 2}


def test_an_erased_collection_does_not_come_back(older, keeping, ledger):
    keeping.delete_collection("people")
    replay(older.database, ledger, ACT)
    assert [*Gallery(older.database).collections(), *keeping.collections()] == []


def test_who_was_enrolled_again_before_the_copy_stays_in_it(tmp_path, database, keeping, ledger):
    keeping.delete_subject("people", "s1")
    keeping.add_faces("people", "s1", [new_face(1)])
    with closing((older := Older(database, tmp_path / "later.db")).database):
        assert older.replayed(ledger) == {"s0": 2, "s1": 1, "s2": 2}


def test_a_collection_made_again_before_the_copy_stays_in_it(tmp_path, database, keeping, ledger):
    keeping.delete_collection("people")
    keeping.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    keeping.add_faces("people", "s1", [new_face(1)])
    with closing((older := Older(database, tmp_path / "later.db")).database):
        assert older.replayed(ledger) == {"s1": 1}


def test_who_was_enrolled_again_after_a_restore_stays(older, keeping, ledger):
    keeping.delete_subject("people", "s1")
    older.replayed(ledger)
    Gallery(older.database, ledger).add_faces("people", "s1", [new_face(1)])
    assert older.replayed(ledger) == {"s0": 2, "s1": 1, "s2": 2}


def test_who_was_renamed_and_erased_does_not_come_back_under_the_former_id(older, keeping, ledger):
    keeping.corrections.rename("people", "s1", "new", undo_for=DAY)
    keeping.delete_subject("people", "new")
    assert older.replayed(ledger) == {"s0": 2, "s2": 2}


def test_who_was_merged_and_erased_does_not_come_back(older, keeping, ledger):
    keeping.corrections.merge("people", "s1", "s2", undo_for=DAY)
    keeping.delete_subject("people", "s2")
    assert older.replayed(ledger) == {"s0": 2}


def test_a_face_moved_and_erased_with_another_subject_leaves_its_former_one_the_rest(older, keeping, ledger):
    keeping.corrections.move(keeping.faces("people", "s1")[0].id, "s2", undo_for=DAY)
    keeping.delete_subject("people", "s2")
    assert older.replayed(ledger) == subjects(keeping) == {"s0": 2, "s1": 1}


def test_an_erasure_of_the_copy_itself_is_not_done_twice(older, keeping, ledger):
    keeping.delete_subject("people", "s1")
    Gallery(older.database).delete_subject("people", "s1")
    assert replay(older.database, ledger, ACT) == (0, ())


def test_the_audit_has_each_erasure_and_a_line_that_counts_them(older, keeping, ledger):
    keeping.delete_subject("people", "s1")
    keeping.delete_face(keeping.faces("people", "s2")[0].id)
    replay(older.database, ledger, ACT)
    lines = [(line.actor, line.action, line.object_count) for line in Audit(older.database).lines()]
    assert lines == [("command", "subject.erase", 2), ("command", "face.erase", 1), ("command", REPLAY, 2)]


# --- what a data folder knows of its ledger ---------------------------------------------------------------------------


def test_a_start_with_an_older_database_erases_once_and_then_reads_nothing(tmp_path, older, keeping, ledger):
    keeping.delete_subject("people", "s1")
    assert catch_up(older.database, ledger, tmp_path, ACT)[0] == 1
    text = ledger.path.read_bytes()
    ledger.path.write_bytes(b"x" * len(text))  # it would be refused, were it read
    assert catch_up(older.database, ledger, tmp_path, ACT) == (0, ())


def test_a_database_put_back_by_hand_is_noticed(tmp_path, database, older, keeping, ledger):
    keeping.delete_subject("people", "s1")
    assert catch_up(database, ledger, tmp_path, ACT) == (0, ())
    assert catch_up(older.database, ledger, tmp_path, ACT)[0] == 1


def test_a_database_put_back_from_before_the_erasure_of_a_single_face_is_noticed(
    tmp_path, database, older, keeping, ledger
):
    keeping.delete_face(keeping.faces("people", "s1")[0].id)
    assert catch_up(database, ledger, tmp_path, ACT) == (0, ())
    assert catch_up(older.database, ledger, tmp_path, ACT)[0] == 1
    assert subjects(Gallery(older.database)) == {"s0": 2, "s1": 1, "s2": 2}


def test_of_two_servers_with_a_ledger_each_both_erase_again_what_they_had_erased(
    tmp_path, database, older, keeping, ledger
):
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
    other = ErasureLedger(tmp_path / "other.jsonl")
    keeping.delete_subject("people", "s1")
    Gallery(database, other).delete_subject("people", "s2")
    for folder, kept in zip(folders, (ledger, other), strict=True):
        assert catch_up(database, kept, folder, ACT) == (0, ())
    assert catch_up(older.database, ledger, folders[0], ACT)[0] == 1
    assert subjects(Gallery(older.database)) == {"s0": 2, "s2": 2}  # until the other one starts
    Gallery(older.database, ledger).delete_subject("people", "s0")  # now both databases have had two erasures
    assert catch_up(older.database, other, folders[1], ACT)[0] == 1
    assert subjects(Gallery(older.database)) == {}


def test_a_ledger_that_is_gone_or_another_or_cut_is_refused(tmp_path, ledger):
    folder = tmp_path / "folder"
    folder.mkdir()
    remember_ledger(folder, ledger)
    assert open_ledger(ledger.path, folder).key.id == ledger.key.id
    with pytest.raises(StorageFailed, match="keeps an erasure ledger; set VULTUS_ERASURE_LEDGER; if it is lost"):
        open_ledger(None, folder)
    with pytest.raises(StorageFailed, match="is gone; mount its disk"):
        open_ledger(tmp_path / "not mounted", folder)
    assert not (tmp_path / "not mounted").exists()
    with pytest.raises(StorageFailed, match="is not that of this data folder"):
        open_ledger(ErasureLedger(tmp_path / "other").path, folder)
    (folder / MARK).unlink()
    assert open_ledger(None, folder) is None


def test_a_ledger_that_has_lost_lines_is_refused(tmp_path, database, keeping, ledger):
    before = ledger.path.read_bytes()
    keeping.delete_subject("people", "s1")
    catch_up(database, ledger, tmp_path, ACT)
    ledger.path.write_bytes(before)
    with pytest.raises(StorageFailed, match="has lost lines; put the right one back"):
        open_ledger(ledger.path, tmp_path)
