"""Renames, merges, moves and their undo: nothing is lost, nothing erased comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.storage.synthetic import DIMENSION, MODEL, new_face
from vultus.backup.integrity import faults
from vultus.errors import (
    CollectionNotFound,
    FaceNotFound,
    InvalidRequest,
    NotFound,
    SubjectExists,
    SubjectNotFound,
    UndoNotPossible,
)
from vultus.storage.audit import Act, Audit
from vultus.storage.corrections.subject_corrections import Corrections
from vultus.storage.database import Database
from vultus.storage.gallery import Gallery
from vultus.storage.photos import LocalPhotoStore

DAY = timedelta(hours=24)
NOW = datetime(2999, 1, 1, tzinfo=UTC)  # later than the clock of the gallery, which removes what is over


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def corrections(gallery: Gallery, database: Database, clock: Clock) -> Corrections:
    return Corrections(database, Act("command"), clock=clock)


def enroll(gallery: Gallery, subject: str, *seeds: int, **about: Any) -> list[str]:
    _, stored = gallery.add_faces("people", subject, [new_face(seed) for seed in seeds], **about)
    return [photo.face.id for photo in stored]


def state(gallery: Gallery) -> dict[str, object]:
    """All that is known of all subjects, and of their faces but for the order."""
    return {
        one.id: (one.name, one.metadata, one.created_at, {face.id: face for face in gallery.faces("people", one.id)})
        for one in gallery.subjects("people", limit=1000)
    }


def faces_of(gallery: Gallery, subject: str) -> list[str]:
    return [face.id for face in gallery.faces("people", subject)]


def entries(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM undo_log").scalar_one())


@contextmanager
def unchanged(gallery: Gallery, error: type[Exception], match: str = ".") -> Iterator[None]:
    """It is refused, and nothing is different."""
    before = state(gallery)
    with pytest.raises(error, match=match):
        yield
    assert state(gallery) == before


# --- rename


def test_a_renamed_subject_keeps_everything_but_its_id(gallery, corrections):
    faces = enroll(gallery, "ana", 1, 2, name="Anna", metadata={"team": "lab"})
    before = gallery.subject("people", "ana")
    changed = corrections.rename("people", "ana", "anna", undo_for=DAY)
    assert changed.subject == gallery.subject("people", "anna")
    assert (changed.subject.name, changed.subject.created_at) == (before.name, before.created_at)
    assert faces_of(gallery, "anna") == faces
    assert changed.undo.until == NOW + DAY
    with pytest.raises(SubjectNotFound):
        gallery.subject("people", "ana")


def test_a_rename_is_undone(gallery, corrections):
    enroll(gallery, "ana", 1)
    before = state(gallery)
    undone = corrections.undo(corrections.rename("people", "ana", "anna", undo_for=DAY).undo.id)
    assert (undone.action, undone.subject.id, undone.moved) == ("subject.rename", "ana", 0)
    assert state(gallery) == before


def test_an_id_that_is_taken_is_refused_and_merging_suggested(gallery, corrections):
    enroll(gallery, "ana", 1)
    enroll(gallery, "anna", 2)
    with unchanged(gallery, SubjectExists, "merge them"):
        corrections.rename("people", "ana", "anna", undo_for=DAY)
    with unchanged(gallery, InvalidRequest, "already"):
        corrections.rename("people", "ana", "ana", undo_for=DAY)


def test_an_old_id_given_away_since_is_not_taken_back(gallery, corrections):
    enroll(gallery, "ana", 1)
    undo = corrections.rename("people", "ana", "anna", undo_for=DAY).undo
    enroll(gallery, "ana", 2)
    with unchanged(gallery, UndoNotPossible, "another subject has the id 'ana'"):
        corrections.undo(undo.id)


def test_renames_are_undone_the_latest_first(gallery, corrections):
    enroll(gallery, "a", 1)
    first = corrections.rename("people", "a", "b", undo_for=DAY).undo
    second = corrections.rename("people", "b", "c", undo_for=DAY).undo
    with unchanged(gallery, UndoNotPossible, "renamed again"):
        corrections.undo(first.id)
    corrections.undo(second.id)
    assert corrections.undo(first.id).subject.id == "a"


# --- merge


def test_a_merge_moves_all_faces_and_removes_the_subject(gallery, corrections):
    ours, theirs = enroll(gallery, "ana", 1, 2), enroll(gallery, "anna", 3)
    changed = corrections.merge("people", "ana", "anna", undo_for=DAY)
    assert (changed.subject.id, changed.subject.faces, changed.moved) == ("anna", 3, 2)
    assert sorted(faces_of(gallery, "anna")) == sorted(ours + theirs)
    with pytest.raises(SubjectNotFound):
        gallery.subject("people", "ana")
    assert gallery.collection("people").subjects == 1


@pytest.mark.parametrize("seeds", [(1, 2), (3, 4), (1, 3, 4), ()])
def test_a_merge_is_undone_as_if_it_had_not_been(gallery, corrections, seeds):
    """Also where both subjects have the same photos."""
    enroll(gallery, "ana", *seeds, name="Ana", metadata={"n": 1})
    enroll(gallery, "anna", 3, 4, 5, metadata={"n": 2})
    before = state(gallery)
    undone = corrections.undo(corrections.merge("people", "ana", "anna", undo_for=DAY).undo.id)
    assert (undone.subject.id, undone.moved) == ("ana", len(seeds))
    assert state(gallery) == before


def test_both_faces_of_a_photo_that_both_subjects_have_stay(gallery, corrections):
    (ours,), (theirs,) = enroll(gallery, "ana", 1), enroll(gallery, "anna", 1)
    corrections.merge("people", "ana", "anna", undo_for=DAY)
    assert sorted(faces_of(gallery, "anna")) == sorted([ours, theirs])
    assert enroll(gallery, "anna", 1) == [theirs]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ({}, ("Ana", {"n": 1})),
        ({"name": "Anna"}, ("Anna", {"n": 1})),
        ({"metadata": {"m": 2}}, ("Ana", {"m": 2})),
        ({"name": "Anna", "metadata": {"m": 2}}, ("Anna", {"m": 2})),
    ],
)
def test_the_target_takes_over_the_name_and_metadata_that_it_lacks(gallery, corrections, target, found):
    enroll(gallery, "ana", 1, name="Ana", metadata={"n": 1})
    enroll(gallery, "anna", 2, **target)
    before = state(gallery)
    changed = corrections.merge("people", "ana", "anna", undo_for=DAY)
    assert (changed.subject.name, changed.subject.metadata) == found
    corrections.undo(changed.undo.id)
    assert state(gallery) == before


def test_what_was_added_or_changed_since_a_merge_stays_with_the_target(gallery, corrections):
    enroll(gallery, "ana", 1, name="Ana")
    enroll(gallery, "anna", 2)
    undo = corrections.merge("people", "ana", "anna", undo_for=DAY).undo
    (new,) = enroll(gallery, "anna", 3)
    gallery.update_subject("people", "anna", name="Anna Maria")
    corrections.undo(undo.id)
    assert new in faces_of(gallery, "anna")
    assert gallery.subject("people", "anna").name == "Anna Maria"
    assert gallery.subject("people", "ana").name == "Ana"


def test_a_subject_created_under_the_old_id_since_is_not_overwritten(gallery, corrections):
    enroll(gallery, "ana", 1)
    enroll(gallery, "anna", 2)
    undo = corrections.merge("people", "ana", "anna", undo_for=DAY).undo
    enroll(gallery, "ana", 9)
    with unchanged(gallery, UndoNotPossible, "'ana'"):
        corrections.undo(undo.id)
    gallery.delete_subject("people", "ana")
    assert corrections.undo(undo.id).subject.id == "ana"


def test_a_new_subject_is_not_taken_for_a_merged_one(gallery, corrections):
    """SQLite would give the number of the merged subject to the next one."""
    enroll(gallery, "anna", 2)
    enroll(gallery, "ana", 1)
    undo = corrections.merge("people", "ana", "anna", undo_for=DAY).undo
    new = enroll(gallery, "berta", 3)
    corrections.undo(undo.id)
    assert faces_of(gallery, "berta") == new
    assert gallery.subject("people", "ana").faces == 1


@pytest.mark.parametrize(
    ("one", "other", "error"),
    [("ana", "ana", InvalidRequest), ("ana", "nobody", SubjectNotFound), ("nobody", "ana", SubjectNotFound)],
)
def test_a_merge_needs_two_subjects(gallery, corrections, one, other, error):
    enroll(gallery, "ana", 1)
    with unchanged(gallery, error):
        corrections.merge("people", one, other, undo_for=DAY)


def test_subjects_of_two_collections_cannot_be_merged(gallery, corrections):
    gallery.create_collection("staff", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    enroll(gallery, "ana", 1)
    gallery.add_faces("staff", "anna", [new_face(2)])
    with unchanged(gallery, SubjectNotFound):
        corrections.merge("people", "ana", "anna", undo_for=DAY)
    with pytest.raises(CollectionNotFound):
        corrections.merge("nowhere", "ana", "anna", undo_for=DAY)


# --- move


@pytest.mark.parametrize("target", ["anna", "new"])
def test_a_face_is_moved_and_moved_back(gallery, corrections, target):
    faces = enroll(gallery, "ana", 1, 2)
    enroll(gallery, "anna", 2, 3)
    before = state(gallery)
    moved = corrections.move(faces[1], target, undo_for=DAY)
    assert (moved.face.id, moved.face.subject, moved.created) == (faces[1], target, target == "new")
    assert faces_of(gallery, "ana") == faces[:1]
    corrections.undo(moved.undo.id)
    assert state(gallery) == before


def test_an_emptied_subject_stays(gallery, corrections):
    (face,) = enroll(gallery, "ana", 1)
    corrections.move(face, "anna", undo_for=DAY)
    assert gallery.subject("people", "ana").faces == 0


def test_a_face_is_not_moved_to_where_it_is_nor_when_it_is_gone(gallery, corrections):
    (face,) = enroll(gallery, "ana", 1)
    with unchanged(gallery, InvalidRequest, "already"):
        corrections.move(face, "ana", undo_for=DAY)
    gallery.delete_face(face)
    with unchanged(gallery, FaceNotFound):
        corrections.move(face, "anna", undo_for=DAY)


def test_a_face_moved_again_since_is_not_moved_back_before_that_is_undone(gallery, corrections):
    (face,) = enroll(gallery, "ana", 1)
    before = state(gallery)
    first = corrections.move(face, "b", undo_for=DAY).undo
    second = corrections.move(face, "c", undo_for=DAY).undo
    with unchanged(gallery, UndoNotPossible, "moved again"):
        corrections.undo(first.id)
    corrections.undo(second.id)
    corrections.undo(first.id)
    assert state(gallery) == {**before, **{key: value for key, value in state(gallery).items() if key == "b"}}


def test_a_face_moved_there_and_back_by_hand_has_moved_again(gallery, corrections):
    (face,) = enroll(gallery, "ana", 1)
    first = corrections.move(face, "b", undo_for=DAY).undo
    corrections.move(face, "ana", undo_for=DAY)
    corrections.move(face, "b", undo_for=DAY)
    with unchanged(gallery, UndoNotPossible, "moved again"):
        corrections.undo(first.id)


def test_a_subject_that_a_move_made_stays_if_it_was_used_since(gallery, corrections):
    (face,) = enroll(gallery, "ana", 1)
    undo = corrections.move(face, "new", undo_for=DAY).undo
    gallery.update_subject("people", "new", name="New")
    corrections.undo(undo.id)
    assert gallery.subject("people", "new").name == "New"


def test_moving_back_beside_the_same_photo_enrolled_since_loses_neither(gallery, corrections):
    (face,) = enroll(gallery, "ana", 1)
    undo = corrections.move(face, "anna", undo_for=DAY).undo
    (again,) = enroll(gallery, "ana", 1)
    corrections.undo(undo.id)
    assert sorted(faces_of(gallery, "ana")) == sorted([face, again])
    assert enroll(gallery, "ana", 1) == [again]


# --- undo


def change_each(gallery: Gallery, corrections: Corrections, kind: str) -> str:
    (face,) = enroll(gallery, "ana", 1)
    enroll(gallery, "anna", 2)
    made: dict[str, Callable[[], Any]] = {
        "rename": lambda: corrections.rename("people", "ana", "new", undo_for=DAY),
        "merge": lambda: corrections.merge("people", "ana", "anna", undo_for=DAY),
        "move": lambda: corrections.move(face, "anna", undo_for=DAY),
    }
    undo_id: str = made[kind]().undo.id
    return undo_id


KINDS = pytest.mark.parametrize("kind", ["rename", "merge", "move"])


@KINDS
def test_nothing_is_undone_twice(gallery, corrections, database, kind):
    undo = change_each(gallery, corrections, kind)
    assert corrections.collection_of(undo) == "people"
    corrections.undo(undo)
    assert entries(database) == 0
    with unchanged(gallery, NotFound, "undone already"):
        corrections.undo(undo)
    with pytest.raises(NotFound):
        corrections.collection_of(undo)


@KINDS
def test_nothing_is_undone_after_its_time(gallery, corrections, clock, database, kind):
    undo = change_each(gallery, corrections, kind)
    clock.now += DAY
    with unchanged(gallery, NotFound, "its time is over"):
        corrections.undo(undo)
    corrections.sweep()
    assert entries(database) == 0


@pytest.mark.parametrize("unknown", ["", "0" * 32, "x", "'; --"])
def test_what_was_never_done_is_not_undone(gallery, corrections, unknown):
    with pytest.raises(NotFound):
        corrections.undo(unknown)


@pytest.mark.parametrize(
    ("kind", "erase"),
    [
        ("rename", "subject"),
        ("rename", "collection"),
        *((kind, erase) for kind in ("merge", "move") for erase in ("face", "subject", "collection")),
    ],
)
def test_nothing_erased_comes_back(gallery, corrections, database, kind, erase):
    undo = change_each(gallery, corrections, kind)
    holder = "new" if kind == "rename" else "anna"
    if erase == "face":
        for face in faces_of(gallery, holder):
            gallery.delete_face(face)
    elif erase == "subject":
        gallery.delete_subject("people", holder)
    else:
        gallery.delete_collection("people")
        gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
    assert entries(database) == 0
    with unchanged(gallery, NotFound, "erased"):
        corrections.undo(undo)


def test_the_subject_that_a_face_came_from_does_not_come_back(gallery, corrections):
    (face,) = enroll(gallery, "ana", 1)
    undo = corrections.move(face, "anna", undo_for=DAY).undo
    gallery.delete_subject("people", "ana")
    with unchanged(gallery, NotFound):
        corrections.undo(undo.id)
    assert faces_of(gallery, "anna") == [face]


def test_an_erasure_takes_the_entries_of_all_that_was_merged_into_the_erased(gallery, corrections, database):
    for seed, subject in enumerate("abcd"):
        enroll(gallery, subject, seed)
    corrections.rename("people", "a", "a2", undo_for=DAY)
    corrections.merge("people", "a2", "b", undo_for=DAY)
    corrections.merge("people", "b", "c", undo_for=DAY)
    kept = corrections.rename("people", "d", "d2", undo_for=DAY).undo
    gallery.delete_subject("people", "c")
    assert entries(database) == 1
    assert corrections.undo(kept.id).subject.id == "d"


def test_a_chain_of_all_kinds_is_undone_the_latest_first(gallery, corrections):
    faces = enroll(gallery, "a", 1, 2, name="A")
    enroll(gallery, "b", 2, 3)
    enroll(gallery, "c", 3, 1, metadata={"c": 1})
    states, undos = [], []
    for change in (
        lambda: corrections.move(faces[0], "b", undo_for=DAY),
        lambda: corrections.merge("people", "a", "b", undo_for=DAY),
        lambda: corrections.rename("people", "b", "a", undo_for=DAY),
        lambda: corrections.merge("people", "a", "c", undo_for=DAY),
        lambda: corrections.move(faces[1], "a", undo_for=DAY),
    ):
        states.append(state(gallery))
        undos.append(change().undo.id)
    while undos:
        for earlier in undos[:-1]:
            with unchanged(gallery, UndoNotPossible):
                corrections.undo(earlier)
        corrections.undo(undos.pop())
        assert state(gallery) == states.pop()


def test_lists_by_cursor_lose_and_repeat_no_face_across_merges(gallery, corrections):
    ids = [enroll(gallery, f"s{seed}", seed)[0] for seed in range(6)]
    first = gallery.faces_of_collection("people", limit=2)
    undo = corrections.merge("people", "s0", "s5", undo_for=DAY).undo
    corrections.merge("people", "s4", "s1", undo_for=DAY)
    second = gallery.faces_of_collection("people", after=first[-1][1], limit=2)
    corrections.undo(undo.id)
    corrections.move(ids[2], "s5", undo_for=DAY)
    third = gallery.faces_of_collection("people", after=second[-1][1], limit=2)
    assert [face.id for face, _ in (*first, *second, *third)] == ids


def test_each_change_has_one_audit_line_with_the_ids_of_its_faces(gallery, corrections, database):
    (ours,), (theirs,) = enroll(gallery, "ana", 1), enroll(gallery, "anna", 2)
    corrections.undo(corrections.rename("people", "ana", "ana2", undo_for=DAY).undo.id)
    merge = corrections.merge("people", "ana", "anna", undo_for=DAY).undo
    corrections.undo(merge.id)
    corrections.move(theirs, "ana", undo_for=DAY)
    lines = Audit(database).lines()
    assert [(line.action, line.objects, line.outcome) for line in lines] == [
        ("subject.rename", (ours,), "ok"),
        ("undo", (ours,), "ok"),
        ("subject.merge", (ours,), "ok"),
        ("undo", (ours,), "ok"),
        ("face.move", (theirs,), "ok"),
    ]
    assert {line.collection for line in lines} == {"people"}
    assert "ana" not in str(lines)


def test_the_check_finds_no_fault_after_all_kinds(gallery, corrections, database, tmp_path):
    photos = LocalPhotoStore(tmp_path / "photos")
    faces = enroll(gallery, "a", 1, 2)
    enroll(gallery, "b", 2, 3)
    corrections.move(faces[0], "c", undo_for=DAY)
    undo = corrections.merge("people", "a", "b", undo_for=DAY).undo
    for turn in range(2):
        assert [fault for fault in faults(database, photos) if fault.kind != "photos"] == []
        if turn == 0:
            corrections.undo(undo.id)


def test_the_check_finds_a_merge_whose_subject_is_there(gallery, corrections, database, tmp_path: Path):
    enroll(gallery, "a", 1)
    enroll(gallery, "b", 2)
    corrections.merge("people", "a", "b", undo_for=DAY)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE undo_log SET subject_pk = other_pk")
    found = [fault.sentence for fault in faults(database, LocalPhotoStore(tmp_path / "photos"), digests=False)]
    assert any("merges in the undo log whose subject is there" in sentence for sentence in found)
