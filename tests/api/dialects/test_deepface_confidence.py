"""DeepFace's confidence: a monotone map of the score that is anchored at error rates."""

from __future__ import annotations

from itertools import pairwise

import pytest

from vultus.api.dialects.deepface.confidence import ConfidenceScale
from vultus.matching.decision import ThresholdTable
from vultus.records.answers import ThresholdRule

TABLE = ThresholdTable("m", [(1e-1, 0.3), (1e-2, 0.4), (1e-3, 0.5), (1e-4, 0.6), (1e-5, 0.7), (1e-6, 0.8), (1e-7, 0.9)])
RULE = TABLE.for_fmr(1e-4)


def confidence(score: float, rule: ThresholdRule, *, verified: bool) -> float:
    return ConfidenceScale(rule, TABLE).value(score, score, verified=verified)


def at(score: float) -> float:
    return confidence(score, RULE, verified=score >= RULE.similarity)


@pytest.mark.parametrize(
    ("score", "expected"),
    [(-1, 0), (0.3, 5), (0.4, 15), (0.5, 30), (0.6, 51), (0.7, 70), (0.8, 85), (0.9, 95), (1, 100), (0.75, 77.5)],
)
def test_the_anchors_are_rates(score: float, expected: float) -> None:
    """A tenth of the rate that decides is 70, ten times it 30; half way between two anchors is half way."""
    assert at(score) == pytest.approx(expected)


def test_it_rises_with_the_score_and_says_which_side() -> None:
    scores = [step / 200 for step in range(-200, 201)]
    values = [at(score) for score in scores]
    assert all(first <= second for first, second in pairwise(values))
    assert all((value >= 51) is (score >= RULE.similarity) for score, value in zip(scores, values, strict=True))
    assert not any(49 < value < 51 for value in values)


def test_a_match_that_is_not_trusted_stays_below() -> None:
    assert confidence(0.95, RULE, verified=False) == 49


def test_a_search_has_the_anchors_of_its_own_rate() -> None:
    rule = TABLE.for_fpir(0.01, 100)
    assert confidence(rule.similarity, rule, verified=True) == 51
    stricter = TABLE.for_fpir(0.001, 100).similarity
    assert confidence(stricter, rule, verified=True) == pytest.approx(70, abs=0.01)


def test_a_rate_that_cannot_be_stated_has_the_anchors_of_the_default() -> None:
    rule = RULE.without_rate("the photo is too bad")
    assert confidence(0.7, rule, verified=True) == pytest.approx(70)
