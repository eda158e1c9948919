"""The terms of some faces of a collection, compared with its whole cohort at once; nothing is kept up.

The same values as `cohort_terms.py`, which keeps the lists of all faces in memory.
"""

from __future__ import annotations

import numpy as np

from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule, terms_of
from vultus.search.cohort_columns import CohortColumns
from vultus.search.cohort_terms import PAIRS_AT_ONCE, cosines_of_codes
from vultus.search.int8_codes import quantise
from vultus.search.kernels import Kernel
from vultus.search.nearest_subjects import NearestSubjects
from vultus.search.segments import Rows


class CohortSample:
    """The cohort of a collection at one moment."""

    def __init__(self, rule: CohortRule, kernel: Kernel, cohort: Rows) -> None:
        self._rule, self._kernel = rule, kernel
        self._columns = CohortColumns(cohort.subject_pks) if len(cohort) else None
        self._faces = cohort if self._columns is None else cohort.take(self._columns.order)
        self._centroids = quantise(rule.centroids) if len(rule.centroids) else None

    def terms(self, rows: Rows) -> Float32:
        """The terms of these faces, (N,) float32, whether or not they are in the cohort."""
        at_once = max(1, PAIRS_AT_ONCE // max(len(self._faces), 1))
        parts = [self._some(rows.part(start, start + at_once)) for start in range(0, len(rows), at_once)]
        return np.concatenate([np.empty(0, np.float32), *parts]).astype(np.float32)

    def _some(self, rows: Rows) -> Float32:
        nearest, places = NearestSubjects(self._rule.depth), np.arange(len(rows))
        nearest.extend(len(rows))
        if self._columns is not None:
            best = self._columns.best(cosines_of_codes(self._kernel, rows.codes, self._faces.codes))
            nearest.merge(places, rows.subject_pks, self._columns, best)
        return terms_of(nearest.values(places), self._to_centroids(rows), self._rule).astype(np.float32)

    def _to_centroids(self, rows: Rows) -> Float32:
        if self._centroids is None:
            return np.empty((len(rows), 0), np.float32)
        cosines = cosines_of_codes(self._kernel, rows.codes, self._centroids) + self._rule.added
        return -np.sort(-cosines, axis=1)[:, : self._rule.nearest]
