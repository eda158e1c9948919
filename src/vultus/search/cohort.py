"""The cohort: the enrolled subjects that a face resembles most, and what they take off its similarities.

People of one age, sex and origin, and photos of one camera, lie close together, so that a cosine means another error
rate for each population. A relative score takes off what a face has in common with others anyway: a share of the mean
similarity to its nearest other subjects, for the probe and for the enrolled face (as the adaptive symmetric
normalisation of Matejka et al., Analysis of score normalization in multilingual speaker recognition, 2017, without its
division by the spread).

    score(p, c) = cos(p, c) - weight * (T(p; without c's subject) + T(c; without its own subject))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import Float32

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class CohortRule:
    """How a term T(x) follows from the best cosines of x with other subjects.

    The term is the mean of the `nearest` highest of them, those with the centroids, lifted, among them; of all where
    there are fewer, 0 where there is none. The first subjects may be x again under another name: up to `most_twins` of
    them, one after the other, are left out while they are at least `twin_gap` above the mean of the `nearest` values
    that follow. weight: of the terms in a score. centroids: (C, D), mean faces of unit length, so that small galleries
    have a cohort; C may be 0. lifts: (C,), added to the cosines with them, as faces that resemble the mean of blurred
    ones, say, resemble each other more than that mean; None: 0.
    """

    centroids: Float32
    twin_gap: float
    lifts: Float32 | None = None
    nearest: int = 5
    weight: float = 0.5
    most_twins: int = 2

    @property
    def depth(self) -> int:
        """How many of the nearest other subjects decide a term: no others can change it."""
        return self.nearest + self.most_twins

    def same(self, other: CohortRule) -> bool:
        """Whether the other rule has the same values."""
        if self is other:
            return True
        numbers = (self.twin_gap, self.nearest, self.weight, self.most_twins)
        equal = numbers == (other.twin_gap, other.nearest, other.weight, other.most_twins)
        return equal and np.array_equal(self.centroids, other.centroids) and np.array_equal(self.added, other.added)

    @cached_property
    def digest(self) -> str:
        """Of its values, as hexadecimal digits: the same for rules that are the `same`."""
        numbers = (self.twin_gap, self.nearest, self.weight, self.most_twins, self.centroids.shape)
        parts = (repr(numbers).encode(), self.centroids.astype("<f4").tobytes(), self.added.astype("<f4").tobytes())
        return sha256(b"".join(parts)).hexdigest()

    def centroid_cosines(self, units: Float64) -> Float64:
        """The `nearest` highest cosines with the centroids, lifted, falling, (Q, at most `nearest`).

        units: (Q, D), of unit length.
        """
        return -np.sort(-(units @ self._wide.T + self.added), axis=1)[:, : self.nearest]

    @cached_property
    def added(self) -> Float32:
        """The lifts, (C,) float32."""
        return np.zeros(len(self.centroids), np.float32) if self.lifts is None else self.lifts

    @cached_property
    def _wide(self) -> Float64:
        return self.centroids.astype(np.float64)


def terms_of(subjects: NDArray[np.floating], centroids: NDArray[np.floating], rule: CohortRule) -> Float64:
    """The term of each row, (R,).

    subjects: (R, `depth` or more), the best cosines with other subjects, falling, -inf behind the last. centroids:
    (R, any number), cosines with centroids, falling likewise. A row's term does not depend on the other rows.
    """
    rest, centres = np.asarray(subjects, np.float64), np.asarray(centroids, np.float64)
    for _ in range(rule.most_twins):
        mean, count = _mean_of_highest(rest[:, 1:], centres, rule.nearest)
        twin = (count > 0) & (rest[:, 0] - mean >= rule.twin_gap)
        if not twin.any():
            break
        shifted = np.concatenate([rest[:, 1:], np.full((len(rest), 1), -np.inf)], axis=1)
        rest = np.where(twin[:, None], shifted, rest)
    return _mean_of_highest(rest, centres, rule.nearest)[0]


def terms_without_each(best: Sequence[float], centroids: Sequence[float], rule: CohortRule) -> list[float]:
    """A probe's terms without each of its nearest subjects in turn, and without nobody, n + 1 of them.

    best: the best cosines of its n nearest subjects, falling, n = depth + 1, or fewer where there are no more subjects.
    centroids: as of `terms_of`, falling. The last term, without nobody, is also that without a subject which is not
    among the first `depth`.
    """
    each = ([*best[:place], *best[place + 1 :]] for place in range(len(best)))
    return [_term_of(rest[: rule.depth], centroids, rule) for rest in (*each, list(best))]


def _term_of(rest: list[float], centroids: Sequence[float], rule: CohortRule) -> float:
    """What `terms_of` makes of one row, to the bit: for the few rows of a search numpy takes five times as long."""
    for _ in range(rule.most_twins):
        following = _highest([*rest[1:], *centroids], rule.nearest)
        if not rest or not following or rest[0] - sum(following) / len(following) < rule.twin_gap:
            break
        rest = rest[1:]
    nearest = _highest([*rest, *centroids], rule.nearest)
    return sum(nearest) / len(nearest) if nearest else 0.0


def _highest(values: list[float], count: int) -> list[float]:
    return sorted(values, reverse=True)[:count]


def _mean_of_highest(subjects: Float64, centroids: Float64, nearest: int) -> tuple[Float64, NDArray[np.intp]]:
    """The mean of the highest values of each row, 0 where there is none, and of how many it is."""
    highest = -np.sort(-np.concatenate([subjects, centroids], axis=1), axis=1)[:, :nearest]
    known = np.isfinite(highest)
    count = np.count_nonzero(known, axis=1)
    total = np.zeros(len(highest))
    for column in np.where(known, highest, 0.0).T:  # one by one: the order of a sum by numpy depends on the shape
        total += column
    return total / np.maximum(count, 1), count
