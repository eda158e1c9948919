"""How FPIR grows with the gallery: the mixture of probes fitted to measured FPIR, and a test of it on other people.

The model itself is `vultus.matching.rates.ProbeMixture`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vultus.errors import InvalidRequest
from vultus.evaluation.non_mated_maxima import BestScores, Float64
from vultus.matching.rates import REFERENCE_FMR, ProbeMixture, independent_fmr

FIT_POINTS = 17  # FMRs, evenly spread on a logarithmic scale
LARGEST_FMR = 1e-2
SMALLEST_FPIR, LARGEST_FPIR = 3e-3, 0.5  # the range for which thresholds are wanted
SHAPES = np.geomspace(1e-2, 1e2, 161)
EXPONENTS = np.linspace(0.0, 0.9, 37)  # from 1 on, FPIR would rise as FMR falls


def fit_probe_mixture(measured: BestScores) -> ProbeMixture:
    """The mixture that fits the measured FPIR best: least squares of log(-log(1 - FPIR)) over sizes and FMRs.

    Only FMRs that 30 false matches support and FPIRs of 0.003 to 0.5 take part. A rate with few
    expected matches fits every shape, so there is one joint search, not a fit for each FMR.
    Raises InvalidRequest when no gallery is large enough to show a dependence.
    """
    sizes, fmrs, fpirs = _observations(measured).T
    if not len(sizes):
        raise InvalidRequest(
            f"galleries of up to {measured.sizes[-1]} subjects are too small to fit FPIR; add people or larger sizes"
        )
    tried = [ProbeMixture(float(shape), float(exponent)) for shape in SHAPES for exponent in EXPONENTS]
    return min(tried, key=lambda mixture: _misfit(mixture, sizes, fmrs, fpirs))


@dataclass(frozen=True)
class AskedAndFound:
    """One target FPIR in one size of gallery: the threshold set by a model, and the FPIR found at it."""

    size: int
    asked: float
    threshold: float
    found: float
    supported: bool

    @property
    def factor(self) -> float:
        return self.found / self.asked


def asked_and_found(
    calibration: BestScores, measured: BestScores, targets: Sequence[float], *, mixture: ProbeMixture | None = None
) -> tuple[AskedAndFound, ...]:
    """Set thresholds by the calibration's FMR curve, measure FPIR at them on other people.

    mixture: the model of gallery size; None for independent comparisons. supported: False where the FMR that the
    target needs lies below what the calibration's false matches support.
    """
    return tuple(_ask(calibration, measured, target, size, mixture) for target in targets for size in measured.sizes)


def _ask(
    calibration: BestScores, measured: BestScores, target: float, size: int, mixture: ProbeMixture | None
) -> AskedAndFound:
    fmr = mixture.fmr(target, size) if mixture else independent_fmr(target, size)
    threshold = calibration.threshold_at_fmr(fmr)
    found = measured.fpir(size, threshold)
    return AskedAndFound(size, target, threshold, found, fmr >= calibration.smallest_fmr)


def _observations(measured: BestScores) -> Float64:
    """(n, 3): size, FMR, FPIR, at thresholds of some FMRs."""
    wanted = np.geomspace(min(measured.smallest_fmr, LARGEST_FMR), LARGEST_FMR, FIT_POINTS)
    thresholds = [measured.threshold(1, fmr) for fmr in wanted]
    seen = [(size, measured.fpir(1, at), measured.fpir(size, at)) for size in measured.sizes[1:] for at in thresholds]
    used = [row for row in seen if row[1] > 0 and SMALLEST_FPIR <= row[2] <= LARGEST_FPIR]
    return np.array(used, np.float64).reshape(-1, 3)


def _misfit(mixture: ProbeMixture, sizes: Float64, fmrs: Float64, fpirs: Float64) -> float:
    shapes = mixture.shape * (fmrs / REFERENCE_FMR) ** mixture.exponent
    modelled = shapes * np.log1p(sizes * fmrs / shapes)
    return float(((np.log(modelled) - np.log(-np.log1p(-fpirs))) ** 2).sum())
