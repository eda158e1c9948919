"""The distribution of the best non-mated score of a search, for every size of gallery up to the number of people.

A false positive identification happens when the best of n non-mated scores reaches the threshold. The scores of a probe
with a pool of M subjects give its probability for every gallery of n <= M of them: the j-th highest score is the best
of a random gallery with probability C(M - j, n - 1) / C(M, n). Averaged over probes this is FPIR itself: no gallery is
drawn, and nothing is assumed about how comparisons depend on each other.
Source: rarefaction, Hurlbert, Ecology 52 (1971), 577-586; here of subjects instead of species.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InvalidRequest
from vultus.evaluation.scores import Indices, Labels, check_embeddings, number_subjects
from vultus.records.seen import Float32

BINS = 2**16  # over [-1, 1]: 3.1e-5 wide
ROWS = 256  # probes compared at a time
SMALLEST_CHANCE = 1e-12  # ranks that are the best of a gallery less often are left out
ERRORS_NEEDED = 30  # the rule of 30: 30 errors give a rate to within 30 % at 90 %
TAIL_WIDTH = 30.0  # the tail is fitted from the smallest supported FMR to this multiple of it

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BestScores:
    """FPIR by gallery size and threshold; every subject weighs the same, however many photos it has.

    sizes: (S,) numbers of subjects in the gallery, the first is 1, whose FPIR is the FMR. rates: (S, B + 1) FPIR at the
    lower edges of B equal bins over [-1, 1], then at 1. subjects: how many the galleries are drawn from.
    """

    sizes: tuple[int, ...]
    rates: Float64
    subjects: int

    @property
    def smallest_fmr(self) -> float:
        """The FMR that 30 false matches among the pairs of subjects support; below it lies extrapolation.

        Source: the rule of 30, Doddington et al., Speech Communication 31 (2000), 225-254.
        """
        return min(ERRORS_NEEDED / (self.subjects * (self.subjects - 1) / 2), 1.0)

    def fpir(self, size: int, threshold: float) -> float:
        """FPIR of a gallery of one of the `sizes`; the threshold is rounded up to the next edge of a bin."""
        edge = int(np.ceil((threshold + 1) / 2 * (self.rates.shape[1] - 1) - 1e-6))  # less a rounding, as in scores.py
        return float(self._of(size)[min(max(edge, 0), self.rates.shape[1] - 1)])

    def threshold(self, size: int, fpir: float) -> float:
        """The smallest threshold, to the width of a bin, that keeps FPIR in a gallery of one of the `sizes`."""
        rates = self._of(size)
        return float(np.argmax(rates <= fpir) * 2 / (len(rates) - 1) - 1)

    def threshold_at_fmr(self, fmr: float) -> float:
        """The threshold of an FMR, from an exponential tail where too few false matches were found to count them.

        The tail: log FMR falls linearly with the threshold, at the slope found between `smallest_fmr` and 30 times
        that. Source: exponential tails of scores, ISO/IEC 5152:2024 (extreme value extrapolation of FMR).
        """
        joint = min(self.smallest_fmr * np.sqrt(TAIL_WIDTH), 1.0)
        if fmr >= joint:
            return self.threshold(1, fmr)
        fitted = np.geomspace(self.smallest_fmr, min(self.smallest_fmr * TAIL_WIDTH, 1.0), 16)
        slope = np.polyfit(np.log(fitted), [self.threshold(1, rate) for rate in fitted], 1)[0]
        return float(min(self.threshold(1, joint) + slope * np.log(fmr / joint), 1.0))

    def _of(self, size: int) -> Float64:
        if size not in self.sizes:
            raise InvalidRequest(f"FPIR was measured for galleries of {self.sizes} subjects, not of {size}")
        rates: Float64 = self.rates[self.sizes.index(size)]
        return rates


def measure_best_scores(
    embeddings: Float32,
    subjects: Labels,
    sizes: Sequence[int],
    *,
    probes: NDArray[np.bool_] | None = None,
    offsets: Float32 | None = None,
    templates: int = 1,
    seed: int = 0,
    bins: int = BINS,
) -> BestScores:
    """FPIR of searches in random galleries of each size, at every threshold.

    embeddings: (N, D) float32 of unit length. subjects: N names or numbers. sizes: numbers of subjects.
    probes: (N,) which photos are searched for, all when None; a probe's own subject is never in its gallery.
    offsets: (N,), taken off the cosines of each photo, where cosines do not count as they are.
    templates: how many photos, drawn with the seed, enrol a subject; subjects with fewer are not in the pool.
    Raises: VectorMismatch when an embedding is not of unit length; InvalidRequest when a size is larger than the
    subjects there are besides the probe's own.
    """
    check_embeddings(embeddings, len(subjects))
    labels = number_subjects(subjects)
    gallery = draw_gallery(labels, templates, seed)
    pool = labels[gallery[:, 0]]
    wanted = tuple(sorted({1, *sizes}))
    if wanted[0] < 1 or wanted[-1] > len(pool) - 1:
        raise InvalidRequest(
            f"a gallery of {wanted[-1]} subjects cannot be drawn from {len(pool)} with {templates} photos or more, one "
            f"of whom is searched for; give sizes from 1 to {len(pool) - 1}"
        )
    chosen = np.arange(len(labels)) if probes is None else np.flatnonzero(probes)
    weights = _weights(labels[chosen])
    mass = np.zeros((len(wanted), bins))
    # Probes whose subject is in the pool meet one subject less: their own is never in their gallery.
    for enrolled in (True, False):
        part = np.isin(labels[chosen], pool) == enrolled
        ranks = _Ranks(len(pool) - int(enrolled), wanted)
        for rows, scores in _searches(embeddings, labels, chosen[part], gallery, offsets):
            ranks.add(mass, scores, weights[part][rows])
    rates = np.pad(np.cumsum(mass[:, ::-1], axis=1)[:, ::-1], ((0, 0), (0, 1)))
    return BestScores(wanted, np.clip(rates, 0, 1), len(pool))


def draw_gallery(labels: Indices, templates: int, seed: int) -> NDArray[np.intp]:
    """`templates` photos of every subject that has so many: (G, templates) indices, by rising subject."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    photos = np.bincount(labels)
    starts = (np.cumsum(photos) - photos)[photos >= templates]
    gallery: NDArray[np.intp] = order[starts[:, None] + np.arange(templates)]
    return gallery


