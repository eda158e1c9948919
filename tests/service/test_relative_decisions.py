"""Decisions by relative scores, by the reliability of a photo, and without a face, in the use cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import Small
from tests.pictures import drawn_photo
from tests.standins import TINY
from vultus.errors import CollectionNotFound, LowQuality, PolicyLoosened
from vultus.matching.decision import ThresholdTable
from vultus.matching.percent_scale import UNDECIDED
from vultus.matching.reference_faces import ReferenceFaces
from vultus.matching.relative_rates import RelativeRates, ScoreSurface
from vultus.matching.reliability import ReliabilityModel
from vultus.search.cohort import CohortRule
from vultus.storage.audit import Act

POINTS = [(1e-1, -0.1), (1e-3, 0.2), (1e-4, 0.3)]
SURFACE = ScoreSurface([(0, POINTS), (100, [(rate, score + 0.05) for rate, score in POINTS])])
RATES = RelativeRates(SURFACE, SURFACE, smallest_fmr=1e-4, smallest_fpir=1e-3, largest_gallery=100)
NOBODY = drawn_photo()


def embedding_of(small: Small, person: int) -> np.ndarray:
    return small.service.recognition.represent(drawn_photo(person))[0].embedding


def set_model(small: Small, **changes: object) -> None:
    small.models._models[TINY] = replace(small.models._models[TINY], **changes)


@pytest.fixture
def relative(small: Small) -> Small:
    """The small service with a model whose mean faces are those of three drawn people, the last one a child."""
    means = np.stack([embedding_of(small, person) for person in (101, 102, 103)])
    reference = ReferenceFaces(
        CohortRule(centroids=means[:2], twin_gap=0.6, nearest=2), means[2], child_from=0.9, likeness=(-1.0, 1.0)
    )
    table = ThresholdTable(TINY, [(1e-1, 0.3), (1e-4, 0.7)], relative=RATES)
    set_model(small, reference=reference, calibration=table)
    return small


def expected_score(small: Small, one: int, two: int) -> float:
    rule = small.models.resolve(None).reference.rule
    vectors = np.stack([embedding_of(small, one), embedding_of(small, two)]).astype(np.float64)
    terms = (vectors @ rule.centroids.T.astype(np.float64)).mean(axis=1)
    return float(vectors[0] @ vectors[1] - 0.5 * terms.sum())


def test_two_photos_are_decided_by_their_score_relative_to_the_mean_faces(relative):
    result = relative.service.recognition.verify(drawn_photo(1), drawn_photo(2))
    assert result.score == pytest.approx(expected_score(relative, 1, 2), abs=1e-5)
    assert (result.rule.score, result.rule.expected) == (0.2, 1e-3)
    assert result.decision == ("match" if result.score >= 0.2 else "no_match")


def test_the_threshold_is_the_cosine_that_this_pair_needs(relative):
    result = relative.service.recognition.verify(drawn_photo(1), drawn_photo(2))
    assert result.rule.similarity == pytest.approx(0.2 + result.similarity - result.score)
    assert result.verified == (result.similarity >= result.rule.similarity)


def test_a_named_cohort_takes_the_place_of_the_mean_faces(relative):
    for person in (4, 5, 6):
        relative.service.enrolment.enroll([drawn_photo(person)], subject=f"p{person}", collection="staff")
    alone = relative.service.recognition.verify(drawn_photo(1), drawn_photo(2))
    among = relative.service.recognition.verify(drawn_photo(1), drawn_photo(2), cohort="staff")
    assert among.score <= alone.score
    assert among.rule.score == pytest.approx(SURFACE.score(1e-3, 3))
    with pytest.raises(CollectionNotFound):
        relative.service.recognition.verify(drawn_photo(1), drawn_photo(2), cohort="nowhere")


def test_a_search_ranks_by_score_and_each_line_has_its_own_threshold(relative):
    for person in range(1, 7):
        relative.service.enrolment.enroll([drawn_photo(person)], subject=f"p{person}")
    (answer,) = relative.service.identification.find(drawn_photo(3, noise=0.1, photo=1)).faces
    scores = [match.candidate.score for match in answer.matches]
    assert scores == sorted(scores, reverse=True)
    assert (answer.decision, answer.matches[0].candidate.subject) == ("match", "p3")
    assert answer.rule.score == pytest.approx(SURFACE.score(0.01, 6))
    for match in answer.matches:
        assert match.threshold == pytest.approx(
            answer.rule.score + match.candidate.similarity - match.candidate.score, abs=1e-9
        )
        assert match.above_threshold == (match.candidate.score >= answer.rule.score)
    assert answer.rule.similarity == answer.matches[0].threshold


def test_a_subject_is_compared_by_the_score_that_a_search_gives_it(relative):
    for person in range(1, 7):
        relative.service.enrolment.enroll([drawn_photo(person)], subject=f"p{person}")
    (answer,) = relative.service.identification.find(drawn_photo(3, noise=0.1, photo=1)).faces
    result = relative.service.recognition.verify_subject(drawn_photo(3, noise=0.1, photo=1), "p3")
    assert result.score == pytest.approx(answer.matches[0].candidate.score)
    assert result.enrolled.face_id == answer.matches[0].candidate.face_id


def test_the_other_face_of_a_subject_is_ranked_by_score_too(relative):
    for photo in (0, 1):
        relative.service.enrolment.enroll([drawn_photo(3, noise=0.1 * photo, photo=photo)], subject="p3")
    relative.service.enrolment.enroll([drawn_photo(4)], subject="p4")
    first, second = relative.gallery.faces("default", "p3")
    (answer,) = relative.service.identification.find_face(first.id).faces
    assert answer.matches[0].candidate.face_id == second.id
    assert answer.matches[0].candidate.score < answer.matches[0].candidate.similarity


def test_vectors_are_compared_by_score(relative):
    one, two = (embedding_of(relative, person).tolist() for person in (1, 2))
    result = relative.service.comparison.compare(one, [two, one])
    assert result.scores[0] == pytest.approx(expected_score(relative, 1, 2), abs=1e-5)
    assert result.matches() == (result.scores[0] >= 0.2, True)


def test_a_comparison_says_what_looks_like_a_child(relative):
    child, other = (embedding_of(relative, person).tolist() for person in (103, 1))
    result = relative.service.comparison.compare(child, [other])
    assert "child of under six" in str(result.beyond)
    assert result.rule.expected is None
    said = [(caution.code, caution.image) for caution in result.cautions]
    assert said == [("no_photo", "source_vector"), ("looks_like_a_child", "source_vector")]


def test_what_looks_like_a_child_is_said(relative):
    result = relative.service.recognition.verify(drawn_photo(103), drawn_photo(1))
    assert "child of under six" in str(result.beyond)
    assert [(caution.code, caution.image) for caution in result.cautions] == [("looks_like_a_child", "img1")]
    assert (result.rule.supported, result.rule.expected) == (False, None)


def test_a_face_unlike_all_that_were_measured_is_said(relative):
    reference = relative.models.resolve(None).reference
    set_model(relative, reference=replace(reference, likeness=(2.0, 3.0)))
    result = relative.service.recognition.verify(drawn_photo(1), drawn_photo(2))
    assert "unlike all faces" in str(result.beyond)
    assert result.cautions == ()


@pytest.fixture
def damaged(relative: Small) -> Small:
    """All photos are too damaged to decide on."""
    means = relative.models.resolve(None).reference.rule.centroids[[0, 1, 1]]
    model = ReliabilityModel(
        constant=5.0, linear={}, squared={}, product=0.0, centroids=means, damaged=np.array([False, True, True])
    )
    relative.models.resolve(None).network.reliability = model
    return relative


def test_a_damaged_photo_is_not_decided_on(damaged):
    result = damaged.service.recognition.verify(drawn_photo(1), drawn_photo(1))
    assert (result.decision, result.verified, result.rule.expected) == ("unreliable", False, None)
    assert "img1 is too damaged" in result.reason
    assert "accept_low_quality=true" in result.reason
    assert {caution.code for caution in result.cautions} == {"low_quality"}


def test_a_damaged_photo_is_decided_on_where_the_caller_wants_that(damaged):
    result = damaged.service.recognition.verify(drawn_photo(1), drawn_photo(1), accept_low_quality=True)
    assert (result.decision, result.rule.expected) == ("match", 1e-3)
    assert {caution.code for caution in result.cautions} == {"low_quality"}


def test_the_callers_own_threshold_promises_no_rate_and_decides(damaged):
    assert damaged.service.recognition.verify(drawn_photo(1), drawn_photo(1), threshold=0.5).verified


def test_a_search_with_a_damaged_photo_says_so_and_matches_nobody(damaged):
    with pytest.raises(LowQuality):
        damaged.service.enrolment.enroll([drawn_photo(1)], subject="anna")
    damaged.service.enrolment.enroll([drawn_photo(1)], subject="anna", min_quality=0)
    (answer,) = damaged.service.identification.find(drawn_photo(1)).faces
    assert (answer.decision, answer.rule.expected) == ("unreliable", None)
    assert [match.above_threshold for match in answer.matches] == [False]
    (answer,) = damaged.service.identification.find(drawn_photo(1), accept_low_quality=True).faces
    assert answer.decision == "match"


def test_a_comparison_with_a_damaged_photo_matches_nothing(damaged):
    vector = embedding_of(damaged, 1).tolist()
    result = damaged.service.comparison.compare(drawn_photo(1), [vector])
    assert result.matches() == (False,)
    assert "too damaged" in str(result.unreliable)
    assert damaged.service.comparison.compare(drawn_photo(1), [vector], accept_low_quality=True).matches() == (True,)


@pytest.mark.parametrize("which", ["small", "relative"])
def test_without_a_face_nobody_is_verified_and_no_rate_is_stated(which, request):
    service = request.getfixturevalue(which).service
    result = service.recognition.verify(NOBODY, NOBODY, enforce_detection=False)
    assert (result.decision, result.rule.expected) == ("no_match", None)
    assert [caution.code for caution in result.cautions if caution.code == "no_face_detected"] == [
        "no_face_detected"
    ] * 2
    assert service.recognition.verify(NOBODY, NOBODY, enforce_detection=False, threshold=0.5).verified
    vector = service.recognition.represent(NOBODY, enforce_detection=False)[0].embedding.tolist()
    assert service.comparison.compare(NOBODY, [vector], enforce_detection=False).matches() == (False,)


def test_a_policy_is_not_loosened_by_a_threshold_below_the_cosine_of_the_pair(relative):
    relative.service.enrolment.enroll([drawn_photo(1)], subject="anna")
    relative.service.galleries.change_policies("default", {"target_fmr": 1e-3, "target_fpir": 1e-2})
    verify, find = relative.service.recognition.verify_subject, relative.service.identification.find
    with pytest.raises(PolicyLoosened, match="needs a similarity of at least"):
        verify(drawn_photo(1), "anna", threshold=1.9)
    with pytest.raises(PolicyLoosened, match="needs a similarity of at least"):
        find(drawn_photo(1), threshold=-0.9)
    assert verify(drawn_photo(1), "anna", threshold=0.0001).rule.kind == "explicit"
    may = relative.service.acting_as(Act("test", may_override=True))
    assert may.recognition.verify_subject(drawn_photo(1), "anna", threshold=1.9).verified


# --- the protocols of other services, which have no decision but a number


def similarities(parts: Small) -> dict[str, float]:
    """How alike the same photo is, in each of the calls."""
    service = parts.service
    service.galleries.create_collection("people")
    (indexed,) = service.indexing.index(drawn_photo(1), collection="people", floor=0).faces
    service.enrolment.enroll([drawn_photo(1, photo=3)], subject="anna", collection="people", min_quality=0)
    (probe,), of = service.descriptions.represent(drawn_photo(1)), {"collection": "people", "least": 0.0, "most": 9}
    lists = service.face_lists
    return {
        "CompareFaces": lists.compare(probe, [probe])[0],
        "SearchFacesByImage": max(line.percent for line in lists.faces_like(probe, **of)),
        "SearchFaces": max(line.percent for line in lists.faces_like_face(indexed.stored.id, **of)),
        "SearchUsersByImage": max(line.percent for line in lists.subjects_like(probe, **of)),
        "SearchUsers": max(line.percent for line in lists.subjects_like_face(indexed.stored.id, **of)),
    }


def test_a_damaged_photo_reaches_no_threshold_that_decides(damaged):
    assert set(similarities(damaged).values()) == {UNDECIDED}


def test_a_sound_photo_reaches_it(relative):
    assert min(similarities(relative).values()) > 80
