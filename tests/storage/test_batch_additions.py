"""Faces of many people are added in one transaction as they are one by one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.storage.synthetic import new_face
from vultus.errors import InvalidRequest, ModelMismatch, SpaceChanged, SubjectErased
from vultus.storage.adding.batch_additions import NewOfPerson
from vultus.storage.audit import Act, Audit, AuditFilter
from vultus.storage.gallery import Gallery

NFC, NFD = "Jos\u00e9", "Jose\u0301"


def nothing() -> None:
    """before_commit."""


def add(gallery: Gallery, *people: NewOfPerson, begun=None, before_commit=nothing) -> list[bool]:
    batches = gallery.batches
    if begun is None:
        begun, _ = batches.begin("people", [(one.subject_id, one.face.source_sha256) for one in people])
    return batches.add("people", people, begun, space=gallery.binding("people").space, before_commit=before_commit)


def of(*pairs: tuple[str, int]) -> list[NewOfPerson]:
    return [NewOfPerson(subject, new_face(seed)) for subject, seed in pairs]


def state(gallery: Gallery) -> list[tuple[object, ...]]:
    """All but what is different each time: ids and moments."""
    faces = [face for face, _ in gallery.faces_of_collection("people", limit=99)]
    shown = [(one.subject, one.photo, one.box, one.landmarks, one.quality, one.model_id) for one in faces]
    people = [(one.id, one.name, one.metadata, one.faces) for one in gallery.subjects("people", limit=99)]
    return [*shown, *people]


def test_a_batch_leaves_what_single_enrolments_leave(gallery, other_gallery):
    gallery.add_faces("people", "ben", [new_face(1)])
    add(gallery, *of(("anna", 2), ("ben", 3), ("anna", 4), ("carl", 5)))
    batch = state(gallery)
    mark = other_gallery.mark("people")
    assert mark.revision == 4  # one of each subject, as an index asks for
    gallery.delete_collection("people")
    gallery.create_collection("people", model_id="model-a", pipeline_version=1, dimension=16)
    for subject, seed in (("ben", 1), ("anna", 2), ("anna", 4), ("ben", 3), ("carl", 5)):
        gallery.add_faces("people", subject, [new_face(seed)])
    assert sorted(map(repr, batch)) == sorted(map(repr, state(gallery)))


def test_an_index_follows_a_batch_by_its_revisions(gallery):
    gallery.add_faces("people", "ben", [new_face(1)])
    before = gallery.mark("people")
    add(gallery, *of(("anna", 2), ("ben", 3), ("anna", 4)))
    found = gallery.changes_since("people", before)
    owners = [pk for rows in found.added for pk in rows.subject_pks.tolist()]
    assert len(owners) == 3
    assert len(set(owners)) == 2


def test_what_is_there_already_is_told_and_not_stored_again(gallery):
    add(gallery, *of(("anna", 1), (NFD, 2)))
    sources = [
        ("anna", new_face(1).source_sha256),
        ("anna", new_face(2).source_sha256),
        (NFC, new_face(2).source_sha256),
    ]
    begun, known = gallery.batches.begin("people", sources)
    assert known == {sources[0], sources[2]}
    assert set(begun.subjects) == {"anna", NFC}
    stored = add(gallery, *of(("anna", 1), (NFC, 2), (NFD, 2), ("anna", 3), ("anna", 3)))
    assert stored == [False, False, False, True, False]
    assert {one.id: one.faces for one in gallery.subjects("people", limit=9)} == {"anna": 2, NFC: 1}


def test_two_spellings_in_a_batch_are_one_new_subject(gallery):
    add(gallery, *of((NFD, 1), (NFC, 2)))
    assert [(one.id, one.faces) for one in gallery.subjects("people", limit=9)] == [(NFC, 2)]


def test_names_and_metadata_are_those_of_the_last_that_has_some(gallery):
    add(gallery, NewOfPerson("anna", new_face(1), "Anna", {"desk": 4}), NewOfPerson("anna", new_face(2)))
    subject = gallery.subject("people", "anna")
    assert (subject.name, subject.metadata) == ("Anna", {"desk": 4})
    with pytest.raises(InvalidRequest):
        add(gallery, NewOfPerson("ben", new_face(3), metadata={"x": float("nan")}))
    assert [one.id for one in gallery.subjects("people", limit=9)] == ["anna"]


def test_nothing_is_stored_when_somebody_was_erased_or_renamed_meanwhile(gallery):
    add(gallery, *of(("anna", 1), ("ben", 2)))
    begun, _ = gallery.batches.begin("people", [("anna", "x"), ("carl", "x")])
    gallery.corrections.rename("people", "anna", "zoe", undo_for=timedelta(hours=1))
    with pytest.raises(SubjectErased):
        add(gallery, *of(("anna", 3), ("carl", 4)), begun=begun)
    begun, _ = gallery.batches.begin("people", [("carl", "x")])
    gallery.delete_subject("people", "ben")
    with pytest.raises(SubjectErased):
        add(gallery, *of(("carl", 4), ("ben", 5)), begun=begun)
    assert [one.id for one in gallery.subjects("people", limit=9)] == ["zoe"]
    add(gallery, *of(("carl", 4)), begun=begun)  # whom that does not concern


def test_a_subject_that_has_expired_does_not_come_back(gallery):
    add(gallery, *of(("anna", 1)))
    gallery.update_subject("people", "anna", expires_at=datetime.now(UTC) + timedelta(seconds=1))
    time.sleep(1.1)
    with pytest.raises(SubjectErased):
        add(gallery, *of(("anna", 2)))


def test_an_error_before_the_commit_or_a_face_that_does_not_fit_undoes_everything(gallery):
    def fail() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        add(gallery, *of(("anna", 1)), before_commit=fail)
    with pytest.raises(ModelMismatch):
        add(gallery, *of(("anna", 1)), NewOfPerson("ben", new_face(2, model_id="model-b")))
    begun, _ = gallery.batches.begin("people", [])
    with pytest.raises(SpaceChanged):
        gallery.batches.add("people", of(("anna", 1)), begun, space=7, before_commit=nothing)
    assert state(gallery) == []


def test_a_batch_has_one_line_in_the_audit(gallery, database):
    add(gallery.acting_as(Act("command")), *of(("anna", 1), ("ben", 2)))
    line = Audit(database).lines(AuditFilter(action="enroll"), limit=9)[0]
    assert line.object_count == 2
    faces = {face.id for face, _ in gallery.faces_of_collection("people", limit=9)}
    assert set(line.objects) == faces
