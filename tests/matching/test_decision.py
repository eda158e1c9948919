import math

import numpy as np
import pytest

from vultus.errors import InvalidRequest
from vultus.matching.decision import ThresholdTable, decide, similarity, to_distance, to_similarity
from vultus.records.answers import Candidate, ThresholdRule

TABLE = ThresholdTable("m", [(1e-2, 0.4), (1e-4, 0.6), (1e-6, 0.8)])


def test_similarity_is_the_cosine_and_never_leaves_its_range():
    vector = np.full(3, 1 / math.sqrt(3), np.float32)
    assert similarity(vector, vector) <= 1.0
    assert similarity(vector, -vector) == pytest.approx(-1)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "euclidean_l2"])
def test_distance_and_similarity_are_inverse(metric):
    for cosine in (-1.0, -0.3, 0.0, 0.5, 1.0):
        assert to_similarity(to_distance(cosine, metric), metric) == pytest.approx(cosine)


def test_distances_worked_by_hand():
    assert to_distance(0.5, "cosine") == 0.5
    assert to_distance(0.5, "euclidean_l2") == pytest.approx(1.0)  # sqrt(2 - 2 * 0.5)


@pytest.mark.parametrize("distance", [-0.1, 2.1, math.nan, math.inf])
def test_a_threshold_outside_the_metric_is_refused(distance):
    with pytest.raises(InvalidRequest, match="between 0 and 2"):
        to_similarity(distance, "euclidean")


def test_threshold_of_a_measured_rate_is_the_measured_one():
    rule = TABLE.for_fmr(1e-4)
    assert (rule.similarity, rule.expected, rule.supported) == (0.6, 1e-4, True)


def test_threshold_between_two_rates_is_interpolated_over_the_logarithm():
    assert TABLE.for_fmr(1e-3).similarity == pytest.approx(0.5)


def test_threshold_beyond_the_measured_rates_is_extrapolated_and_says_so():
    rule = TABLE.for_fmr(1e-7)
    assert rule.similarity == pytest.approx(0.9)
    assert not rule.supported
    assert "extrapolated" in rule.note


def test_search_threshold_rises_with_the_gallery():
    """FPIR 0.01 over 100 templates: 1 - 0.99^(1/100) = 1.005e-4 per comparison, about the threshold of 1e-4."""
    assert TABLE.for_fpir(0.01, 100).similarity == pytest.approx(0.6, abs=0.001)
    assert TABLE.for_fpir(0.01, 10_000).similarity == pytest.approx(0.8, abs=0.001)
    assert TABLE.for_fpir(0.01, 0).similarity == pytest.approx(0.4)


RULE = ThresholdRule("explicit", 0.5, None, "m")


@pytest.mark.parametrize(
    ("scores", "decision"),
    [([], "unknown"), ([0.49], "unknown"), ([0.5], "match"), ([0.9, 0.6], "match"), ([0.61, 0.6], "ambiguous"),
     ([0.51, 0.49], "match")],
)  # fmt: skip
def test_decision(scores, decision):
    found, reason = decide([Candidate("anna", "f1", score) for score in scores], RULE)
    assert found == decision
    assert reason


def test_a_rule_of_scores_decides_by_scores_and_has_a_cosine_for_each_pair():
    rule = ThresholdRule("target_fpir", 0.1, 1e-2, "m", score=0.1)
    alike, apart = Candidate("anna", "f1", 0.5, 0.05), Candidate("ben", "f2", 0.4, 0.2)
    assert decide([apart, alike], rule) == ("match", "the best score 0.200 reaches the threshold 0.100")
    assert rule.at(0.5, 0.05).similarity == pytest.approx(0.55)
    assert (rule.reached(0.5, 0.05), rule.reached(0.4, 0.2)) == (False, True)
    assert rule.at(0.5, 0.05).reached(0.5, 0.05) is False
