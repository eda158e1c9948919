from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vultus.errors import InvalidRequest
from vultus.evaluation.non_mated_maxima import BestScores, measure_best_scores
from vultus.evaluation.probe_mixture import asked_and_found, fit_probe_mixture
from vultus.matching.rates import ProbeMixture, independent_fmr

RATES = st.floats(1e-7, 0.3)
SIZES = st.integers(2, 100_000)
MIXTURES = st.builds(ProbeMixture, st.floats(0.05, 5), st.floats(0, 0.8))


def independent_fpir(fmr: float, size: int) -> float:
    """1 - (1 - FMR)^size, also where it is tiny."""
    return -float(np.expm1(size * np.log1p(-fmr)))


def test_independent_fmr_worked_by_hand():
    assert independent_fmr(0.19, 2) == pytest.approx(0.1)  # 1 - 0.9^2


@given(RATES, SIZES)
def test_independent_rates_are_inverse(fpir, size):
    assert independent_fpir(independent_fmr(fpir, size), size) == pytest.approx(fpir)


def test_mixture_worked_by_hand():
    # shape 0.5 at every FMR; n FMR / a = 1500 * 0.001 / 0.5 = 3; 1 - 4^-0.5 = 0.5
    assert ProbeMixture(0.5, 0.0).fpir(1e-3, 1500) == pytest.approx(0.5)


def test_shape_is_a_power_of_fmr():
    assert ProbeMixture(0.5, 0.5).shape_at(1e-5) == pytest.approx(0.05)  # 0.5 * 0.01^0.5


@given(MIXTURES, st.floats(1e-4, 0.3), SIZES)
def test_mixture_rates_are_inverse(mixture, fpir, size):
    assume(fpir < mixture.fpir(1.0, size))  # no FMR gives more
    assert mixture.fpir(mixture.fmr(fpir, size), size) == pytest.approx(fpir, rel=1e-6)


@given(MIXTURES, st.floats(1e-7, 0.1), SIZES)
def test_probes_that_differ_have_fewer_false_positive_searches(mixture, fmr, size):
    assert mixture.fpir(fmr, size) <= independent_fpir(fmr, size) * (1 + 1e-9)


def test_one_subject_has_the_fmr_itself():
    assert ProbeMixture(0.1, 0.4).fpir(0.01, 1) == 0.01


def test_very_large_shape_is_independence():
    assert ProbeMixture(1e9, 0.0).fpir(1e-4, 5000) == pytest.approx(independent_fpir(1e-4, 5000), rel=1e-4)


def curves_of(mixture: ProbeMixture, sizes: tuple[int, ...]) -> BestScores:
    """Rates that follow a mixture exactly; FMR falls from 1 to e^-25 with the threshold."""
    fmrs = np.exp(-12.5 * (np.linspace(-1, 1, 2**14 + 1) + 1))
    rates = np.array([[mixture.fpir(float(fmr), size) for fmr in fmrs] for size in sizes])
    return BestScores(sizes, rates, subjects=4000)


def test_fit_finds_the_mixture_that_made_the_rates():
    fitted = fit_probe_mixture(curves_of(ProbeMixture(0.4, 0.35), (1, 100, 500, 2000)))
    assert fitted.shape == pytest.approx(0.4, rel=0.05)
    assert fitted.exponent == pytest.approx(0.35, abs=0.03)


def test_fit_foretells_a_gallery_three_times_as_large():
    truth = ProbeMixture(0.4, 0.35)
    fitted = fit_probe_mixture(curves_of(truth, (1, 100, 300, 600)))
    assert fitted.fpir(1e-4, 2000) == pytest.approx(truth.fpir(1e-4, 2000), rel=0.05)


def test_fit_needs_a_gallery():
    with pytest.raises(InvalidRequest, match="too small to fit FPIR"):
        fit_probe_mixture(curves_of(ProbeMixture(0.4, 0.35), (1,)))


def test_independence_overestimates_and_the_mixture_does_not():
    curves = curves_of(ProbeMixture(0.3, 0.3), (1, 500, 2000))
    independent = asked_and_found(curves, curves, [0.1])
    mixed = asked_and_found(curves, curves, [0.1], mixture=fit_probe_mixture(curves))
    assert independent[-1].factor < 0.8
    assert [line.factor for line in mixed] == pytest.approx([1, 1, 1], abs=0.05)


def test_a_target_beyond_the_false_matches_found_is_marked():
    curves = curves_of(ProbeMixture(0.3, 0.3), (1, 500))  # 30 of 7,998,000 pairs: 3.75e-6
    assert [line.supported for line in asked_and_found(curves, curves, [0.1, 1e-4])] == [True, True, True, False]


def test_the_fit_finds_people_who_resemble_many():
    """Every tenth person lies near a common direction: false matches gather in their searches."""
    rng = np.random.default_rng(0)
    wolves = (np.arange(600) % 10 == 0)[:, None] * np.eye(64)[0] * 6
    vectors = (rng.normal(size=(600, 64)) + wolves).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    curves = measure_best_scores(vectors, np.arange(600), [50, 200, 500])
    assert fit_probe_mixture(curves).shape_at(1e-3) < 1
    independent = asked_and_found(curves, curves, [0.3])
    mixed = asked_and_found(curves, curves, [0.3], mixture=fit_probe_mixture(curves))
    assert abs(np.log(mixed[-1].factor)) < abs(np.log(independent[-1].factor))
