"""The faces of a cohort as columns of a table of cosines, in an order in which the best of each subject is soon found.

First stands one face of each subject, those with the most faces first, then the second face of each that has one, and
so on. So the faces of one rank are a slice, as wide as the first so many subjects, and the best value of each subject
is the maximum of a few slices. Reducing the columns subject by subject takes ten times as long.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import Float32
from vultus.search.segments import Int64


class CohortColumns:
    """subjects: (S,), each once, in the order of their columns. order: (F,), the places of the faces, as columns."""

    def __init__(self, subject_pks: Int64) -> None:
        """subject_pks: (F,), of the faces, at least one."""
        by_subject = np.argsort(subject_pks, kind="stable")
        found, starts, counts = np.unique(subject_pks[by_subject], return_index=True, return_counts=True)
        ranks = np.arange(len(subject_pks)) - np.repeat(starts, counts)
        most_first = np.argsort(-counts, kind="stable")
        places = np.empty(len(found), np.intp)
        places[most_first] = np.arange(len(found))
        self.subjects: Int64 = found[most_first]
        self.order: NDArray[np.intp] = by_subject[np.lexsort((np.repeat(places, counts), ranks))]
        self._widths: list[int] = np.bincount(ranks).tolist()
        self._ascending, self._places = found, places

    def best(self, values: Float32) -> Float32:
        """The best value of each row with each subject, (R, S), a view. values: (R, F), overwritten."""
        best, start = values[:, : self._widths[0]], self._widths[0]
        for width in self._widths[1:]:
            np.maximum(best[:, :width], values[:, start : start + width], out=best[:, :width])
            start += width
        return best

    def places_of(self, wanted: Int64) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """The columns of these subjects, and which of them have one."""
        near = np.minimum(np.searchsorted(self._ascending, wanted), len(self._ascending) - 1)
        return self._places[near], self._ascending[near] == wanted
