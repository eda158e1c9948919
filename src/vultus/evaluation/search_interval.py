"""The interval of FNIR at a target FPIR, over people and galleries.

The threshold is part of what is measured: at FPIR 1 % of a thousand non-mated searches it rests on ten of them, often
of two or three people, and another draw moves it. So each resample draws people with replacement, all searches of a
person together, and sets the threshold again; several galleries are drawn, as one is only one of many.
Source: the subsets bootstrap, Bolle, Ratha and Pankanti, CVIU 93 (2004), section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vultus.evaluation.identification import SearchScores, fnir, threshold_at_fpir
from vultus.evaluation.intervals import Interval, percentile_interval, times_drawn

RESAMPLES = 100  # of people, for each gallery

Float64 = NDArray[np.float64]


def fnir_interval(
    galleries: Sequence[SearchScores], target: float, *, rank: int = 1, resamples: int = RESAMPLES
) -> Interval | None:
    """The percentile interval of FNIR when people and galleries are drawn again; None when no resample had both kinds
    of searches. galleries: the scores of the same photos in different galleries.

    It reaches at least as far as Wilson's of the first gallery: where nobody was missed, every resample finds 0, and
    only Wilson's says what so many searches without an error are worth.
    """
    drawn = [_resampled_fnir(scores, target, rank, resamples, seed) for seed, scores in enumerate(galleries)]
    found = percentile_interval(np.concatenate(drawn))
    if found is None:
        return None
    least = fnir(galleries[0], threshold_at_fpir(galleries[0], target), rank).interval
    return Interval(min(found.low, least.low), max(found.high, least.high))


def _resampled_fnir(scores: SearchScores, target: float, rank: int, resamples: int, seed: int) -> Float64:
    """(R,) FNIR of each resample that has searches of both kinds."""
    people = int(max(scores.own_people.max(), scores.nonmated_people.max())) + 1
    drawn = times_drawn(people, resamples, seed)
    mated, nonmated = drawn[:, scores.own_people], drawn[:, scores.nonmated_people]
    thresholds = _thresholds(scores.best_nonmated, nonmated, target)
    missed = (scores.own[None, :] < thresholds[:, None]) | (scores.own_rank > rank)[None, :]
    searches = mated.sum(axis=1)
    both = (searches > 0) & (nonmated.sum(axis=1) > 0)
    return (mated * missed).sum(axis=1)[both] / searches[both]  # type: ignore[no-any-return]


def _thresholds(best: NDArray[np.float32], weights: Float64, target: float) -> NDArray[np.float32]:
    """(R,) the threshold of each row of (R, Q) weights: just above the score at which FPIR would exceed the target."""
    order = np.argsort(-best, kind="stable")
    counted = np.cumsum(weights[:, order], axis=1)
    allowed = np.floor(target * counted[:, -1:] * (1 + 1e-12))
    first_beyond = (counted <= allowed).sum(axis=1)
    ranked = np.append(best[order], np.float32(-2))  # where all are allowed
    found: NDArray[np.float32] = np.nextafter(ranked[first_beyond], np.float32(2))
    return found
