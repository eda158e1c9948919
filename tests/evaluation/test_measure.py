from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.synthetic import synthetic_people
from vultus.errors import InvalidRequest
from vultus.evaluation.measure import measure_groups, measure_in_use, measure_pairs, measure_search
from vultus.evaluation.pair_list import PairList, PhotoPair
from vultus.evaluation.scores import score_all_pairs

# Photos at 0, 10, 90 and 100 degrees: cosines 0.985 within the two people, at most 0.17 between them.
ANGLES = np.deg2rad([0, 10, 90, 100])
VECTORS = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)]).astype(np.float32)
PEOPLE = ["a", "a", "b", "b"]


def pair_list(*pairs: PhotoPair) -> PairList:
    return PairList((Path("0"), Path("1"), Path("2"), Path("3")), pairs, ())


def test_pairs_are_scored_by_their_cosine():
    pairs = pair_list(PhotoPair(0, 1, True), PhotoPair(0, 2, False))
    found = measure_pairs(VECTORS, pairs, targets=[0.5])
    assert (found.verification.mated.total, found.verification.nonmated.total) == (1, 1)
    assert found.verification.points[0].fnmr.errors == 0
    assert found.accuracy is None


def test_folds_give_an_accuracy_and_a_pair_without_a_face_counts_as_no_match():
    faceless = VECTORS.copy()
    faceless[3] = np.nan
    pairs = pair_list(
        PhotoPair(0, 1, True, 1), PhotoPair(0, 2, False, 1), PhotoPair(0, 1, True, 2), PhotoPair(2, 3, True, 2),
        PhotoPair(1, 2, False, 2),
    )  # fmt: skip
    found = measure_pairs(faceless, pairs, targets=[0.5])
    assert found.unscored == 1
    assert found.accuracy.accuracies == pytest.approx((1.0, 2 / 3))  # fold 2 misses the pair without a face


def test_pairs_of_one_kind_are_refused():
    faceless = VECTORS.copy()
    faceless[2:] = np.nan
    with pytest.raises(InvalidRequest, match="of 2 pairs only 1 have a face"):
        measure_pairs(faceless, pair_list(PhotoPair(0, 1, True), PhotoPair(0, 2, False)))


def test_groups_are_compared_within_themselves_at_one_threshold():
    vectors, people = synthetic_people(8, 2)
    groups = ["left"] * 8 + ["right"] * 8
    left, right = measure_groups(vectors, people, groups, 0.5)
    assert (left.name, left.subjects, left.photos) == ("left", 4, 8)
    assert (left.fnmr.trials, left.fmr.trials) == (
        4,
        24,
    )  # 4 pairs within; 4 * 3 / 2 pairs of people, 4 pairs of photos each
    assert right.fnmr_bootstrap is not None


def test_a_group_of_one_person_says_what_is_missing():
    found = measure_groups(VECTORS, PEOPLE, ["x", "x", None, None], 0.5)
    assert [group.name for group in found] == ["(none)", "x"]
    assert all(group.fmr is None and "show one person" in group.note for group in found)


def test_rates_at_the_thresholds_of_the_service():
    scores = score_all_pairs(VECTORS, PEOPLE)
    (line,) = measure_in_use(scores, {0.1: 0.99})
    assert (line.asked, line.fmr.value, line.fnmr.value) == (0.1, 0.0, 1.0)


def test_half_of_the_people_are_the_gallery():
    vectors, people = synthetic_people(20, 3)
    points, _ = measure_search(vectors, people)
    assert {point.subjects for point in points} == {10}
    assert points[0].fnir.trials == 20  # two more photos of each of the ten
    assert "cannot be claimed" in points[-1].note


def test_no_gallery_can_be_drawn_of_people_with_too_few_photos():
    with pytest.raises(InvalidRequest, match="smaller gallery"):
        measure_search(VECTORS, PEOPLE, gallery_subjects=1, templates=3)
