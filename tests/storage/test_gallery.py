"""The gallery through its public methods, on a real file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import text

from tests.storage.synthetic import DIMENSION, MODEL, new_face, sha256, unit
from vultus.errors import (
    CollectionExists,
    CollectionNotFound,
    FaceNotFound,
    InvalidRequest,
    ModelMismatch,
    StorageFailed,
    SubjectNotFound,
    VectorMismatch,
)
from vultus.identifiers import canonical
from vultus.records.stored import CollectionPolicies
from vultus.search.int8_codes import quantise
from vultus.search.source import ChangeSet, Owner
from vultus.storage.audit import Act, Audit

HOSTILE_IDS = [
    "",
    "a/../../b",
    "'; DROP TABLE faces; --",
    "tab\tnewline\nend",
    "%_*?",
    "Zoë Müller 李小龍 👩🏽‍🚀",
    "e\u0301",
    "\u00e9",
    "x" * 10_240,
]


def bind(gallery, name="people", **changes):
    return gallery.create_collection(
        name, **{"model_id": MODEL, "pipeline_version": 1, "dimension": DIMENSION, **changes}
    )


# --- collections


def test_a_collection_is_made_once(gallery):
    made, is_new = bind(gallery, "staff")
    assert is_new
    assert made == gallery.collection("staff")
    assert bind(gallery, "staff") == (made, False)
    assert [one.name for one in gallery.collections()] == ["people", "staff"]


def test_a_collection_counts_what_it_holds(gallery):
    gallery.add_faces("people", "anna", [new_face(1), new_face(2)])
    gallery.add_faces("people", "berta", [new_face(3)])
    held = gallery.collection("people")
    assert (held.subjects, held.faces, held.revision) == (2, 3, 2)
    assert held == gallery.collections()[0]


@pytest.mark.parametrize("other", [{"model_id": "model-b"}, {"pipeline_version": 2}, {"dimension": 8}])
def test_another_model_is_refused_naming_both(gallery, other):
    with pytest.raises(ModelMismatch, match=r"model-a \(pipeline 1, 16-d\), not to model-. \(pipeline ., \d+-d\)"):
        bind(gallery, **other)


def test_a_collection_keeps_its_policies(gallery):
    policies = CollectionPolicies(min_quality=40, target_fmr=1e-5, store_photos=False)
    made, _ = bind(gallery, "staff", policies=policies)
    assert made.policies == gallery.collection("staff").policies == gallery.binding("staff").policies == policies
    assert gallery.collection("people").policies == CollectionPolicies()


def test_a_collection_is_not_made_again_with_other_policies(gallery):
    policies = CollectionPolicies(min_quality=40)
    made, _ = bind(gallery, "staff", policies=policies)
    assert bind(gallery, "staff") == bind(gallery, "staff", policies=policies) == (made, False)
    for other in CollectionPolicies(), CollectionPolicies(min_quality=40, target_fmr=1e-5):
        with pytest.raises(CollectionExists, match="'staff' exists with other policies; change them with PATCH"):
            bind(gallery, "staff", policies=other)


def test_policies_change_one_by_one_and_none_takes_one_away(gallery):
    bind(gallery, "staff", policies=CollectionPolicies(min_quality=40, store_photos=False))
    changed = gallery.change_policies("staff", {"target_fpir": 0.001, "min_quality": None, "store_photos": None})
    assert changed.policies == gallery.collection("staff").policies == CollectionPolicies(target_fpir=0.001)
    assert gallery.collection("people").policies == CollectionPolicies()


def test_a_change_of_policies_is_one_audit_line_and_no_change_is_none(database, gallery):
    ours = gallery.acting_as(Act("command"))
    for changes in {"min_quality": 40}, {"min_quality": 40}, {}, {"target_fmr": None}:
        ours.change_policies("people", changes)
    (line,) = Audit(database).lines()
    assert (line.action, line.collection, line.objects) == ("collection.policy", "people", ())


@pytest.mark.parametrize("stored", ['{"blur": 0.9}', "[1]", "{"])
def test_a_policy_that_this_code_does_not_know_is_not_ignored(database, gallery, stored):
    with database.writing() as connection:
        connection.execute(text("UPDATE collections SET policies = :stored"), {"stored": stored})
    for call in gallery.binding, gallery.collection, lambda _: gallery.collections():
        with pytest.raises(StorageFailed, match="'people' has policies that this Vultus does not know"):
            call("people")


def test_an_unknown_collection_is_named_by_every_method(gallery):
    calls = [
        lambda: gallery.collection("x"),
        lambda: gallery.change_policies("x", {}),
        lambda: gallery.delete_collection("x"),
        lambda: gallery.add_faces("x", "anna", [new_face(1)]),
        lambda: gallery.find_faces_by_source("x", "anna", []),
        lambda: gallery.subjects("x", limit=1),
        lambda: gallery.subject("x", "anna"),
        lambda: gallery.update_subject("x", "anna"),
        lambda: gallery.delete_subject("x", "anna"),
        lambda: gallery.faces("x", "anna"),
        lambda: gallery.embeddings("x", "anna"),
        lambda: gallery.mark("x"),
        lambda: gallery.changes_since("x", None),
    ]
    for call in calls:
        with pytest.raises(CollectionNotFound, match="'x'"):
            call()


def test_a_deleted_collection_leaves_nothing(gallery):
    bind(gallery, "staff")
    gallery.add_faces("people", "anna", [new_face(1, photo="shared"), new_face(2)])
    gallery.add_faces("staff", "anna", [new_face(3, photo="shared")])
    (face,) = gallery.faces("staff", "anna")
    deleted, orphans = gallery.delete_collection("people")
    assert (deleted.subjects, deleted.faces, deleted.photos) == (1, 2, 1)
    assert orphans == (sha256("photo 2"),)
    assert [one.name for one in gallery.collections()] == ["staff"]
    assert gallery.face(face.id) == face


# --- subjects


def test_a_subject_is_made_with_its_first_face(gallery):
    before = datetime.now(UTC)
    subject, (enrolled,) = gallery.add_faces(
        "people", "anna", [new_face(1)], name="Anna", metadata={"door": [1, None, "ä"]}
    )
    face, created = enrolled.face, enrolled.created
    assert created
    assert (subject.id, subject.name, subject.metadata, subject.faces) == ("anna", "Anna", {"door": [1, None, "ä"]}, 1)
    assert before <= subject.created_at <= datetime.now(UTC)
    assert subject.created_at.utcoffset() == timedelta(0)
    assert gallery.subject("people", "anna") == subject
    assert face.subject == "anna"


def test_an_absent_id_is_made(gallery):
    first, _ = gallery.add_faces("people", None, [new_face(1)])
    second, _ = gallery.add_faces("people", None, [new_face(1)])
    assert len(first.id) == 32
    assert first.id != second.id


def test_name_and_metadata_stay_unless_given(gallery):
    gallery.add_faces("people", "anna", [new_face(1)], name="Anna", metadata={"a": 1})
    subject, _ = gallery.add_faces("people", "anna", [new_face(2)], name="Anne")
    assert (subject.name, subject.metadata) == ("Anne", {"a": 1})
    updated = gallery.update_subject("people", "anna", metadata={})
    assert updated == gallery.subject("people", "anna")
    assert (updated.name, updated.metadata, updated.faces) == ("Anne", {}, 2)


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": {1, 2}}, {("a",): 1}])
def test_metadata_that_is_no_json_is_refused_without_showing_it(gallery, metadata):
    with pytest.raises(InvalidRequest, match="metadata is no JSON object") as caught:
        gallery.add_faces("people", "anna", [new_face(1)], metadata=metadata)
    assert caught.value.__cause__ is None
    assert gallery.subjects("people", limit=1) == ()


@pytest.mark.parametrize("hostile", HOSTILE_IDS, ids=range(len(HOSTILE_IDS)))
def test_ids_and_names_are_only_data(gallery, hostile):
    bind(gallery, hostile)
    gallery.add_faces(hostile, "bystander", [new_face(1)])
    subject, (enrolled,) = gallery.add_faces(hostile, hostile, [new_face(2)], name=hostile, metadata={hostile: hostile})
    face = enrolled.face
    assert (subject.id, subject.collection) == (canonical(hostile), hostile)
    assert (subject.name, subject.metadata) == (hostile, {hostile: hostile})
    assert gallery.subject(hostile, hostile) == subject
    assert gallery.faces(hostile, hostile) == (face,)
    changes = gallery.changes_since(hostile, None)
    found = gallery.owners(changes.mark, changes.added[0].face_pks.tolist())
    assert sorted(one.subject for one in found.values()) == sorted(["bystander", canonical(hostile)])
    assert Owner(face.id, canonical(hostile), hostile, {hostile: hostile}) in found.values()
    gallery.delete_subject(hostile, hostile)
    assert [one.id for one in gallery.subjects(hostile, limit=9)] == ["bystander"]
    gallery.delete_collection(hostile)


def test_a_text_with_nul_is_refused_whichever_database(gallery, keys):
    nul = "nul\0end"
    gallery.add_faces("people", "anna", [new_face(2)])
    for refused in (
        lambda: bind(gallery, nul),
        lambda: gallery.add_faces("people", nul, [new_face(1)]),
        lambda: gallery.add_faces("people", "berta", [new_face(1)], name=nul),
        lambda: gallery.update_subject("people", "anna", name=nul),
        lambda: gallery.corrections.rename("people", "anna", nul, undo_for=timedelta(hours=1)),
        lambda: keys.create(nul, ["find"]),
    ):
        with pytest.raises(InvalidRequest, match="NUL"):
            refused()
    assert [subject.id for subject in gallery.subjects("people", limit=9)] == ["anna"]


def test_messages_stay_short_and_printable(gallery):
    with pytest.raises(SubjectNotFound) as caught:
        gallery.subject("people", "\x1b[2J\n" + "x" * 10_240)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


def test_subjects_are_paged_in_the_order_of_their_ids(gallery):
    ids = ["10", "2", "B", "a", "ä", "😀"]
    for seed, name in enumerate(reversed(ids)):
        gallery.add_faces("people", name, [new_face(seed)])
    first = gallery.subjects("people", limit=4)
    rest = gallery.subjects("people", after=first[-1].id, limit=4)
    assert [one.id for one in (*first, *rest)] == sorted(ids) == ids
    assert {one.faces for one in first} == {1}


def test_an_erased_subject_is_gone(gallery):
    _, (enrolled, _) = gallery.add_faces("people", "anna", [new_face(1), new_face(2, photo="shared")])
    face = enrolled.face
    gallery.add_faces("people", "berta", [new_face(3, photo="shared")])
    deleted, orphans = gallery.delete_subject("people", "anna")
    assert (deleted.subjects, deleted.faces, deleted.photos) == (1, 2, 1)
    assert orphans == (sha256("photo 1"),)
    for gone in (gallery.subject, gallery.faces, gallery.embeddings, gallery.delete_subject, gallery.update_subject):
        with pytest.raises(SubjectNotFound, match="'anna'"):
            gone("people", "anna")
    with pytest.raises(FaceNotFound):
        gallery.face(face.id)


# --- faces


def test_a_face_comes_back_as_it_went_in(gallery):
    new = new_face(1)
    _, (enrolled,) = gallery.add_faces("people", "anna", [new])
    face = enrolled.face
    assert gallery.face(face.id) == face
    assert (face.collection, face.subject, face.model_id, face.photo) == ("people", "anna", MODEL, new.photo)
    assert (face.box, face.detector_score, face.quality) == (new.template.face.box, 0.97, new.template.quality)
    assert face.landmarks == ((30, 40), (70, 40), (50, 60), (35, 80), (65, 80))
    assert face.created_at.tzinfo is UTC


def test_a_stored_quality_keeps_the_version_of_its_rule(gallery):
    new = new_face(1)
    later = replace(new.template, quality=replace(new.template.quality, version=7))
    _, (enrolled,) = gallery.add_faces("people", "anna", [replace(new, template=later)])
    assert gallery.face(enrolled.face.id).quality.version == 7


def test_embeddings_come_back_bit_for_bit(gallery):
    gallery.add_faces("people", "anna", [new_face(seed) for seed in (3, 1, 2)])
    ids, vectors = gallery.embeddings("people", "anna")
    assert ids == tuple(face.id for face in gallery.faces("people", "anna"))
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, [unit(3), unit(1), unit(2)])


def test_the_same_source_photo_is_kept_once_per_subject(gallery):
    new = new_face(1)
    _, (enrolled,) = gallery.add_faces("people", "anna", [new])
    first = enrolled.face
    subject, again = gallery.add_faces("people", "anna", [new, new_face(2), new_face(2), new])
    assert [one.created for one in again] == [False, True, False, False]
    assert again[0].face == again[3].face == first
    assert again[1].face == again[2].face
    assert subject.faces == 2
    assert gallery.add_faces("people", "berta", [new])[1][0].created


def test_a_repeated_enrolment_changes_no_revision(gallery):
    gallery.add_faces("people", "anna", [new_face(1)])
    gallery.add_faces("people", "anna", [new_face(1)])
    assert gallery.collection("people").revision == 1


def test_faces_are_found_by_their_source(gallery):
    _, stored = gallery.add_faces("people", "anna", [new_face(1), new_face(2)])
    found = gallery.find_faces_by_source("people", "anna", [sha256("source 2"), sha256("source 3")])
    assert found == {sha256("source 2"): stored[1].face}
    assert gallery.find_faces_by_source("people", "nobody", [sha256("source 2")]) == {}


@pytest.mark.parametrize(
    ("embedding", "words"),
    [
        (unit(1, 8), r"shape \(8,\)"),
        (unit(1)[None, :], r"shape \(1, 16\)"),
        (unit(1) * np.float32(np.nan), "NaN"),
        (unit(1) * np.float32(np.inf), "infinite"),
        (unit(1) * np.float32(1.01), "length 1.01"),
        (unit(1) * np.float32(0), "length 0"),
    ],
)
def test_vectors_that_do_not_fit_are_refused_and_nothing_is_stored(gallery, embedding, words):
    with pytest.raises(VectorMismatch, match=words):
        gallery.add_faces("people", "anna", [new_face(1), new_face(2, embedding=embedding)])
    assert gallery.subjects("people", limit=1) == ()


def test_a_template_of_another_model_is_refused(gallery):
    with pytest.raises(ModelMismatch, match="bound to model model-a, the template is of model-b"):
        gallery.add_faces("people", "anna", [new_face(1, model_id="model-b")])


def test_a_deleted_face_leaves_its_subject(gallery):
    _, (enrolled, enrolled_1) = gallery.add_faces("people", "anna", [new_face(1), new_face(2, photo="photo 1")])
    first, second = enrolled.face, enrolled_1.face
    assert gallery.delete_face(first.id)[1] == ()  # the other face shows the same photo
    deleted, orphans = gallery.delete_face(second.id)
    assert (deleted.subjects, deleted.faces, deleted.photos) == (0, 1, 1)
    assert orphans == (sha256("photo 1"),)
    assert gallery.subject("people", "anna").faces == 0
    assert gallery.embeddings("people", "anna")[1].shape == (0, DIMENSION)
    with pytest.raises(FaceNotFound):
        gallery.delete_face(first.id)


# --- changes


def pks(changes: ChangeSet) -> list[int]:
    return [int(pk) for rows in changes.added for pk in rows.face_pks]


def test_changes_come_once_and_in_order(gallery):
    _, added = gallery.add_faces("people", "anna", [new_face(1), new_face(2)])
    everything = gallery.changes_since("people", None)
    assert (everything.fresh, everything.dimension) == (True, DIMENSION)
    found = gallery.stored_embeddings(everything.mark, pks(everything))
    ids = gallery.owners(everything.mark, pks(everything))
    assert ids == {
        pk: Owner(one.face.id, "anna", None, {}) for pk, one in zip(sorted(found.face_pks), added, strict=True)
    }
    assert np.array_equal(found.embeddings[np.argsort(found.face_pks)], [unit(1), unit(2)])
    nothing = gallery.changes_since("people", everything.mark)
    assert (nothing.mark, nothing.fresh, pks(nothing), len(nothing.removed)) == (everything.mark, False, [], 0)
    gallery.add_faces("people", "berta", [new_face(3)])
    gallery.delete_face(added[0].face.id)
    later = gallery.changes_since("people", everything.mark)
    assert (later.mark.revision, later.fresh) == (3, False)
    assert [ids.subject for ids in gallery.owners(later.mark, pks(later)).values()] == ["berta"]
    assert later.removed.tolist() == pks(everything)[:1]


def test_added_faces_come_with_their_codes_and_one_number_per_subject(gallery):
    gallery.add_faces("people", "anna", [new_face(1), new_face(2)])
    gallery.add_faces("people", "berta", [new_face(3)])
    gallery.add_faces("people", "anna", [new_face(4)])
    (rows,) = gallery.changes_since("people", None).added
    wanted = quantise(np.stack([unit(seed) for seed in (1, 2, 3, 4)]))
    assert np.array_equal(rows.codes.values, wanted.values)
    assert np.array_equal(rows.codes.scales, wanted.scales)
    assert np.array_equal(rows.codes.errors, wanted.errors)
    first, second, third, fourth = rows.subject_pks.tolist()
    assert (first == second == fourth, first == third) == (True, False)


def test_added_faces_come_with_their_embeddings_where_these_fit(gallery):
    asked: list[tuple[int, int]] = []

    def fits(faces: int, dimension: int) -> bool:
        asked.append((faces, dimension))
        return faces > 1

    gallery.add_faces("people", "anna", [new_face(1), new_face(2)])
    changes = gallery.changes_since("people", None, fits)
    assert np.array_equal(changes.added[0].embeddings, [unit(1), unit(2)])
    gallery.add_faces("people", "anna", [new_face(3)])
    assert gallery.changes_since("people", changes.mark, fits).added[0].embeddings is None
    assert asked == [(2, DIMENSION), (1, DIMENSION)]


def test_damaged_embeddings_and_codes_are_refused(database, gallery):
    gallery.add_faces("people", "anna", [new_face(1), new_face(2)])
    changes = gallery.changes_since("people", None)
    with database.writing() as connection:
        connection.execute(text("UPDATE embeddings SET embedding = :one WHERE face_pk = 1"), {"one": b"\0"})
    with pytest.raises(StorageFailed, match="16 dimensions; restore the database"):
        gallery.changes_since("people", None, lambda faces, dimension: True)
    with pytest.raises(StorageFailed, match="restore the database"):
        gallery.stored_embeddings(changes.mark, pks(changes))


@pytest.mark.sqlite
def test_references_leave_out_what_is_erased_or_came_later(gallery):
    gallery.add_faces("people", "anna", [new_face(1), new_face(2)])
    changes = gallery.changes_since("people", None)
    gallery.delete_face(gallery.faces("people", "anna")[1].id)
    gallery.add_faces("people", "berta", [new_face(3)])  # gets the number of the one that is gone
    assert pks(gallery.changes_since("people", changes.mark)) == pks(changes)[1:]
    found = gallery.stored_embeddings(changes.mark, pks(changes))
    assert list(found.face_pks) == pks(changes)[:1]
    assert [ids.subject for ids in gallery.owners(changes.mark, pks(changes)).values()] == ["anna"]
    bind(gallery, "others")
    others = gallery.changes_since("others", None).mark
    assert len(gallery.stored_embeddings(others, pks(changes)).embeddings) == 0
    assert gallery.owners(others, pks(changes)) == {}


def test_many_references_are_fetched_in_parts(gallery):
    gallery.add_faces("people", "anna", [new_face(seed) for seed in range(1_200)])
    changes = gallery.changes_since("people", None)
    found = gallery.stored_embeddings(changes.mark, pks(changes))
    assert sorted(found.face_pks) == pks(changes)
    assert found.embeddings.shape == (1_200, DIMENSION)
    assert sorted(gallery.owners(changes.mark, pks(changes))) == pks(changes)


def test_faces_without_codes_are_coded_when_they_are_pulled(database, gallery):
    """As a server of the version before leaves them that still ran while another one migrated."""
    gallery.add_faces("people", "anna", [new_face(seed) for seed in range(600)])
    (wanted,) = gallery.changes_since("people", None).added
    with database.writing() as connection:
        connection.execute(text("DELETE FROM codes WHERE face_pk % 10 > 0"))
    (rows,) = gallery.changes_since("people", None).added
    assert np.array_equal(rows.codes.values, wanted.codes.values)
    assert np.array_equal(rows.codes.errors, wanted.codes.errors)


def test_a_collection_created_again_is_another(gallery):
    gallery.add_faces("people", "anna", [new_face(1)])
    mark = gallery.changes_since("people", None).mark
    gallery.delete_collection("people")
    bind(gallery)
    gallery.add_faces("people", "berta", [new_face(2)])
    changes = gallery.changes_since("people", mark)
    assert changes.mark.revision == mark.revision
    assert (changes.fresh, len(pks(changes))) == (True, 1)
    assert gallery.stored_embeddings(mark, pks(changes)).face_pks == ()
    assert gallery.owners(mark, pks(changes)) == {}


def test_a_mark_from_the_future_means_everything(gallery):
    """As after restoring a backup under a running server."""
    gallery.add_faces("people", "anna", [new_face(1)])
    mark = gallery.changes_since("people", None).mark
    changes = gallery.changes_since("people", replace(mark, revision=9))
    assert (changes.fresh, len(pks(changes)), changes.mark) == (True, 1, mark)


# --- photos


def test_only_photos_that_no_face_shows_are_removed(gallery):
    gallery.add_faces("people", "anna", [new_face(1)])
    unlinked: list[str] = []
    keys = [sha256("photo 1"), sha256("photo 2"), sha256("photo 3"), sha256("photo 2")]
    assert gallery.photos.remove_strays(keys, unlinked.append) == 2
    assert sorted(unlinked) == sorted(keys[1:3])


def test_many_photos_are_checked_in_parts(gallery):
    gallery.add_faces("people", "anna", [new_face(seed) for seed in range(600)])
    keys = [sha256(f"photo {seed}") for seed in range(1_300)]
    assert gallery.photos.remove_strays(keys, lambda _: None) == 700
