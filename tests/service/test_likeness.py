"""An enrolment says, or refuses, that a face fits another subject; and says that a new id looks like another one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo
from tests.standins import TINY
from vultus.errors import LooksLikeAnotherSubject
from vultus.matching.reliability import RELIABILITY_FLOOR
from vultus.records.answers import Caution, EnrollResult
from vultus.records.seen import Quality
from vultus.service.enrolment import Enrolment
from vultus.service.evidence import Seen
from vultus.service.likeness import NewSeen, face_cautions
from vultus.storage.audit import Act
from vultus.vision.quality import RELIABILITY

AGAIN = drawn_photo(1, photo=1, noise=5)  # another photo of the person 1


def codes(result: EnrollResult) -> list[str]:
    return [caution.code for caution in result.cautions]


@pytest.fixture
def known(small: Small) -> Small:
    """A gallery of three people."""
    for person, subject in enumerate(("ada", "bob", "cem"), 1):
        assert small.service.enrolment.enroll([drawn_photo(person)], subject=subject).cautions == ()
    return small


@pytest.mark.parametrize("photo", [drawn_photo(1), AGAIN], ids=["the same photo", "another photo"])
def test_a_face_that_fits_another_subject_is_enrolled_with_a_caution(known, photo):
    (caution,) = known.service.enrolment.enroll([photo], subject="eve").cautions
    assert (caution.code, caution.image, caution.subject, caution.index) == (
        "looks_like_another_subject",
        "img",
        "ada",
        0,
    )
    (found,) = known.service.identification.find(photo).faces
    similarity = next(one.candidate.similarity for one in found.matches if one.candidate.subject == "ada")
    assert caution.similarity == pytest.approx(similarity)
    assert "'ada'" in caution.detail


def test_the_faces_of_the_subject_itself_and_of_strangers_are_no_caution(known):
    assert known.service.enrolment.enroll([AGAIN], subject="ada").cautions == ()
    assert known.service.enrolment.enroll([drawn_photo(1)], subject="ada").cautions == ()
    assert known.service.enrolment.enroll([drawn_photo(9)], subject="new").cautions == ()
    assert known.service.enrolment.enroll([AGAIN], subject="ada", collection="other").cautions == ()


def test_only_the_photo_that_fits_another_subject_is_named(known):
    photos = [drawn_photo(9), drawn_photo(2, photo=1, noise=5)]
    (caution,) = known.service.enrolment.enroll(photos, subject="new").cautions
    assert (caution.subject, caution.index) == ("bob", 1)


def embedding_of(small: Small, subject: str) -> list[float]:
    _, rows = small.gallery.embeddings("default", subject)
    return [float(value) for value in rows[0]]


def strict_ways(small: Small) -> dict[str, Callable[[Enrolment], EnrollResult]]:
    vector = embedding_of(small, "ada")
    return {
        "photo": lambda enrolment: enrolment.enroll([drawn_photo(9), AGAIN], subject="eve", strict=True),
        "group": lambda enrolment: enrolment.enroll_all_faces(drawn_photo(8, 1), subjects=["x", "y"], strict=True),
        "embedding": lambda enrolment: enrolment.enroll_embeddings(
            [vector], model_name=TINY, subject="eve", strict=True
        ),
    }


@pytest.mark.parametrize("way", ["photo", "group", "embedding"])
def test_a_strict_enrolment_refuses_and_writes_nothing(known, way):
    before = known.gallery.collection("default"), set(known.photos.keys())
    with pytest.raises(LooksLikeAnotherSubject, match=r"'ada'.*Nothing was enrolled"):
        strict_ways(known)[way](known.service.enrolment)
    assert (known.gallery.collection("default"), set(known.photos.keys())) == before


def test_each_face_of_a_group_and_each_embedding_is_looked_up(known):
    result = known.service.enrolment.enroll_all_faces(drawn_photo(8, 1), subjects=["x", "y"])
    assert [(one.code, one.subject, one.index) for one in result.cautions] == [("looks_like_another_subject", "ada", 0)]
    assert result.cautions[0].face in (0, 1)
    sent = known.service.enrolment.enroll_embeddings([embedding_of(known, "bob")], model_name=TINY, subject="eve")
    assert [(one.code, one.image, one.subject) for one in sent.cautions] == [
        ("no_photo", "embedding", None),
        ("looks_like_another_subject", "embedding", "bob"),
    ]


def test_of_two_strict_enrolments_of_one_person_at_once_one_is_refused(known):
    def enroll(subject: str) -> bool:
        try:
            known.service.enrolment.enroll([drawn_photo(7, photo=len(subject), noise=3)], subject=subject, strict=True)
        except LooksLikeAnotherSubject:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(enroll, ("one", "other"))) == [False, True]


def test_new_ids_that_look_like_others_are_named(known):
    enrolment, corrections = known.service.enrolment, known.service.corrections
    result = enrolment.enroll([drawn_photo(5)], subject="\u0410da")
    assert result.cautions == (
        Caution(
            "looks_like_another_id",
            "subject",
            "the new id 'Аda' looks like 'ada', but is another subject; if not so meant, merge them",  # noqa: RUF001
            subject="ada",
        ),
    )
    assert codes(enrolment.enroll([drawn_photo(5, photo=1, noise=3)], subject="\u0410da")) == []
    assert codes(enrolment.enroll_all_faces(drawn_photo(6), subjects=["BOB"])) == ["looks_like_another_id"]
    renamed = corrections.rename("default", "cem", "Ada")
    assert [one.code for one in renamed.cautions] == ["looks_like_another_id"]
    face = known.gallery.faces("default", "bob")[0]
    assert corrections.move(face.id, "ＡＤＡ").cautions[0].code == "looks_like_another_id"  # noqa: RUF001


def test_what_the_caller_may_not_read_is_not_named(known):
    blind = known.service.acting_as(Act("key", may_read=False, may_find=False)).enrolment
    face, id_ = blind.enroll([AGAIN], subject="ADA").cautions
    assert (face.subject, face.similarity, id_.subject) == (None, None, None)
    assert "'ada'" not in face.detail + id_.detail
    with pytest.raises(LooksLikeAnotherSubject) as caught:
        blind.enroll([AGAIN], subject="eve", strict=True)
    assert "'ada'" not in str(caught.value)
    searching = known.service.acting_as(Act("key", may_read=False)).enrolment
    face, id_ = searching.enroll([drawn_photo(2, photo=3, noise=5)], subject="BOB").cautions
    assert (face.subject, id_.subject) == ("bob", None)


def test_a_model_without_thresholds_enrolls_without_the_caution(known):
    known.models.resolve(None).calibration = None
    assert known.service.enrolment.enroll([AGAIN], subject="eve", strict=True).cautions == ()


def test_a_face_that_is_too_damaged_to_decide_on_gives_no_caution(known):
    context = known.service.context
    gallery, model = context.bound_collection("default", None)
    embedding = np.asarray(embedding_of(known, "ada"), dtype=np.float32)

    def cautions(reliability: float) -> int:
        seen = Seen("img", embedding, Quality(50.0, {RELIABILITY: reliability, "sharpness": 50.0}))
        return len(face_cautions(context, gallery, model, [NewSeen("eve", seen, 0)]))

    assert (cautions(RELIABILITY_FLOOR + 1), cautions(RELIABILITY_FLOOR - 1)) == (1, 0)
