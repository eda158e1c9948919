"""For each of many rows its nearest other subjects among those it was compared with, in arrays that grow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import Float32
from vultus.search.cohort_columns import CohortColumns
from vultus.search.segments import MIN_CAPACITY, Int64

NOBODY = -1  # the gallery's numbers of subjects are not negative
GROUP = 16  # subjects whose highest value is looked at first: sixteen times fewer values are sorted


class NearestSubjects:
    """Per row at most `depth` subjects and the best value with each, falling; NOBODY and -inf behind the last."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._subjects: Int64 = np.empty((0, depth), np.int64)
        self._values: Float32 = np.empty((0, depth), np.float32)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    @property
    def nbytes(self) -> int:
        """Bytes of memory, including what is reserved for growth."""
        return self._subjects.nbytes + self._values.nbytes

    def values(self, rows: NDArray[np.intp]) -> Float32:
        """The values of these rows, (R, depth), copied."""
        return self._values[rows]

    def extend(self, rows: int) -> None:
        """Add empty rows behind the last, up to so many in all."""
        if rows > len(self._values):
            capacity = max(rows, 2 * len(self._values), MIN_CAPACITY) if self._rows else rows
            subjects, values = self._subjects[: self._rows], self._values[: self._rows]
            self._subjects = np.full((capacity, self.depth), NOBODY, np.int64)
            self._values = np.full((capacity, self.depth), -np.inf, np.float32)
            self._subjects[: self._rows], self._values[: self._rows] = subjects, values
        self._rows = rows

    def lists(self) -> tuple[Int64, Float32]:
        """The subjects and values of all rows, (rows, depth); views."""
        return self._subjects[: self._rows], self._values[: self._rows]

    def restore(self, subjects: NDArray[np.generic], values: NDArray[np.generic], rows: int) -> None:
        """Hold the lists of so many rows, as `lists` gave them. Raises: ValueError, for others."""
        if not subjects.shape == values.shape == (rows, self.depth):
            raise ValueError("these are lists of other rows")
        self._subjects, self._values, self._rows = subjects.astype(np.int64), values.astype(np.float32), rows

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Keep these rows and no others. rows: one mark for each."""
        self._subjects, self._values = self._subjects[: self._rows][rows], self._values[: self._rows][rows]
        self._rows = len(self._values)

    def clear(self, rows: NDArray[np.intp]) -> None:
        """Empty these rows."""
        self._subjects[rows], self._values[rows] = NOBODY, -np.inf

    def naming(self, subjects: Int64) -> NDArray[np.bool_]:
        """Which rows name one of these subjects."""
        found: NDArray[np.bool_] = np.count_nonzero(np.isin(self._subjects[: self._rows], subjects), axis=1) > 0
        return found

    def merge(self, rows: NDArray[np.intp], own: Int64, columns: CohortColumns, best: Float32) -> NDArray[np.intp]:
        """Add what these rows' best values with some subjects have to add; returns the rows that changed.

        own: (R,), the subject of each row. best: (R, S), the best value with each of the columns; overwritten.
        """
        places, found = columns.places_of(own)
        best[np.flatnonzero(found), places[found]] = -np.inf
        changed = np.flatnonzero((best > self._values[rows, -1:]).any(axis=1))
        rows, best = rows[changed], best[changed]
        if len(rows):
            held, values = self._subjects[rows], self._values[rows]
            places, found = columns.places_of(held)
            line, column = np.nonzero(found)
            values[line, column] = np.maximum(values[line, column], best[line, places[found]])
            best[line, places[found]] = -np.inf
            highest = _highest(best, self.depth)
            new = np.take_along_axis(best, highest, axis=1)
            self._put(rows, np.hstack([held, columns.subjects[highest]]), np.hstack([values, new]))
        return rows

    def _put(self, rows: NDArray[np.intp], subjects: Int64, values: Float32) -> None:
        order = np.argsort(-values, axis=1, kind="stable")[:, : self.depth]
        values = np.take_along_axis(values, order, axis=1)
        self._values[rows] = values
        self._subjects[rows] = np.where(np.isfinite(values), np.take_along_axis(subjects, order, axis=1), NOBODY)


def _highest(values: Float32, count: int) -> NDArray[np.intp]:
    """The columns of the `count` highest values of each row, or of all, (R, count), in any order.

    A value below the maxima of `count` groups is not among the highest, so only the groups with the highest are sorted.
    """
    rows, columns = values.shape
    if columns <= count:
        return np.broadcast_to(np.arange(columns), values.shape)
    if columns <= 2 * count * GROUP:
        return np.argpartition(values, columns - count, axis=1)[:, columns - count :]
    groups = columns // GROUP
    grouped = groups * GROUP
    maxima = values[:, :grouped].reshape(rows, GROUP, groups).max(axis=1)
    best = np.argpartition(maxima, groups - count, axis=1)[:, groups - count :]
    some = (best[:, :, None] + groups * np.arange(GROUP)).reshape(rows, -1)
    some = np.hstack([some, np.broadcast_to(np.arange(grouped, columns), (rows, columns - grouped))])
    chosen = np.take_along_axis(values, some, axis=1)
    inner = np.argpartition(chosen, chosen.shape[1] - count, axis=1)[:, chosen.shape[1] - count :]
    return np.take_along_axis(some, inner, axis=1)
