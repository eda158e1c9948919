"""The real models on real photos, through the same door as everyone."""

from __future__ import annotations

import pytest

from tests import pictures
from vultus.errors import MultipleFaces, NoFaceDetected
from vultus.vision.face_crop import scale_to
from vultus.vision.orientation import turned_face

pytestmark = pytest.mark.real

VARIANTS = pictures.variants(pictures.astronaut())


@pytest.mark.parametrize("name", VARIANTS)
def test_mated_photos_verify(real, name):
    answer = real.service.recognition.verify(pictures.astronaut(), VARIANTS[name])
    assert answer.verified
    assert answer.similarity > 0.9


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_photo_that_lies_on_its_side_or_head_is_turned(real, rotation):
    """The answer says so, in the pixels of the photo as sent; the photo is stored upright."""
    astronaut = pictures.opened(pictures.astronaut())
    sent = pictures.encoded(astronaut.rotate(rotation, expand=True))  # counterclockwise
    answer = real.service.recognition.verify(pictures.astronaut(), sent)
    assert answer.similarity > 0.97
    upright, face = answer.faces
    assert (upright.rotation, face.rotation) == (0, rotation)
    assert turned_face(face, rotation, *astronaut.size).box == pytest.approx(upright.box, abs=6)
    kept = real.service.enrolment.enroll([sent], collection="turned").faces[0]
    assert (kept.face.box, kept.rotation) == (face.box, rotation)
    stored = real.gallery.face(kept.face.id)
    assert stored.box == pytest.approx(upright.box, abs=6)
    ((again, _),) = real.service.recognition.detect(real.service.context.photos.get(stored.photo.sha256))
    assert again.rotation == 0
    real.service.galleries.delete_collection("turned")


@pytest.mark.parametrize("tilt", [30, -45, 60])
def test_a_tilted_head_keeps_its_embedding(real, tilt):
    astronaut = pictures.opened(pictures.astronaut())
    sent = pictures.encoded(astronaut.rotate(tilt, fillcolor=(127, 127, 127)))
    answer = real.service.recognition.verify(pictures.astronaut(), sent)
    assert (answer.decision, answer.similarity > 0.9) == ("match", True)


def test_different_people_do_not_verify(real):
    assert not real.service.recognition.verify(pictures.astronaut(), pictures.portrait()).verified
    assert not real.service.recognition.verify(pictures.astronaut(), pictures.group()).verified


def test_six_people_are_found_in_the_group_photo_by_either_detector(real):
    for detector in ("yunet", "mtcnn"):
        found = real.service.recognition.detect(pictures.group(), detector=detector)
        assert len(found) == 6
        assert all(left_to_right(face) for face, _ in found)


def left_to_right(face) -> bool:
    """Upright people: the eye on the left of the picture is left of the other, the mouth below the eyes."""
    left_eye, right_eye, _, left_mouth, right_mouth = face.landmarks
    return left_eye[0] < right_eye[0] and left_mouth[1] > left_eye[1] and right_mouth[1] > right_eye[1]


def test_detectors_agree_on_where_the_face_is(real):
    ((one, _),) = real.service.recognition.detect(pictures.astronaut(), detector="yunet")
    two, _ = real.service.recognition.detect(pictures.astronaut(), detector="mtcnn")[0]
    assert one.landmarks == pytest.approx(two.landmarks, abs=5)


def test_the_group_is_told_apart_from_each_other(real):
    first, *others = real.service.recognition.represent(pictures.group())
    assert max(pictures.cosine(first.embedding, other.embedding) for other in others) < 0.45


def test_no_face_and_several_faces_are_refused(real):
    with pytest.raises(NoFaceDetected):
        real.service.enrolment.enroll([pictures.no_face()], collection="refused")
    with pytest.raises(MultipleFaces, match="6 faces"):
        real.service.enrolment.enroll([pictures.group()], collection="refused")


def test_enroll_find_forget_find(real):
    real.service.enrolment.enroll([pictures.astronaut()], subject="astronaut", collection="life", name="A")
    real.service.enrolment.enroll([pictures.portrait()], subject="actor", collection="life")
    for photo in VARIANTS.values():
        (answer,) = real.service.identification.find(photo, collection="life").faces
        assert (answer.decision, answer.matches[0].candidate.subject) == ("match", "astronaut")
    for stranger in real.service.identification.find(pictures.group(), collection="life", faces="all").faces:
        assert stranger.decision == "unknown"
    real.service.galleries.forget("life", "astronaut")
    (answer,) = real.service.identification.find(pictures.astronaut(), collection="life").faces
    assert answer.decision == "unknown"
    assert [match.candidate.subject for match in answer.matches] == ["actor"]


def test_a_face_read_sideways_by_exif_has_its_box_in_the_upright_picture(real):
    ((upright, _),) = real.service.recognition.detect(pictures.astronaut())
    ((sideways, _),) = real.service.recognition.detect(VARIANTS["sideways by EXIF"])
    assert sideways.box == pytest.approx(upright.box, abs=6)


def test_the_faces_of_a_group_are_enrolled_shown_and_found(real):
    enrolled = real.service.enrolment.enroll_all_faces(pictures.group(), collection="group", min_quality=0)
    assert len({line.face.subject for line in enrolled.faces}) == 6
    for line in enrolled.faces:
        crop = real.service.galleries.face_crop(line.face.id, size=320)
        (seen, _) = real.service.recognition.detect(crop)[0]
        left, top, right, bottom = seen.box
        assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((160, 160), abs=48)
    found = real.service.identification.find(pictures.group(), collection="group", faces="all")
    owners = [face.matches[0].candidate.subject for face in found.faces]
    assert owners == [line.face.subject for line in enrolled.faces]


def test_a_face_of_an_older_release_is_located_by_detecting_it_again(real):
    group = pictures.opened(pictures.group())
    large = pictures.encoded(group.resize((group.width * 2, group.height * 2)), "JPEG", quality=90)
    enrolled = real.service.enrolment.enroll_all_faces(large, collection="older", min_quality=0)
    for line in enrolled.faces:
        known, jpeg = line.face, real.service.galleries.face_photo(line.face.id)
        found = real.service.context.pipeline.detect(jpeg).faces
        assert scale_to(found, known) == pytest.approx(known.photo.width / known.source_size[0], rel=0.01)


def test_an_embedding_enrolls_the_person_of_its_photo(real):
    (template,) = real.service.recognition.represent(pictures.astronaut())
    enrolled = real.service.enrolment.enroll_embeddings(
        [template.embedding.tolist()], model_name=template.model_id, subject="eileen", collection="bare"
    )
    (found,) = real.service.identification.find(VARIANTS["mirror"], collection="bare").faces
    assert (found.decision, found.matches[0].candidate.face_id) == ("match", enrolled.faces[0].face.id)
