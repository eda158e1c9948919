from __future__ import annotations

from itertools import pairwise

import pytest

from tests.evaluation.synthetic import synthetic_people
from vultus.errors import InvalidRequest
from vultus.evaluation.calibrate import CALIBRATED_FMRS, measure_thresholds
from vultus.evaluation.scores import score_all_pairs
from vultus.evaluation.verification import fmr


def test_only_rates_that_the_comparisons_can_claim_are_in_the_table():
    vectors, people = synthetic_people(
        30, 2
    )  # 60 * 59 / 2 - 30 = 1,740 non-mated comparisons: down to 3 / 1740 = 1.7e-3
    found = measure_thresholds(vectors, people)
    assert found.comparisons == 1740
    assert found.smallest_fmr == pytest.approx(3 / 1740)
    assert [rate for rate, _ in found.points] == [0.1, 0.03, 0.01, 0.003]


def test_the_thresholds_have_the_rates_they_are_for():
    vectors, people = synthetic_people(200, 2)
    nonmated = score_all_pairs(vectors, people).nonmated
    for rate, cosine in measure_thresholds(vectors, people).points[:5]:
        assert fmr(nonmated, cosine).value == pytest.approx(rate, rel=0.05)


def test_rates_fall_and_cosines_rise():
    points = measure_thresholds(*synthetic_people(200, 2)).search.points
    assert all(one[0] > two[0] and one[1] < two[1] for one, two in pairwise(points))


def test_the_gallery_model_says_how_far_it_reaches():
    search = measure_thresholds(*synthetic_people(200, 2)).search
    assert search.largest_gallery == 199
    assert search.smallest_fmr == pytest.approx(30 / (200 * 199 / 2))  # rule of 30
    assert search.smallest_fpir == pytest.approx(3 / 200)  # rule of three, larger than 0.003


def test_without_enough_people_there_is_no_gallery_model_and_a_sentence():
    found = measure_thresholds(*synthetic_people(12, 3))
    assert found.search is None
    assert "12 people are too few" in found.note
    assert "stricter" in found.note


def test_a_handful_of_photos_is_refused():
    with pytest.raises(InvalidRequest, match="too few to calibrate"):
        measure_thresholds(*synthetic_people(2, 2))


def test_rates_fall_from_ten_percent():
    assert CALIBRATED_FMRS[0] == 0.1
    assert CALIBRATED_FMRS[-1] == 1e-6
