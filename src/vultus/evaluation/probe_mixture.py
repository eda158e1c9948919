"""How FPIR grows with the gallery: independent comparisons, and a mixture of probes that differ.

If the n comparisons of a search were independent, FPIR would be 1 - (1 - FMR)^n. They share a probe, and probes differ:
most match nobody, a few (the wolves of Doddington et al., ICSLP 1998) match many. The false matches then gather in
fewer searches, and the formula overestimates FPIR, the more so the smaller FMR and the larger the gallery.
Sources: ISO/IEC 19795-1 (FPIR, its estimate from FMR); Grother and Ngan, NIST IR 8009 (2014), on FPIR and
population size; Doddington, Liggett, Martin, Przybocki, Reynolds, ICSLP 1998, paper 0608.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vultus.errors import InvalidRequest
from vultus.evaluation.best_scores import BestScores, Float64

REFERENCE_FMR = 1e-3
FIT_POINTS = 17
LARGEST_FMR = 1e-2
SMALLEST_FPIR, LARGEST_FPIR = 3e-3, 0.5  # where thresholds are wanted
SHAPES = np.geomspace(1e-2, 1e2, 161)
EXPONENTS = np.linspace(0.0, 0.9, 37)  # from 1 on, FPIR would rise as FMR falls
BISECTIONS = 100


def independent_fpir(fmr: float, size: int) -> float:
    """FPIR of `size` independent comparisons: 1 - (1 - FMR)^size."""
    return -float(np.expm1(size * np.log1p(-fmr))) if fmr < 1 else 1.0


def independent_fmr(fpir: float, size: int) -> float:
    """The FMR at which `size` independent comparisons have that FPIR."""
    return -float(np.expm1(np.log1p(-fpir) / size))


@dataclass(frozen=True)
class ProbeMixture:
    """FPIR when the probes' own false match rates follow a gamma distribution whose mean is FMR.

    A probe of rate r finds nobody among n with the chance exp(-n r); averaged over a gamma distribution of mean FMR and
    shape a this is (1 + n FMR / a)^-a (the zero term of the negative binomial distribution: Greenwood and Yule, JRSS 83
    (1920), 255-279). A small shape: few probes make most false matches; an infinite one: independence. The shape falls
    with FMR as a power: a = shape * (FMR / 0.001)^exponent.
    """

    shape: float
    exponent: float

    def shape_at(self, fmr: float) -> float:
        return float(self.shape * (fmr / REFERENCE_FMR) ** self.exponent)

    def fpir(self, fmr: float, size: int) -> float:
        """FPIR of a gallery of `size` subjects at the threshold that has this FMR. 1 subject: FMR itself."""
        return _mixed_fpir(fmr, size, self.shape_at(fmr))

    def fmr(self, fpir: float, size: int) -> float:
        """The FMR at which a gallery of `size` subjects has that FPIR, both in (0, 1)."""
        low, high = np.log(1e-300), 0.0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.fpir(float(np.exp(middle)), size) < fpir else (low, middle)
        return float(np.exp(high))


def fit_probe_mixture(measured: BestScores) -> ProbeMixture:
    """The mixture that comes nearest to measured FPIR: least squares of log(-log(1 - FPIR)) over sizes and FMRs.

    Only FMRs that 30 false matches support and FPIRs of 0.003 to 0.5 take part. Where a rate says little about the
    shape (few expected matches) every shape fits alike, so one joint search, not a fit for each FMR.
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


def _mixed_fpir(fmr: float, size: int, shape: float) -> float:
    return fmr if size == 1 else -float(np.expm1(-shape * np.log1p(size * fmr / shape)))


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
