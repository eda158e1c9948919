"""The terms of the enrolled faces of a collection, kept up as faces come and go; derived from the codes, never stored.

Each row keeps its `depth` nearest other subjects, by the codes. An enrolled face can only enter these lists. An erased
or moved one can leave only the lists that name its subject, and those rows are compared with the whole cohort again.
Products of codes are whole numbers, exact in float32 up to 1,040 dimensions, so a term depends on the faces that are
enrolled and on nothing else: not on the order in which they came, nor on the kernel.

In a collection of more than COHORT_FACES faces the cohort of an enrolled face is a sample: the COHORT_FACES faces whose
numbers have the lowest hashes. A face enrolled or erased changes it by at most one face.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule, terms_of
from vultus.search.cohort_columns import CohortColumns
from vultus.search.int8_codes import Codes, quantise
from vultus.search.kernels import Kernel
from vultus.search.nearest_subjects import NearestSubjects
from vultus.search.segments import Block, Int64, Rows, empty_rows

COHORT_FACES = 4096
PAIRS_AT_ONCE = 2**20  # their products take 4 MB
REDO_SHARE = 2  # where more than one row in so many changes its list, all lists are made again

Places = NDArray[np.intp]  # of rows, counted through all blocks
Marks = NDArray[np.bool_]


class CohortTerms:
    """The terms of all rows of a collection by one rule. Used by one thread at a time.

    values: (rows,) float32, in the order of the blocks; replaced at each change, never written to. Those of dead rows
    mean nothing.
    """

    def __init__(self, rule: CohortRule, kernel: Kernel, cohort_faces: int = COHORT_FACES) -> None:
        self.rule, self.values = rule, np.empty(0, np.float32)
        self._kernel, self._cohort_faces = kernel, cohort_faces
        self._centroids = quantise(rule.centroids) if len(rule.centroids) else None
        self._alive: Marks = np.empty(0, np.bool_)
        self._cohort: Places = np.empty(0, np.intp)
        self._nearest = NearestSubjects(rule.depth)
        self._to_centroids = np.empty((0, min(rule.nearest, len(rule.centroids))), np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, including what is reserved for growth."""
        arrays = (self.values, self._alive, self._cohort, self._to_centroids)
        return sum(array.nbytes for array in arrays) + self._nearest.nbytes

    def update(self, blocks: Sequence[Block]) -> None:
        """Apply what these blocks gained and lost since the last update. Rows may only have been appended."""
        rows, known = _AllRows(blocks), len(self._alive)
        cohort = self._chosen(rows)
        left = np.setdiff1d(self._cohort, cohort, assume_unique=True)
        entered = np.setdiff1d(cohort, self._cohort, assume_unique=True)
        self._nearest.extend(len(rows))
        stale = self._nearest.naming(rows.subject_pks[left])
        stale[known:] = True
        merged = np.empty(0, np.intp)
        if REDO_SHARE * np.count_nonzero(stale & rows.alive) > len(rows):
            stale[:] = True
        else:
            merged = self._merge(rows, np.arange(known), entered)
        self._nearest.clear(np.flatnonzero(stale | ~rows.alive))
        self._merge(rows, np.flatnonzero(stale & rows.alive), cohort)
        self._compare_with_centroids(rows, known)
        stale[merged] = True
        self._alive, self._cohort = rows.alive, cohort
        self._compute(np.flatnonzero(stale & rows.alive))

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What `restore` needs, by name; views."""
        subjects, values = self._nearest.lists()
        return {
            "cohort": self._cohort,
            "nearest_subjects": subjects,
            "nearest_values": values,
            "to_centroids": self._to_centroids,
            "values": self.values,
        }

    def restore(self, state: dict[str, NDArray[np.generic]], rows: int) -> None:
        """Become terms of the same rule that know the first rows of a collection, all alive; before any update.

        state: of such terms, kept as they are. Raises: ValueError, KeyError, when it is not of so many rows.
        """
        to_centroids, values = state["to_centroids"], state["values"]
        if values.shape != (rows,) or to_centroids.shape != (rows, self._to_centroids.shape[1]):
            raise ValueError("these are terms of other rows")
        self._nearest.restore(state["nearest_subjects"], state["nearest_values"], rows)
        self._cohort, self._alive = state["cohort"].astype(np.intp), np.ones(rows, np.bool_)
        self._to_centroids, self.values = to_centroids.astype(np.float32), values.astype(np.float32)

    def compact(self) -> None:
        """Forget the dead rows, as the blocks do; the living ones keep their order."""
        alive = self._alive
        self._cohort = np.cumsum(alive)[self._cohort] - 1
        self._nearest.keep(alive)
        self._to_centroids, self.values, self._alive = self._to_centroids[alive], self.values[alive], alive[alive]

    def _chosen(self, rows: _AllRows) -> Places:
        """The places of the cohort's faces, ascending."""
        living = np.flatnonzero(rows.alive)
        if len(living) <= self._cohort_faces:
            return living
        hashes = mixed(rows.face_pks[living])
        return np.sort(living[np.argpartition(hashes, self._cohort_faces)[: self._cohort_faces]])

    def _merge(self, rows: _AllRows, places: Places, cohort: Places) -> Places:
        """Compare these rows with these faces of the cohort; returns the rows whose lists changed."""
        if not len(cohort):
            return np.empty(0, np.intp)
        columns = CohortColumns(rows.subject_pks[cohort])
        faces, changed = rows.take(cohort[columns.order]), [np.empty(0, np.intp)]
        for some in rows.batches(places, max(1, PAIRS_AT_ONCE // len(faces))):
            best = columns.best(cosines_of_codes(self._kernel, rows.take(some).codes, faces.codes))
            changed.append(self._nearest.merge(some, rows.subject_pks[some], columns, best))
        return np.concatenate(changed)

    def _compare_with_centroids(self, rows: _AllRows, known: int) -> None:
        """Each row from `known` on with the centroids."""
        count = self._to_centroids.shape[1]
        made = np.full((len(rows) - known, count), -np.inf, np.float32)
        if self._centroids is not None:
            new = np.arange(known, len(rows))
            for some in rows.batches(new, max(1, PAIRS_AT_ONCE // len(self._centroids))):
                cosines = cosines_of_codes(self._kernel, rows.take(some).codes, self._centroids) + self.rule.added
                made[some - known] = -np.sort(-cosines, axis=1)[:, :count]
        self._to_centroids = np.concatenate([self._to_centroids, made])

    def _compute(self, places: Places) -> None:
        """The terms of these rows; those of the other living ones are as before."""
        values = np.zeros(len(self._alive), np.float32)
        values[: len(self.values)] = self.values
        values[~self._alive], self._to_centroids[~self._alive] = 0, -np.inf
        for start in range(0, len(places), PAIRS_AT_ONCE):
            some = places[start : start + PAIRS_AT_ONCE]
            values[some] = terms_of(self._nearest.values(some), self._to_centroids[some], self.rule)
        self.values = values


class _AllRows:
    """The rows of all blocks, counted through."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        none = np.empty(0, np.int64)
        self.face_pks: Int64 = np.concatenate([none, *(block.rows.face_pks for block in blocks)])
        self.subject_pks: Int64 = np.concatenate([none, *(block.rows.subject_pks for block in blocks)])
        self.alive: Marks = np.concatenate([none.astype(np.bool_), *(block.alive for block in blocks)])
        self._rows = [block.rows for block in blocks]
        self._starts = np.cumsum([0, *map(len, blocks)])

    def __len__(self) -> int:
        return len(self.alive)

    def batches(self, places: Places, at_once: int) -> Iterator[Places]:
        """Ascending places, at most so many at once and all of one block."""
        for part in np.split(places, np.searchsorted(places, self._starts[1:-1])):
            for start in range(0, len(part), at_once):
                yield part[start : start + at_once]

    def take(self, places: Places) -> Rows:
        """The rows at these places, at least one; views where they are neighbours in one block."""
        numbers = np.searchsorted(self._starts, places, side="right") - 1
        if (numbers == numbers[0]).all():
            return self._of_block(int(numbers[0]), places)
        taken = empty_rows(len(places), self._rows[0].codes.values.shape[1])
        for number in np.unique(numbers).tolist():
            here = np.flatnonzero(numbers == number)
            taken.put(here, self._of_block(number, places[here]))
        return taken

    def _of_block(self, number: int, places: Places) -> Rows:
        inside = places - self._starts[number]
        if (np.diff(inside) == 1).all():
            return self._rows[number].part(int(inside[0]), int(inside[-1]) + 1)
        return self._rows[number].take(inside)


def cosines_of_codes(kernel: Kernel, rows: Codes, faces: Codes) -> Float32:
    """By the codes, (R, F) float32; the same for a pair whichever of the two is the row."""
    if len(faces) < len(rows):
        products = np.ascontiguousarray(kernel(faces.values, rows.values).T)
    else:
        products = kernel(rows.values, faces.values)
    products *= rows.scales[:, None] * faces.scales
    return products


def mixed(numbers: Int64) -> NDArray[np.uint64]:
    """A hash of 64 bits for each number, always the same (the finaliser of splitmix64: Steele et al., 2014)."""
    z = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
