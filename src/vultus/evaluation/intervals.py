"""Confidence in a measured error rate: Wilson intervals, the rule of three, bootstrap over subjects.

Wilson treats the comparisons as independent. They are not when one person or one photo takes part in many, so its
intervals are too narrow; the bootstrap resamples subjects, and its wider intervals are the ones to trust.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from vultus.evaluation.scores import PairScores

CONFIDENCE = 0.95
RESAMPLES = 1000
COMPARISONS_PER_CLAIM = 3  # rule of three: no error in n trials means, at 95 %, a rate below 3 / n

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A confidence interval of an error rate, at CONFIDENCE."""

    low: float
    high: float


@dataclass(frozen=True)
class Rate:
    """A measured error rate: `errors` in `trials`. value: their quotient, 0.0 when there was no trial."""

    errors: int
    trials: int

    @property
    def value(self) -> float:
        return self.errors / self.trials if self.trials else 0.0

    @property
    def interval(self) -> Interval:
        """The Wilson interval at 95 %."""
        return wilson(self.errors, self.trials)


def wilson(errors: int, trials: int) -> Interval:
    """The score interval of a binomial proportion; (0, 1) when there was no trial.

    Source: Wilson, JASA 22 (1927), 209-212; preferred to Wald and Clopper-Pearson by Brown, Cai and DasGupta,
    Statistical Science 16 (2001), section 3.1.1.
    """
    if not trials:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    rate, shrink = errors / trials, 1 + z * z / trials
    middle = (rate + z * z / (2 * trials)) / shrink
    reach = z / shrink * float(np.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)))
    # Exact at the ends, where rounding would leave a tiny remainder.
    low = 0.0 if errors == 0 else max(middle - reach, 0.0)
    high = 1.0 if errors == trials else min(middle + reach, 1.0)
    return Interval(low, high)


def can_be_claimed(rate: float, trials: int) -> bool:
    """Whether so many trials are enough to claim a rate: at least 3 / rate; with fewer, no errors prove nothing.

    Source: the rule of 3, ISO/IEC 19795-1, informative annex on test size; Jovanovic and Levy, American Statistician
    51 (1997), 137-139.
    """
    return trials * rate >= COMPARISONS_PER_CLAIM * (1 - 1e-9)  # less a rounding: 3,000 trials do claim 1e-3


def why_not_claimed(
    rate: float, trials: int, measure: str = "FMR", counted: str = "non-mated comparisons"
) -> str | None:
    """The sentence that says that a rate cannot be claimed, None when it can."""
    if can_be_claimed(rate, trials):
        return None
    needed = int(np.ceil(COMPARISONS_PER_CLAIM / rate * (1 - 1e-9)))
    return (
        f"cannot be claimed: {measure} {rate:g} needs at least {needed:,} {counted} (rule of three), "
        f"there are {trials:,}"
    )


def bootstrap_fnmr(scores: PairScores, threshold: float, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The percentile interval of FNMR when subjects, not comparisons, are drawn with replacement.

    All mated pairs of a subject are drawn together.
    Source: the subsets bootstrap, Bolle, Ratha and Pankanti, CVIU 93 (2004), section 4.
    """
    owners = scores.labels[scores.mated_pairs.first]
    subjects = int(scores.labels.max()) + 1
    trials = np.bincount(owners, minlength=subjects)
    misses = np.bincount(owners[scores.mated_pairs.scores < threshold], minlength=subjects)
    drawn = times_drawn(subjects, resamples, seed)
    errors, total = drawn @ misses, drawn @ trials
    found = percentile_interval(errors[total > 0] / total[total > 0])
    assert found is not None  # there is a mated pair, so some resample has one
    return found


def percentile_interval(rates: Float64) -> Interval | None:
    """The interval that holds CONFIDENCE of the rates of resamples, as much left out on each side; None of none."""
    if not len(rates):
        return None
    low, high = np.quantile(rates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def times_drawn(subjects: int, resamples: int, seed: int) -> Float64:
    """(resamples, subjects): how often each subject was drawn."""
    chances = np.full(subjects, 1 / subjects)
    return np.random.default_rng(seed).multinomial(subjects, chances, size=resamples).astype(np.float64)
