from dataclasses import replace

import pytest

from tests.pictures import cosine, drawn_photo
from vultus.errors import (
    CollectionNotFound,
    DetectorNotAllowed,
    InvalidRequest,
    ModelMismatch,
    NoFaceDetected,
    SubjectNotFound,
)
from vultus.service import FaceService, Policy


def test_verify_tells_the_same_person_from_another(small):
    mated = small.service.recognition.verify(drawn_photo(1), drawn_photo(1, photo=1, noise=20))
    other = small.service.recognition.verify(drawn_photo(1), drawn_photo(2))
    assert mated.verified
    assert not other.verified
    assert mated.similarity > 0.9 > other.similarity


def test_verify_uses_the_threshold_of_the_rate_asked_for(small):
    rule = small.service.recognition.verify(drawn_photo(1), drawn_photo(1), target_fmr=1e-2).rule
    assert (rule.kind, rule.similarity, rule.expected) == ("target_fmr", 0.5, 1e-2)
    assert small.service.recognition.verify(drawn_photo(1), drawn_photo(1)).rule.expected == 1e-4  # by cosines


def test_an_explicit_threshold_is_a_distance_in_the_metric(small):
    by_cosine = small.service.recognition.verify(drawn_photo(1), drawn_photo(2), threshold=0.5)
    by_euclid = small.service.recognition.verify(drawn_photo(1), drawn_photo(2), threshold=1.0, metric="euclidean_l2")
    assert by_cosine.rule.similarity == by_euclid.rule.similarity == 0.5


def test_two_rules_at_once_are_refused(small):
    with pytest.raises(InvalidRequest, match="both given"):
        small.service.recognition.verify(drawn_photo(1), drawn_photo(1), threshold=0.5, target_fmr=1e-3)
    small.service.enrolment.enroll([drawn_photo(1)])
    with pytest.raises(InvalidRequest, match="both given"):
        small.service.identification.find(drawn_photo(1), threshold=0.5, target_fpir=0.01)


def test_verify_says_how_it_chose_among_several_faces(small):
    answer = small.service.recognition.verify(drawn_photo(1, 2), drawn_photo(1))
    assert [choice.note for choice in answer.choices] == ["largest of 2", None]
    assert answer.verified


def test_verify_names_the_image_without_a_face(small):
    with pytest.raises(NoFaceDetected, match="in img2"):
        small.service.recognition.verify(drawn_photo(1), drawn_photo())


def test_without_enforced_detection_the_whole_picture_is_the_face(small):
    answer = small.service.recognition.verify(drawn_photo(), drawn_photo(), enforce_detection=False)
    assert answer.similarity == pytest.approx(1)
    assert answer.faces[0].box == (0, 0, 320, 240)
    assert answer.faces[0].score == 0


def test_verify_against_a_subject_takes_its_best_face(small):
    small.service.enrolment.enroll([drawn_photo(9), drawn_photo(1)], subject="ada")
    answer = small.service.recognition.verify_subject(drawn_photo(1, photo=1, noise=10), "ada")
    assert answer.verified
    assert answer.faces[1] is None


def test_verify_against_nobody_is_not_found(small):
    with pytest.raises(CollectionNotFound):
        small.service.recognition.verify_subject(drawn_photo(1), "ada")
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    with pytest.raises(SubjectNotFound):
        small.service.recognition.verify_subject(drawn_photo(1), "bob")


@pytest.fixture
def three(small):
    for person in (1, 2, 3):
        small.service.enrolment.enroll([drawn_photo(person)], subject=f"p{person}", name=f"Person {person}")
    return small


def test_find_returns_the_person_first(three):
    (answer,) = three.service.identification.find(drawn_photo(2, photo=1, noise=10)).faces
    assert answer.decision == "match"
    assert (answer.matches[0].candidate.subject, answer.matches[0].candidate.name) == ("p2", "Person 2")
    assert [match.above_threshold for match in answer.matches] == [True, False, False]


def test_find_returns_one_line_per_subject_with_its_best_face(three):
    for photo in range(1, 4):
        three.service.enrolment.enroll([drawn_photo(2, photo=photo, noise=10)], subject="p2")
    (answer,) = three.service.identification.find(drawn_photo(2)).faces
    subjects = [match.candidate.subject for match in answer.matches]
    assert sorted(subjects) == ["p1", "p2", "p3"]
    assert answer.matches[0].candidate.similarity == pytest.approx(1, abs=1e-6)


def test_find_calls_a_stranger_unknown_and_says_why(three):
    (answer,) = three.service.identification.find(drawn_photo(77)).faces
    assert answer.decision == "unknown"
    assert "below the threshold" in answer.reason
    assert not any(match.above_threshold for match in answer.matches)


