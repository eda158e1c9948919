"""Relative scores of many comparisons at once, by the arithmetic of the service (`search/cohort.py`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vultus.evaluation.non_mated_maxima import search_gallery
from vultus.matching.reference_faces import ReferenceFaces
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule, Float64, terms_of

ROWS = 512  # photos compared at a time

Search = Callable[[Float32], Float32]  # (P, D) probes to the (P, G) scores of the subjects of a gallery


def offsets_of(embeddings: Float32, reference: ReferenceFaces | None) -> Float32 | None:
    """What the mean faces alone take off the cosines of each of N photos, (N,); None where cosines count as they are.

    embeddings: (N, D) float32 of unit length. The score of two photos is their cosine less the offset of each.
    """
    if reference is None:
        return None
    parts = [reference.terms(embeddings[start : start + ROWS]) for start in range(0, len(embeddings), ROWS)]
    return (reference.rule.weight * np.concatenate([np.empty(0), *parts])).astype(np.float32)


def gallery_search(gallery: Float32, reference: ReferenceFaces | None) -> Search:
    """A search of a (G, k, D) gallery, k templates of each of G subjects, by relative scores or else by cosines."""
    if reference is None:
        return partial(search_gallery, gallery=gallery)
    return RelativeGallery(gallery, reference.rule).search


class RelativeGallery:
    """A gallery whose other subjects, with the mean faces of the rule, are the cohort of each score."""

    def __init__(self, gallery: Float32, rule: CohortRule) -> None:
        """gallery: (G, k, D) float32 of unit length."""
        self._gallery, self._rule = gallery, rule
        subjects, templates, width = gallery.shape
        rows, owners = gallery.reshape(-1, width), np.repeat(np.arange(subjects), templates)
        batches = [slice(start, start + ROWS) for start in range(0, len(rows), ROWS)]
        terms = [self._enrolled_terms(rows[batch], owners[batch]) for batch in batches]
        self._taken_off = (rule.weight * np.concatenate(terms)).astype(np.float32)

    def search(self, probes: Float32) -> Float32:
        """The score of each subject: (P, D) probes give (P, G). A candidate is not of the cohort of its own score."""
        subjects, templates, width = self._gallery.shape
        cosines = probes @ self._gallery.reshape(-1, width).T
        places, terms = self._probe_terms(probes, cosines.reshape(len(probes), subjects, templates).max(axis=2))
        best = (cosines - self._taken_off).reshape(len(probes), subjects, templates).max(axis=2)
        probe = np.repeat(terms[:, -1:], subjects, axis=1)
        np.put_along_axis(probe, places, terms[:, :-1], axis=1)
        return np.asarray(best - self._rule.weight * probe, np.float32)

    def _enrolled_terms(self, rows: Float32, owners: NDArray[np.intp]) -> Float64:
        """The term of each enrolled face without its own subject, (R,)."""
        near = search_gallery(rows, self._gallery)
        near[np.arange(len(rows)), owners] = -np.inf
        return terms_of(_highest(near, self._rule.depth), self._centroid_cosines(rows), self._rule)

    def _probe_terms(self, probes: Float32, best: Float32) -> tuple[NDArray[np.intp], Float64]:
        """The places of each probe's nearest subjects, (P, n); its terms without each, and without nobody, (P, n + 1).

        best: (P, G), the best cosine with each subject.
        """
        depth = self._rule.depth
        count = min(depth + 1, best.shape[1])
        places = np.argpartition(-best, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(best, places, axis=1), axis=1, kind="stable")
        places = np.take_along_axis(places, order, axis=1)
        nearest = np.full((len(probes), depth + 1), -np.inf)
        nearest[:, :count] = np.take_along_axis(best, places, axis=1)
        left = np.arange(depth)
        kept = left + (left >= np.arange(count + 1)[:, None])  # each row without the place of its own number
        rows = nearest[:, kept].reshape(-1, depth)
        centroids = np.repeat(self._centroid_cosines(probes), count + 1, axis=0)
        return places, terms_of(rows, centroids, self._rule).reshape(len(probes), count + 1)

    def _centroid_cosines(self, rows: Float32) -> Float64:
        return self._rule.centroid_cosines(rows.astype(np.float64))


def _highest(values: Float32, count: int) -> Float64:
    """The `count` highest values of each row, falling, -inf behind the last, (R, count)."""
    found = np.full((len(values), count), -np.inf)
    kept = min(count, values.shape[1])
    found[:, :kept] = -np.sort(-np.partition(values, -kept, axis=1)[:, -kept:], axis=1)
    return found
