"""Error rates: measured curves that give the threshold of a rate, and how the rate of a search grows with the gallery.

If the n comparisons of a search were independent, FPIR would be 1 - (1 - FMR)^n. They share a probe, and probes differ:
most match no one, a few (the wolves of Doddington et al., ICSLP 1998) match many. The false matches then fall in fewer
searches, and the formula overestimates FPIR, the more so the smaller FMR and the larger the gallery.
Sources: ISO/IEC 19795-1 (FPIR, its estimate from FMR); Grother and Ngan, NIST IR 8009 (2014), on FPIR and
population size; Doddington, Liggett, Martin, Przybocki, Reynolds, ICSLP 1998, paper 0608.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

REFERENCE_FMR = 1e-3
BISECTIONS = 100  # of the interval of log FMR: to the last digit of a float


def independent_fmr(fpir: float, size: int) -> float:
    """The FMR at which `size` independent comparisons have that FPIR = 1 - (1 - FMR)^size."""
    return -float(np.expm1(np.log1p(-fpir) / size))


@dataclass(frozen=True)
class ProbeMixture:
    """FPIR when the probes' own false match rates follow a gamma distribution whose mean is FMR.

    A probe of rate r matches none of n subjects with probability exp(-n r); averaged over a gamma distribution of mean
    FMR and shape a this is (1 + n FMR / a)^-a (the zero term of the negative binomial distribution: Greenwood and Yule,
    JRSS 83 (1920), 255-279). A small shape: few probes make most false matches; an infinite one: independence. The
    shape falls with FMR as a power: a = shape * (FMR / 0.001)^exponent.
    """

    shape: float
    exponent: float

    def shape_at(self, fmr: float) -> float:
        """The shape of the gamma distribution at an FMR."""
        return float(self.shape * (fmr / REFERENCE_FMR) ** self.exponent)

    def fpir(self, fmr: float, size: int) -> float:
        """FPIR of a gallery of `size` subjects at the threshold that has this FMR. 1 subject: FMR itself."""
        return _mixed_fpir(fmr, size, self.shape_at(fmr))

    def fmr(self, fpir: float, size: int) -> float:
        """The FMR at which a gallery of `size` subjects has that FPIR, both in (0, 1)."""
        return _fmr_of(self, fpir, size)


# Every search asks for the FMR of its gallery's size; this many galleries and rates are remembered.
@lru_cache(maxsize=1024)
def _fmr_of(mixture: ProbeMixture, fpir: float, size: int) -> float:
    low, high = np.log(1e-300), 0.0  # FPIR rises with FMR, so bisection finds the one that has this FPIR
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if mixture.fpir(float(np.exp(middle)), size) < fpir else (low, middle)
    return float(np.exp(high))


def _mixed_fpir(fmr: float, size: int, shape: float) -> float:
    # By expm1 and log1p: 1 - (1 + x)^-a itself would lose all digits of a small FPIR.
    return fmr if size == 1 else -float(np.expm1(-shape * np.log1p(size * fmr / shape)))


class RateCurve:
    """Measured (FMR, cosine) pairs; between them the cosine is linear in log10(FMR), below them the line goes on."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        """points: false match rates in (0, 1) with the cosine threshold measured for each, in any order."""
        ordered = sorted(points)
        self._log_fmr = np.log10([fmr for fmr, _ in ordered])
        self._cosine = np.array([cosine for _, cosine in ordered])

    @property
    def smallest_fmr(self) -> float:
        return float(10 ** self._log_fmr[0])

    @property
    def largest_fmr(self) -> float:
        return float(10 ** self._log_fmr[-1])

    def cosine(self, fmr: float) -> float:
        """The threshold of a rate; above the largest rate that rate's own, never more than 1."""
        wanted, low = float(np.log10(fmr)), float(self._log_fmr[0])
        if wanted >= low or len(self._cosine) == 1:
            return float(np.interp(wanted, self._log_fmr, self._cosine))
        slope = (self._cosine[1] - self._cosine[0]) / (self._log_fmr[1] - self._log_fmr[0])
        return min(float(self._cosine[0] + slope * (wanted - low)), 1.0)


@dataclass(frozen=True, eq=False)
class SearchModel:
    """The search model of one recognition model: FMR of subjects drawn at random, and FPIR by the size of the gallery.

    curve: every subject weighs the same, however many photos it has. smallest_fmr, smallest_fpir, largest_gallery
    (subjects): the limits of what the calibration data support.
    """

    mixture: ProbeMixture
    curve: RateCurve
    smallest_fmr: float
    smallest_fpir: float
    largest_gallery: int

    def why_unsupported(self, fpir: float, templates: int, fmr: float) -> str | None:
        """The sentence that says how a search exceeds the calibration data; None when it does not."""
        if templates > self.largest_gallery:
            return (
                f"the calibration saw galleries of up to {self.largest_gallery:,} subjects; "
                f"for {templates:,} templates the threshold is extrapolated"
            )
        if fpir < self.smallest_fpir * (1 - 1e-9):
            return (
                f"the calibration supports false-positive identification rates down to {self.smallest_fpir:.1e}; "
                "the threshold is extrapolated"
            )
        if fmr < self.smallest_fmr * (1 - 1e-9):
            return (
                f"a false match rate of {fmr:.1e} per comparison lies beyond the smallest that the calibration "
                f"supports ({self.smallest_fmr:.1e}); the threshold is extrapolated"
            )
        return None