def search_gallery(probes: Float32, gallery: Float32, taken_off: Float32 | None = None) -> Float32:
    """The best score of each subject: (P, D) probes and (G, k, D) templates of G subjects give (P, G) cosines.

    taken_off: (G, k), off the cosines with each template.
    """
    subjects, templates, width = gallery.shape
    scores = probes @ gallery.reshape(subjects * templates, width).T
    if taken_off is not None:
        scores -= taken_off.ravel()
    best: Float32 = scores.reshape(len(probes), subjects, templates).max(axis=2)
    return best


def _weights(labels: Indices) -> Float64:
    """The weight of each probe: the probes of a subject share one weight; all weights add up to 1."""
    photos = np.bincount(labels)
    return 1 / photos[labels] / np.count_nonzero(photos)


def _searches(
    embeddings: Float32,
    labels: Indices,
    probes: NDArray[np.intp],
    gallery: NDArray[np.intp],
    offsets: Float32 | None,
) -> Iterator[tuple[slice, Float32]]:
    """The scores of some probes at a time, best first, (P, G); a probe's own subject comes last."""
    taken_off = np.zeros(len(embeddings), np.float32) if offsets is None else offsets
    enrolled = embeddings[gallery]
    for start in range(0, len(probes), ROWS):
        rows = slice(start, start + ROWS)
        scores = search_gallery(embeddings[probes[rows]], enrolled, taken_off[gallery])
        scores -= taken_off[probes[rows], None]
        scores[labels[probes[rows], None] == labels[gallery[None, :, 0]]] = -9  # below every score
        scores.sort(axis=1)
        yield rows, scores[:, ::-1]


class _Ranks:
    """Adds ranked scores to the distribution of the best score, for each size of gallery."""

    def __init__(self, pool: int, sizes: Sequence[int]) -> None:
        chances = [chance_of_best(pool, size) for size in sizes]
        self._chances = [chance[: int(np.flatnonzero(chance > SMALLEST_CHANCE)[-1]) + 1] for chance in chances]

    def add(self, mass: Float64, scores: Float32, weights: Float64) -> None:
        """mass: (S, B), added to. scores: (P, G), best first. weights: (P,)."""
        bins = mass.shape[1]
        places = np.clip(((scores + np.float32(1)) * np.float32(bins / 2)).astype(np.intp), 0, bins - 1)
        for row, chance in zip(mass, self._chances, strict=True):
            share = np.outer(weights, chance).ravel()
            row += np.bincount(places[:, : len(chance)].ravel(), weights=share, minlength=bins)


def chance_of_best(pool: int, size: int) -> Float64:
    """(pool,): the chance that the j-th best of a pool is the best of a random `size` of them, j from 1.

    C(pool - j, size - 1) / C(pool, size), as a running product of the chances that all better ones were left out.
    """
    better = np.arange(pool)
    left_out = np.cumprod(np.clip((pool - size - better) / (pool - better), 0, 1))
    return np.concatenate([[1.0], left_out[:-1]]) - left_out
