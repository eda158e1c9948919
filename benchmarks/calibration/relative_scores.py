"""Relative scores of many comparisons at once, by the arithmetic of the service (`search.cohort`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.models.relative_calibration import MeanFaces
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule, Float64, terms_of

NEAREST, WEIGHT = 3, 0.5
# Least gap between the best cosine with another subject and the mean of the next ones at which it is the same person
# again: so far apart lie 83 % of two photos of one person (LFW), and hardly a thousandth of the nearest strangers,
# toddlers included (their 99.9 % quantile is 0.15).
TWIN_GAP = 0.2


def rule_of(mean_faces: MeanFaces, *, nearest: int = NEAREST, weight: float = WEIGHT) -> CohortRule:
    """The rule of cohorts with these mean faces."""
    return CohortRule(
        centroids=mean_faces.centroids,
        lifts=mean_faces.lifts,
        twin_gap=TWIN_GAP,
        nearest=nearest,
        weight=weight,
    )


def terms_alone(vectors: Float32, rule: CohortRule) -> Float64:
    """The terms by the mean faces alone, without any gallery, (N,)."""
    found = [_alone(vectors[start : start + 2000], rule) for start in range(0, len(vectors), 2000)]
    return np.concatenate(found) if found else np.empty(0)


def _alone(vectors: Float32, rule: CohortRule) -> Float64:
    centres = _highest(vectors @ rule.centroids.T + rule.added, rule.nearest)
    return terms_of(np.full((len(vectors), rule.depth), -np.inf), centres, rule)


def pair_scores(cosines: NDArray[np.floating], terms: Float64, rule: CohortRule) -> Float64:
    """The scores of (N, N) cosines of rows among themselves, given each row's term."""
    return np.asarray(cosines - rule.weight * (terms[:, None] + terms[None]), np.float64)


@dataclass(frozen=True, eq=False)
class GalleryScores:
    """The scores of probes (M, D) with a gallery (N, D) of one face a subject.

    scores: (M, N); each candidate is left out of the cohort of a comparison with it.
    """

    scores: Float64

    @classmethod
    def of(cls, probes: Float32, gallery: Float32, rule: CohortRule) -> GalleryScores:
        """Scores by the rule; without centroids in it, and weight 0, the cosines."""
        cosines = (probes @ gallery.T).astype(np.float64)
        if rule.weight == 0:
            return cls(cosines)
        own = _enrolled_terms(gallery, rule)
        places, terms = _probe_terms(probes, cosines, rule)
        probe = np.repeat(terms[:, -1:], len(gallery), axis=1)
        np.put_along_axis(probe, places, terms[:, :-1], axis=1)
        return cls(cosines - rule.weight * (probe + own))


def _enrolled_terms(gallery: Float32, rule: CohortRule) -> Float64:
    """The term of each enrolled face, without itself, (N,)."""
    among = (gallery @ gallery.T).astype(np.float64)
    np.fill_diagonal(among, -np.inf)
    return terms_of(_highest(among, rule.depth), _highest(gallery @ rule.centroids.T + rule.added, rule.nearest), rule)


def _probe_terms(probes: Float32, cosines: Float64, rule: CohortRule) -> tuple[NDArray[np.intp], Float64]:
    """The places of each probe's nearest subjects, (M, n); its terms without each, and without nobody, (M, n + 1)."""
    count = min(rule.depth + 1, cosines.shape[1])
    places = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(cosines, places, axis=1), axis=1)
    places = np.take_along_axis(places, order, axis=1)
    best = np.full((len(probes), rule.depth + 1), -np.inf)
    best[:, :count] = np.take_along_axis(cosines, places, axis=1)
    left = np.arange(rule.depth)
    kept = left + (left >= np.arange(count + 1)[:, None])  # each row without the place of its own number
    rows = best[:, kept].reshape(-1, rule.depth)
    centres = np.repeat(_highest(probes @ rule.centroids.T + rule.added, rule.nearest), count + 1, axis=0)
    return places, terms_of(rows, centres, rule).reshape(len(probes), count + 1)


def _highest(values: NDArray[np.floating], count: int) -> Float64:
    """The highest values of each row, falling, -inf behind the last, (R, count)."""
    found = np.full((len(values), count), -np.inf)
    kept = min(count, values.shape[1])
    if kept:
        found[:, :kept] = -np.sort(-np.partition(values, -kept, axis=1)[:, -kept:], axis=1)
    return found
