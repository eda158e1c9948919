from dataclasses import replace

import pytest

from tests.pictures import drawn_photo, encoded, opened, with_comment
from vultus.errors import (
    InvalidImage,
    LowQuality,
    ModelMismatch,
    ModelNameNotAllowed,
    MultipleFaces,
    NoFaceDetected,
    VultusError,
)
from vultus.service import FaceService


def stored_files(small) -> int:
    return len(list(small.photos.keys()))


def test_enrolling_creates_collection_and_subject_and_stores_the_photo(small):
    result = small.service.enrolment.enroll([drawn_photo(1)], subject="ada", name="Ada", metadata={"team": "a"})
    assert (result.subject.id, result.subject.name, result.subject.metadata) == ("ada", "Ada", {"team": "a"})
    (line,) = result.faces
    assert line.created
    stored = opened(small.service.galleries.face_photo(line.face.id))
    assert stored.size == (line.face.photo.width, line.face.photo.height) == (320, 240)
    assert small.service.galleries.collection("default").faces == 1


def test_a_subject_without_id_gets_a_new_one_each_time(small):
    first, second = (small.service.enrolment.enroll([drawn_photo(1)]).subject.id for _ in range(2))
    assert first != second


def test_the_same_photo_again_costs_no_inference_and_adds_nothing(small):
    first = small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    seen = small.detector.calls
    again = small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    assert again.faces[0].face.id == first.faces[0].face.id
    assert not again.faces[0].created
    assert small.detector.calls == seen
    assert small.service.galleries.collection("default").faces == 1


def test_the_same_photo_twice_in_one_request_is_one_face(small):
    result = small.service.enrolment.enroll([drawn_photo(1), drawn_photo(1)], subject="ada")
    assert [line.created for line in result.faces] == [True, False]
    assert result.faces[0].face.id == result.faces[1].face.id


def test_the_same_photo_of_two_subjects_is_two_faces_and_one_file(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    small.service.enrolment.enroll([drawn_photo(1)], subject="bob")
    assert small.service.galleries.collection("default").faces == 2
    assert stored_files(small) == 1


@pytest.mark.parametrize(
    ("photo", "error"),
    [
        (drawn_photo(), NoFaceDetected),
        (drawn_photo(1, 2), MultipleFaces),
        (b"text named photo.jpg", InvalidImage),
    ],
)
def test_a_refused_photo_leaves_nothing_behind(small, photo, error):
    with pytest.raises(error):
        small.service.enrolment.enroll([photo], subject="ada")
    assert small.service.galleries.collections() == ()
    assert stored_files(small) == 0


def test_of_several_photos_the_refused_are_named_and_the_others_enrolled(small):
    result = small.service.enrolment.enroll(
        [drawn_photo(1), drawn_photo(), drawn_photo(1, 2), drawn_photo(1, photo=1, noise=5)]
    )
    assert [line.created for line in result.faces] == [True, True]
    assert [(line.index, line.error) for line in result.rejected] == [(1, "no_face_detected"), (2, "multiple_faces")]


def test_when_all_photos_are_refused_the_sentence_names_each(small):
    with pytest.raises(NoFaceDetected, match=r"none of the 2 photos.*photo 0: no face.*photo 1: 2 faces"):
        small.service.enrolment.enroll([drawn_photo(), drawn_photo(1, 2)], subject="ada")


def test_the_largest_face_is_taken_when_asked(small):
    result = small.service.enrolment.enroll([drawn_photo(1, 2)], subject="ada", face="largest")
    box = result.faces[0].face.box
    assert box[2] - box[0] == pytest.approx(80, abs=3)


def test_a_face_below_the_quality_floor_is_refused_with_its_weak_parts(small):
    with pytest.raises(LowQuality, match=r"quality \d+, below the 100.*size") as refusal:
        small.service.enrolment.enroll([drawn_photo(1)], subject="ada", min_quality=100)
    assert "size" in refusal.value.parts


def test_a_collection_stays_with_its_model(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada", model_name="tiny-16")
    with pytest.raises(ModelMismatch, match="bound to model tiny-16"):
        small.service.enrolment.enroll([drawn_photo(2)], subject="bob", model_name="tiny-32")
    small.service.enrolment.enroll([drawn_photo(2)], subject="bob")  # no model named: the collection's own
    assert small.service.galleries.collection("default").dimension == 16


def test_an_unknown_model_is_refused_before_anything_is_written(small):
    with pytest.raises(ModelNameNotAllowed, match="tiny-32"):
        small.service.enrolment.enroll([drawn_photo(1)], model_name="vgg")
    assert small.service.galleries.collections() == ()


def test_enrolling_again_updates_name_and_metadata_only_when_given(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada", name="Ada", metadata={"a": 1})
    small.service.enrolment.enroll([drawn_photo(1, photo=1, noise=5)], subject="ada")
    assert small.service.galleries.subject("default", "ada").name == "Ada"
    small.service.enrolment.enroll([drawn_photo(1, photo=2, noise=5)], subject="ada", name="Ada L.")
    subject = small.service.galleries.subject("default", "ada")
    assert (subject.name, subject.metadata, subject.faces) == ("Ada L.", {"a": 1}, 3)


def test_a_big_photo_is_stored_small(small):
    big = encoded(opened(drawn_photo(1)).resize((960, 720), 0))
    face = small.service.enrolment.enroll([big], subject="ada").faces[0].face
    assert (face.photo.width, face.photo.height) == (512, 384)


def test_other_bytes_of_the_same_pixels_share_the_stored_file(small):
    photo = drawn_photo(1)
    small.service.enrolment.enroll([photo], subject="ada")
    small.service.enrolment.enroll([with_comment(photo, "x")], subject="ada")
    assert small.service.galleries.collection("default").faces == 2
    assert stored_files(small) == 1


def test_a_failing_photo_store_leaves_no_row(small, monkeypatch):
    class Full:
        def put(self, data):
            raise VultusError("the disk is full")

    service = FaceService(replace(small.service.context, photos=Full()))
    with pytest.raises(VultusError, match="full"):
        service.enrolment.enroll([drawn_photo(1)], subject="ada")
    assert small.gallery.collections() == () or small.gallery.collection("default").faces == 0
