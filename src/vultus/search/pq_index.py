"""A PQ index over the segments of a collection that no longer grow: which faces a search has to compare exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vultus.search.int8_codes import floats
from vultus.search.recall import Recall
from vultus.search.segments import Block, Int64, Rows, empty_rows
from vultus.storage.pq import PqCodes

LEAST_CANDIDATES = 1_000
DEAD_SHARE = 8  # one candidate in so many may be of an erased face before a search looks for more

Places = NDArray[np.intp]  # of rows, counted through all covered blocks


class PqIndex:
    """The rows of some blocks that lived when it was made. Their blocks may lose rows since, never gain any.

    candidates: how many faces a probe is compared with exactly. recall: what that was measured to find, None before.
    erased: how many of its rows died since it was made.
    """

    def __init__(self, codes: PqCodes, blocks: Sequence[Block], places: Places) -> None:
        """codes: as yet without rows; places: of the rows that will be added, ascending."""
        self.candidates = LEAST_CANDIDATES
        self.recall: Recall | None = None
        self.erased = 0
        self._codes, self._places = codes, places
        self._rows = tuple(block.rows for block in blocks)
        self._starts = np.cumsum([0, *map(len, blocks[:-1])])
        self._kept = np.ones(len(places), np.bool_)
        self._dead = [-1] * len(blocks)  # of each block, when its erased rows were overwritten the last time

    def __len__(self) -> int:
        return len(self._places)

    @property
    def blocks(self) -> int:
        """How many blocks it covers, the first ones of the collection."""
        return len(self._rows)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self._codes.nbytes + self._places.nbytes + self._kept.nbytes

    def covers(self, blocks: Sequence[Block]) -> bool:
        """Whether these blocks begin with those it was made of."""
        return len(blocks) >= len(self._rows) and all(
            block.rows is rows for block, rows in zip(blocks, self._rows, strict=False)
        )

    def add(self, start: int, stop: int) -> None:
        """Add the rows `start` to `stop` of its own, counted as in `len`; each once, in order."""
        self._codes.add(floats(self._gathered(self._places[start:stop]).codes))

    def erase(self, blocks: Sequence[Block]) -> None:
        """Overwrite the codes of the rows that are dead in these blocks. Not by two threads at once."""
        for number, (block, start) in enumerate(zip(blocks[: self.blocks], self._starts.tolist(), strict=True)):
            if block.dead != self._dead[number]:
                low, high = np.searchsorted(self._places, (start, start + len(block)))
                dead = ~block.alive[self._places[low:high] - start] & self._kept[low:high]
                gone = low + np.flatnonzero(dead)
                self._codes.erase(gone.astype(np.int64))
                self._kept[gone], self.erased = False, self.erased + len(gone)
                self._dead[number] = block.dead

    def nearest(self, probes: NDArray[np.floating], blocks: Sequence[Block], count: int) -> list[Rows]:
        """Per probe of (Q, D) the living faces that may be the most similar: `count`, or all where there are fewer."""
        alive = [block.alive for block in blocks[: self.blocks]]
        return [
            self._gathered(self._living(numbers, probe, alive, count))
            for numbers, probe in zip(self._codes.search(probes, count), probes, strict=True)
        ]

    def _living(
        self, numbers: Int64, probe: NDArray[np.floating], alive: Sequence[NDArray[np.bool_]], count: int
    ) -> Places:
        """The places of the numbers whose rows are alive, ascending; looks further where many are not."""
        asked, enough = count, min(count, len(self)) - count // DEAD_SHARE
        while True:
            places = np.sort(self._places[numbers[numbers >= 0]])
            living = places[self._alive(places, alive)]
            if len(living) >= enough or asked >= len(self):
                return living
            asked *= 2
            numbers = self._codes.search(probe[None, :], asked)[0]

    def _alive(self, places: Places, alive: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
        parts = np.split(places, np.searchsorted(places, self._starts[1:]))
        return np.concatenate([one[part - start] for one, part, start in zip(alive, parts, self._starts, strict=True)])

    def _gathered(self, places: Places) -> Rows:
        """The rows at these ascending places, copied."""
        gathered, at = empty_rows(len(places), self._rows[0].codes.values.shape[1]), 0
        parts = np.split(places, np.searchsorted(places, self._starts[1:]))
        for rows, part, start in zip(self._rows, parts, self._starts, strict=True):
            if len(part):
                gathered.put(at, rows.take(part - start))
                at += len(part)
        return gathered
