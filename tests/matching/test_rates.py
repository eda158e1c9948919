from __future__ import annotations

import pytest

from vultus.matching.decision import ThresholdTable, explicit_rule
from vultus.matching.rates import ProbeMixture, RateCurve, SearchModel, independent_fmr
from vultus.records.answers import ThresholdRule

CURVE = RateCurve([(1e-1, 0.2), (1e-3, 0.5), (1e-5, 0.7)])
# Shape 0.5 at every FMR: n FMR / a = 1500 * 0.001 / 0.5 = 3, FPIR = 1 - 4^-0.5 = 0.5.
SEARCH = SearchModel(ProbeMixture(0.5, 0.0), CURVE, smallest_fmr=1e-4, smallest_fpir=0.01, largest_gallery=2000)
TABLE = ThresholdTable("m", [(1e-1, 0.3), (1e-3, 0.6), (1e-5, 0.8)], search=SEARCH)


def test_a_search_follows_the_mixture_and_its_own_curve():
    rule = TABLE.for_fpir(0.5, 1500)
    assert rule.similarity == pytest.approx(0.5)  # of FMR 0.001
    assert (rule.expected, rule.templates, rule.supported, rule.note) == (0.5, 1500, True, None)


def test_a_comparison_keeps_the_table_over_all_pairs():
    assert TABLE.for_fmr(1e-3).similarity == pytest.approx(0.6)


def test_without_a_mixture_comparisons_are_independent():
    plain = ThresholdTable("m", [(1e-1, 0.2), (1e-3, 0.5), (1e-5, 0.7)])
    assert plain.for_fpir(0.5, 1500).similarity == pytest.approx(CURVE.cosine(independent_fmr(0.5, 1500)))
    assert plain.for_fpir(0.5, 1500).similarity > TABLE.for_fpir(0.5, 1500).similarity


@pytest.mark.parametrize(
    ("fpir", "templates", "word"),
    [(0.5, 2001, "up to 2,000 subjects"), (0.009, 10, "down to 1.0e-02"), (0.02, 2000, "1.0e-04")],
)
def test_beyond_the_calibration_data_it_says_so(fpir, templates, word):
    rule = TABLE.for_fpir(fpir, templates)
    assert not rule.supported
    assert word in rule.note
    assert "extrapolated" in rule.note


def test_a_larger_gallery_never_lowers_the_threshold():
    thresholds = [TABLE.for_fpir(0.05, size).similarity for size in (0, 1, 2, 10, 100, 1000, 100_000)]
    assert thresholds == sorted(thresholds)


def test_an_explicit_threshold_stays_as_given():
    assert explicit_rule("m", 0.123) == ThresholdRule("explicit", 0.123, None, "m")


def test_a_curve_of_one_point_is_that_point():
    assert RateCurve([(1e-3, 0.5)]).cosine(1e-6) == 0.5


def test_a_curve_never_leaves_the_range_of_a_cosine():
    assert CURVE.cosine(1e-30) == 1.0


def test_the_rate_of_a_gallery_is_computed_once(monkeypatch):
    mixture = ProbeMixture(0.421, 0.323)
    first = mixture.fmr(0.0123, 4567)
    monkeypatch.setattr(ProbeMixture, "fpir", lambda *_: pytest.fail("computed again"))
    assert ProbeMixture(0.421, 0.323).fmr(0.0123, 4567) == first