def test_find_says_ambiguous_when_two_subjects_are_equally_near(three):
    three.service.enrolment.enroll([drawn_photo(2, photo=9, noise=1)], subject="twin")
    (answer,) = three.service.identification.find(drawn_photo(2)).faces
    assert answer.decision == "ambiguous"


def test_find_threshold_is_set_by_the_size_of_the_gallery(three):
    before = three.service.identification.find(drawn_photo(1)).faces[0].rule
    for person in range(10, 40):
        three.service.enrolment.enroll([drawn_photo(person)], subject=f"p{person}")
    after = three.service.identification.find(drawn_photo(1)).faces[0].rule
    assert (before.templates, after.templates) == (3, 33)
    assert after.similarity > before.similarity


def test_find_answers_for_every_face_when_asked(three):
    answers = three.service.identification.find(drawn_photo(3, 1), faces="all").faces
    assert [answer.matches[0].candidate.subject for answer in answers] == ["p3", "p1"]


def test_find_returns_at_most_top_k(three):
    assert len(three.service.identification.find(drawn_photo(1), top_k=1).faces[0].matches) == 1


def test_find_sees_what_was_just_enrolled_and_not_what_was_just_erased(three):
    three.service.identification.find(drawn_photo(5))
    three.service.enrolment.enroll([drawn_photo(5)], subject="p5")
    assert three.service.identification.find(drawn_photo(5)).faces[0].matches[0].candidate.subject == "p5"
    three.service.galleries.forget("default", "p5")
    assert "p5" not in [m.candidate.subject for m in three.service.identification.find(drawn_photo(5)).faces[0].matches]


def test_find_in_an_empty_collection_is_unknown(small):
    small.service.galleries.create_collection("empty")
    (answer,) = small.service.identification.find(drawn_photo(1), collection="empty").faces
    assert (answer.decision, answer.matches) == ("unknown", ())


def test_find_refuses_another_model_than_the_collections(three):
    with pytest.raises(ModelMismatch):
        three.service.identification.find(drawn_photo(1), model_name="tiny-16")


def test_find_needs_a_collection_and_a_face_and_a_known_detector(small):
    with pytest.raises(CollectionNotFound):
        small.service.identification.find(drawn_photo(1))
    small.service.galleries.create_collection("default")
    with pytest.raises(NoFaceDetected):
        small.service.identification.find(drawn_photo())
    with pytest.raises(DetectorNotAllowed, match="haar"):
        small.service.identification.find(drawn_photo(1), detector="haar")


def test_represent_gives_every_face_largest_first(small):
    templates = small.service.recognition.represent(drawn_photo(1, 2))
    assert [round(template.face.width) for template in templates] == pytest.approx([80, 60], abs=3)
    alone = small.service.recognition.represent(drawn_photo(1))[0]
    assert cosine(templates[0].embedding, alone.embedding) > 0.999


def test_detect_lists_faces_with_quality_or_nothing(small):
    assert list(small.service.recognition.detect(drawn_photo())) == []
    ((face, quality),) = small.service.recognition.detect(drawn_photo(1))
    assert 0 < quality.score <= 100
    assert face.box == pytest.approx((12, 22, 92, 102), abs=2)


def test_a_probe_of_low_quality_is_answered_and_flagged(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    assert small.service.identification.find(drawn_photo(1)).faces[0].cautions == ()
    strict = FaceService(replace(small.service.context, policy=Policy(min_quality=100)))
    (answer,) = strict.identification.find(drawn_photo(1)).faces
    assert (answer.decision, answer.cautions[0].code, answer.cautions[0].image) == ("match", "low_quality", "img")
    assert "below the 100" in answer.cautions[0].detail
    assert [caution.image for caution in strict.recognition.verify(drawn_photo(1), drawn_photo(1)).cautions] == [
        "img1",
        "img2",
    ]
    assert [caution.image for caution in strict.recognition.verify_subject(drawn_photo(1), "ada").cautions] == ["img"]


def test_a_model_without_a_calibration_compares_with_an_explicit_threshold_only(small):
    small.service.enrolment.enroll([drawn_photo(1)], subject="ada")
    small.models.resolve(None).calibration = None
    recognition, identification = small.service.recognition, small.service.identification
    verified = recognition.verify(drawn_photo(1), drawn_photo(1), threshold=0.5)
    assert (verified.verified, verified.rule.kind, verified.rule.expected) == (True, "explicit", None)
    assert identification.find(drawn_photo(1), threshold=0.5).faces[0].decision == "match"
    for ask in (
        lambda: recognition.verify(drawn_photo(1), drawn_photo(1)),
        lambda: identification.find(drawn_photo(1)),
    ):
        with pytest.raises(InvalidRequest, match="no calibration"):
            ask()
