from __future__ import annotations

from itertools import pairwise

import pytest

from tests.evaluation.synthetic import synthetic_people
from tests.relative import made_reference
from vultus.errors import InvalidRequest
from vultus.evaluation.relative.drawn_galleries import draw_galleries
from vultus.evaluation.relative.gallery_scores import offsets_of
from vultus.evaluation.relative.score_thresholds import ScoreThresholds, measure_score_thresholds
from vultus.evaluation.scores import score_all_pairs
from vultus.evaluation.verification import fmr

VECTORS, PEOPLE = synthetic_people(120, 2)
REFERENCE = made_reference()


@pytest.fixture(scope="module")
def found() -> ScoreThresholds:
    return measure_score_thresholds(VECTORS, PEOPLE, REFERENCE)


def test_sizes_and_rates_are_those_that_the_people_support(found):
    assert [size for size, _ in found.fmr] == [0, 10, 50]  # 50 is less than half of 120
    assert [size for size, _ in found.fpir] == [1, 4, 10, 50]
    assert found.smallest_fpir == 0.03  # 3 / 120 = 0.025
    assert found.smallest_fmr == 1e-3  # 3 / (120 * 119 / 2) = 4.2e-4
    assert found.largest_gallery == 50


def test_the_thresholds_have_the_rates_they_are_for(found):
    alone = score_all_pairs(VECTORS, PEOPLE, offsets=offsets_of(VECTORS, REFERENCE)).nonmated
    for rate, score in found.fmr[0][1][:3]:
        assert fmr(alone, score).value == pytest.approx(rate, rel=0.05)
    (drawn,) = draw_galleries(VECTORS, PEOPLE, [50], REFERENCE.rule, seed=100)
    for rate, score in found.fpir[-1][1]:
        assert drawn.fpir(score).value == pytest.approx(rate, rel=0.35)


def test_scores_rise_as_rates_fall_and_searches_need_more_in_larger_galleries(found):
    for _, points in (*found.fmr, *found.fpir):
        assert all(one[0] > two[0] and one[1] < two[1] for one, two in pairwise(points))
    first = [points[0][1] for _, points in found.fpir]
    assert first == sorted(first)


def test_too_few_people_are_refused():
    with pytest.raises(InvalidRequest, match="29 people are too few"):
        measure_score_thresholds(*synthetic_people(29, 2), REFERENCE)
