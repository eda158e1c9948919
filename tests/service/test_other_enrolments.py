"""Enrolments other than of photos of one person: by embeddings, all faces of a photo, without keeping the photo."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pictures import drawn_photo
from tests.standins import OTHER, TINY
from vultus.errors import InvalidRequest, LowQuality, ModelMismatch, NoFaceDetected, NotFound, VectorMismatch


def embedding(small, photo: bytes) -> list[float]:
    values: list[float] = small.service.recognition.represent(photo)[0].embedding.tolist()
    return values


# --- by embeddings


def test_an_enrolled_embedding_is_found_like_its_photo(small):
    vector = embedding(small, drawn_photo(1))
    result = small.service.enrolment.enroll_embeddings([vector], model_name=TINY, subject="ada", name="Ada")
    assert (result.subject.name, result.subject.faces, result.faces[0].created) == ("Ada", 1, True)
    assert [caution.code for caution in result.cautions] == ["no_photo"]
    (found,) = small.service.identification.find(drawn_photo(1)).faces
    assert found.decision == "match"
    assert found.matches[0].candidate.similarity == pytest.approx(1, abs=1e-6)
    assert list(small.photos.keys()) == []


def test_a_search_without_a_photo_says_that_its_quality_is_not_known(small):
    vector = embedding(small, drawn_photo(1))
    enrolled = small.service.enrolment.enroll_embeddings([vector], model_name=TINY).faces[0].face
    search = small.service.identification
    for found, source in (
        (search.find_embedding(vector, model_name=TINY), "embedding"),
        (search.find_face(enrolled.id), "face_id"),
    ):
        (caution,) = found.faces[0].cautions
        assert (caution.code, caution.image) == ("no_photo", source)
        assert "the error rates do not hold" in caution.detail
    assert search.find(drawn_photo(1)).faces[0].cautions == ()


def test_the_same_embedding_again_adds_nothing(small):
    vectors = [embedding(small, drawn_photo(person)) for person in (1, 2)]
    first = small.service.enrolment.enroll_embeddings(vectors, model_name=TINY, subject="ada")
    again = small.service.enrolment.enroll_embeddings([*vectors, vectors[0]], model_name=TINY, subject="ada")
    assert [line.created for line in again.faces] == [False] * 3
    assert again.faces[0].face.id == again.faces[2].face.id == first.faces[0].face.id


def test_an_embedding_is_stored_at_unit_length(small):
    vector = [1.0009 * x for x in embedding(small, drawn_photo(1))]
    small.service.enrolment.enroll_embeddings([vector], model_name=TINY, subject="ada")
    _, (stored,) = small.gallery.embeddings("default", "ada")
    assert float(np.linalg.norm(stored.astype(np.float64))) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "spoil", [lambda v: v[:-1], lambda v: [0.0] * 32, lambda v: [2 * x for x in v], lambda v: [1e400] * 32]
)
def test_one_wrong_embedding_refuses_all_and_leaves_nothing(small, spoil):
    vector = embedding(small, drawn_photo(1))
    with pytest.raises(VectorMismatch):
        small.service.enrolment.enroll_embeddings([vector, spoil(vector)], model_name=TINY, subject="ada")
    assert small.service.galleries.collections() == ()


def test_an_embedding_of_another_model_is_refused(small):
    small.service.galleries.create_collection("default")
    with pytest.raises(ModelMismatch):
        small.service.enrolment.enroll_embeddings([[1.0] + [0.0] * 15], model_name=OTHER, subject="ada")


def test_a_face_of_an_embedding_has_no_photo_to_show_and_can_be_searched_for_and_erased(small):
    result = small.service.enrolment.enroll_embeddings(
        [embedding(small, drawn_photo(1))], model_name=TINY, subject="ada"
    )
    face_id = result.faces[0].face.id
    with pytest.raises(NotFound, match="no photo is kept of face"):
        small.service.galleries.face_photo(face_id)
    assert small.service.identification.find_face(face_id).faces[0].quality is None
    assert small.service.galleries.delete_face(face_id).photos == 0


# --- all faces of a photo


def test_each_face_of_a_photo_becomes_a_new_subject(small):
    result = small.service.enrolment.enroll_all_faces(drawn_photo(1, 2, 3))
    assert result.subject is None
    owners = [line.face.subject for line in result.faces]
    assert len(set(owners)) == 3
    widths = [line.face.box[2] - line.face.box[0] for line in result.faces]
    assert widths == sorted(widths, reverse=True)
    assert len(list(small.photos.keys())) == 1
    (found,) = small.service.identification.find(drawn_photo(1)).faces
    assert found.matches[0].candidate.subject == owners[0]


def test_faces_go_to_the_subjects_that_are_named_largest_first(small):
    result = small.service.enrolment.enroll_all_faces(drawn_photo(1, 2, 3), subjects=["ada", None, "eve"])
    owners = [line.face.subject for line in result.faces]
    assert (owners[0], owners[2]) == ("ada", "eve")
    again = small.service.enrolment.enroll_all_faces(drawn_photo(1, 2, 3), subjects=owners)
    assert [line.created for line in again.faces] == [False] * 3
    assert [line.face.id for line in again.faces] == [line.face.id for line in result.faces]


@pytest.mark.parametrize("subjects", [["ada"], ["ada", "bob", "eve"], []])
def test_another_number_of_subjects_than_faces_is_refused(small, subjects):
    with pytest.raises(InvalidRequest, match=f"subjects has {len(subjects)} entries, but 2 faces are in the photo"):
        small.service.enrolment.enroll_all_faces(drawn_photo(1, 2), subjects=subjects)
    assert small.service.galleries.collections() == ()


def test_a_subject_twice_is_refused_before_anything_is_computed(small):
    with pytest.raises(InvalidRequest, match="names one subject twice"):
        small.service.enrolment.enroll_all_faces(drawn_photo(1, 2), subjects=["ada", "ada"])
    assert small.detector.calls == 0


def test_a_photo_without_faces_is_refused(small):
    with pytest.raises(NoFaceDetected):
        small.service.enrolment.enroll_all_faces(drawn_photo())


def test_faces_below_the_floor_are_listed_by_their_place_and_the_others_enrolled(small):
    scores = [quality.score for _, quality in small.service.recognition.detect(drawn_photo(1, 2))]
    assert scores[1] < scores[0]
    result = small.service.enrolment.enroll_all_faces(
        drawn_photo(1, 2), subjects=["ada", "bob"], min_quality=sum(scores) / 2
    )
    assert [line.face.subject for line in result.faces] == ["ada"]
    assert [(line.index, line.face, line.error) for line in result.rejected] == [(0, 1, "low_quality")]
    assert [subject.id for subject in small.gallery.subjects("default", limit=9)] == ["ada"]


def test_when_no_face_is_good_enough_nothing_is_stored(small):
    with pytest.raises(LowQuality, match=r"none of the 2 faces was accepted: face 0: .*; face 1: "):
        small.service.enrolment.enroll_all_faces(drawn_photo(1, 2), min_quality=100)
    assert small.service.galleries.collections() == ()
    assert list(small.photos.keys()) == []


def test_a_photo_erased_while_its_faces_are_enrolled_is_put_back(small, monkeypatch):
    """As when another process erases the last face of the same picture between the photo and the rows."""
    add = small.gallery.add_faces_of_several

    def after_an_erasure(collection, faces, **options):
        for key in list(small.photos.keys()):
            small.photos.delete(key)
        return add(collection, faces, **options)

    monkeypatch.setattr(small.gallery, "add_faces_of_several", after_an_erasure)
    result = small.service.enrolment.enroll_all_faces(drawn_photo(1, 2))
    assert [small.service.galleries.face_photo(line.face.id)[:2] for line in result.faces] == [b"\xff\xd8"] * 2


# --- without keeping the photo


def test_a_photo_that_is_not_kept_leaves_no_file_and_is_known_again(small):
    first = small.service.enrolment.enroll([drawn_photo(1)], subject="ada", store_photo=False)
    assert list(small.photos.keys()) == []
    (line,) = first.faces
    assert (line.face.photo, line.face.source_size) == (None, (320, 240))
    assert line.face.quality.score > 0
    seen = small.detector.calls
    again = small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    assert (again.faces[0].created, again.faces[0].face.id, small.detector.calls) == (False, line.face.id, seen)


def test_all_faces_of_a_photo_that_is_not_kept(small):
    result = small.service.enrolment.enroll_all_faces(drawn_photo(1, 2), store_photo=False)
    assert [line.face.photo for line in result.faces] == [None, None]
    assert list(small.photos.keys()) == []


def test_the_size_of_the_original_is_kept(small):
    result = small.service.enrolment.enroll([drawn_photo(1, size=(960, 720))], subject="ada")
    face = result.faces[0].face
    assert (face.source_size, (face.photo.width, face.photo.height)) == ((960, 720), (512, 384))
