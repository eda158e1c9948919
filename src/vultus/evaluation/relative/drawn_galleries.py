"""Relative scores in galleries drawn at random: a score depends on the whole gallery, so galleries have to be drawn.

In each, every person has one photo, drawn anew: some are enrolled, the photos of all others are searched for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vultus.errors import InvalidRequest
from vultus.evaluation.intervals import Rate, can_be_claimed
from vultus.evaluation.non_mated_maxima import draw_gallery
from vultus.evaluation.relative.gallery_scores import RelativeGallery
from vultus.evaluation.scores import BINS, Histogram, Labels, number_subjects
from vultus.evaluation.verification import fmr, interpolated_threshold
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule

FEWEST_GALLERIES, MOST_GALLERIES = 3, 40
SCORES_WANTED = 400_000  # of one size
PROBES = 512  # searched at a time


@dataclass(frozen=True, eq=False)
class GalleryScores:
    """Scores of people who are not enrolled, in galleries of `size` people.

    comparisons: all scores. best: the best of each search. people: whom the galleries are drawn from.
    """

    size: int
    people: int
    comparisons: Histogram
    best: Histogram

    @property
    def pairs(self) -> int:
        """How many comparisons of two people are behind the scores: each pair of them counts once."""
        return min(self.people * (self.people - 1) // 2, self.comparisons.total)

    def fpir(self, threshold: float) -> Rate:
        """The share of searches whose best score reaches the threshold."""
        return fmr(self.best, threshold)

    def supports_fpir(self, rate: float) -> bool:
        """Whether so many people can claim the rate (rule of three): the searches for one person count once."""
        return can_be_claimed(rate, self.people)


def draw_galleries(
    embeddings: Float32, subjects: Labels, sizes: Sequence[int], rule: CohortRule, *, seed: int = 0
) -> tuple[GalleryScores, ...]:
    """The scores in galleries of each size, in people. embeddings: (N, D) float32 of unit length, N names or numbers.

    Raises InvalidRequest when a size leaves nobody to search for.
    """
    labels = number_subjects(subjects)
    people = int(labels.max()) + 1
    if max(sizes) >= people:
        raise InvalidRequest(f"a gallery of {max(sizes)} of {people} people leaves nobody to search for; add people")
    found = []
    for size in sizes:
        comparisons, best = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
        wanted = SCORES_WANTED // (size * (people - size))
        for number in range(int(np.clip(wanted, FEWEST_GALLERIES, MOST_GALLERIES))):
            photos = embeddings[draw_gallery(labels, 1, seed + number)[:, 0]]
            mixed = photos[np.random.default_rng(seed + number).permutation(people)]
            gallery = RelativeGallery(mixed[:size, None], rule)
            for start in range(size, people, PROBES):
                scores = gallery.search(mixed[start : start + PROBES])
                comparisons += Histogram.of(scores).counts
                best += Histogram.of(scores.max(axis=1)).counts
        found.append(GalleryScores(size, people, Histogram(comparisons), Histogram(best)))
    return tuple(found)


@dataclass(frozen=True)
class DrawnFpir:
    """One target FPIR in galleries of `size`: found on other people at the threshold set on some, over asked."""

    size: int
    asked: float
    factor: float
    supported: bool


def fpir_asked_and_found(
    calibration: Sequence[GalleryScores], measured: Sequence[GalleryScores], targets: Sequence[float]
) -> tuple[DrawnFpir, ...]:
    """Thresholds of galleries of one half of the people, and FPIR in those of the same size of the other half."""
    return tuple(
        DrawnFpir(
            one.size,
            asked,
            other.fpir(interpolated_threshold(one.best, asked)).value / asked,
            one.supports_fpir(asked),
        )
        for asked in targets
        for one, other in zip(calibration, measured, strict=True)
    )
