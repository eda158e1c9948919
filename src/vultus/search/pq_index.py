"""The PQ index: chooses by product quantisation (faiss) which faces of a large collection a search compares exactly.

An embedding is rotated, cut into pieces of a few dimensions, and each piece is replaced by the number of the nearest of
16 trained ones (Jegou et al., Product quantization for nearest neighbor search, 2011). Products with a probe are then
sums of table look-ups, which the processor does 32 to 64 at once (Andre et al., Quicker ADC, 2019). One probe against
1,000,000 faces of 512 dimensions takes 6 ms where the exact products take 42 ms; the sums are approximate, so they
only choose which faces are compared exactly. The rotation is random: a fused model has more variance in some
dimensions than in others, and it spreads that evenly (LFW, 640 dimensions: the best face is among 20 chosen for 0.989
of the probes, 0.975 without it); a learned one (OPQ) gained nothing more. The index covers the segments that no longer
grow.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule
from vultus.search.int8_codes import floats
from vultus.search.recall import Recall
from vultus.search.segments import Block, Int64, Rows, empty_rows

LEAST_ROWS = 1024  # faiss wants 39 rows a centroid, of which there are 16
SAMPLE_ROWS = 16_384  # faiss uses at most 256 rows a centroid
WIDE_DIMENSIONS = 256  # from here on a piece has four dimensions, below it two: smaller spaces have fewer to lose
BITS = 4  # of the number of a centroid: 16 centroids a piece
THREADS = 1  # of a call: requests are the threads
LEAST_CANDIDATES = 1_000
DEAD_SHARE = 8  # more than one candidate in so many may be of an erased face: then a search asks for more

Places = NDArray[np.intp]  # of rows, counted through all covered blocks


def load_faiss() -> Any | None:
    """faiss, or None where it is not installed or cannot be loaded."""
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)  # it logs each variant that it lacks
    try:
        return import_module("faiss")  # not at the top: it is optional
    except (ImportError, OSError):
        return None


class PqCodes:
    """The PQ codes of rows, numbered from 0 in the order added. Searched by many threads at once, filled by one."""

    def __init__(self, faiss: Any, sample: Float32) -> None:
        """sample: (LEAST_ROWS or more, D) float32 rows like those that will be added."""
        dimension = sample.shape[1]
        self._faiss = faiss
        self._rotation = random_rotation(dimension)
        faiss.omp_set_num_threads(THREADS)
        self._index = faiss.IndexPQFastScan(dimension, pieces(dimension), BITS, faiss.METRIC_INNER_PRODUCT)
        self._index.train(self._rotated(sample))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return int(self._index.codes.size()) + self._rotation.nbytes

    def add(self, rows: Float32) -> None:
        """Add (N, D) float32 rows behind the last."""
        self._faiss.omp_set_num_threads(THREADS)  # holds for the calling thread
        self._index.add(self._rotated(rows))

    def search(self, probes: NDArray[np.floating], count: int) -> Int64:
        """The numbers of about the `count` nearest rows of each probe of (Q, D), (Q, at most count) int64, any order.

        Nearest by inner product of the codes.
        """
        self._faiss.omp_set_num_threads(THREADS)
        _, numbers = self._index.search(self._rotated(probes), min(count, len(self)))
        found: Int64 = numbers
        return found

    def erase(self, numbers: Int64) -> None:
        """Overwrite the codes of these rows with zeros; the rows stay. A search may run meanwhile."""
        packer, pointer = self._index.get_CodePacker(), self._index.codes.get()
        zeros = np.zeros(packer.code_size, np.uint8)
        for number in numbers.tolist():
            packer.pack_1_c(self._faiss.swig_ptr(zeros), number, pointer)

    def _rotated(self, rows: NDArray[np.floating]) -> Float32:
        return np.ascontiguousarray(np.asarray(rows, np.float32) @ self._rotation)


def pieces(dimension: int) -> int:
    """The number of pieces of equal length that embeddings are cut into."""
    lengths = (4, 2, 1) if dimension >= WIDE_DIMENSIONS else (2, 1)
    return next(dimension // length for length in lengths if dimension % length == 0)


def random_rotation(dimension: int) -> Float32:
    """An orthogonal (D, D) matrix, always the same."""
    square = np.random.default_rng(dimension).standard_normal((dimension, dimension))
    rotation: Float32 = np.linalg.qr(square)[0].astype(np.float32)
    return rotation


class PqIndex:
    """An index of the rows of some blocks that were alive when it was built. The blocks may lose rows, never gain any.

    candidates: how many faces a probe is compared with exactly. recall: measured with so many, None before. rule: by
    which its recall is that of the best scores; None: of the best similarities.
    erased: how many of its rows died since it was built, as their faces were erased or moved to another subject.
    """

    def __init__(self, codes: PqCodes, blocks: Sequence[Block], places: Places) -> None:
        """codes: still without rows; places: of the rows that will be added, ascending."""
        self.candidates = LEAST_CANDIDATES
        self.recall: Recall | None = None
        self.rule: CohortRule | None = None
        self.erased = 0
        self._codes, self._places = codes, places
        self._rows = tuple(block.rows.without_embeddings() for block in blocks)  # those may leave the memory first
        self._starts = np.cumsum([0, *map(len, blocks[:-1])])
        self._kept = np.ones(len(places), np.bool_)
        self._written = np.ones(len(places), np.bool_)
        self._seen = [(-1, -1)] * len(blocks)  # dead and overwritten rows of each block when `erase` last looked

    def __len__(self) -> int:
        return len(self._places)

    @property
    def blocks(self) -> int:
        """How many blocks of the collection it covers, from the first on."""
        return len(self._rows)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self._codes.nbytes + self._places.nbytes + self._kept.nbytes + self._written.nbytes

    def covers(self, blocks: Sequence[Block]) -> bool:
        """Whether these blocks begin with those it was built of."""
        return len(blocks) >= len(self._rows) and all(
            block.rows.face_pks is rows.face_pks for block, rows in zip(blocks, self._rows, strict=False)
        )

    def add(self, start: int, stop: int) -> None:
        """Add its rows `start` to `stop`, counted as in `len`. To be called for each row once, in order."""
        self._codes.add(floats(self._gathered(self._places[start:stop]).codes))

    def erase(self, blocks: Sequence[Block]) -> None:
        """Count the rows that are dead in these blocks; overwrite the codes of erased ones. For one thread at a time.

        The codes of moved faces stay, as in the blocks: see `Segment.replace`.
        """
        for number, (block, start) in enumerate(zip(blocks[: self.blocks], self._starts.tolist(), strict=True)):
            if (block.dead, block.erased) != self._seen[number]:
                low, high = np.searchsorted(self._places, (start, start + len(block)))
                places = self._places[low:high] - start
                died = low + np.flatnonzero(~block.alive[places] & self._kept[low:high])
                self._kept[died], self.erased = False, self.erased + len(died)
                overwritten = ~block.alive[places] & (block.rows.codes.scales[places] == 0)
                gone = low + np.flatnonzero(overwritten & self._written[low:high])
                self._codes.erase(gone.astype(np.int64))
                self._written[gone] = False
                self._seen[number] = block.dead, block.erased

    def nearest(self, probes: NDArray[np.floating], blocks: Sequence[Block], count: int) -> list[Block]:
        """Per probe of (Q, D) the living faces that may be the most similar: `count`, or all where there are fewer."""
        covered = blocks[: self.blocks]
        alive = [block.alive for block in covered]
        return [
            self._block(self._living(numbers, probe, alive, count), covered)
            for numbers, probe in zip(self._codes.search(probes, count), probes, strict=True)
        ]

    def _block(self, places: Places, blocks: Sequence[Block]) -> Block:
        """The living rows at these ascending places as a block of their own, with the terms that `blocks` have."""
        parts = np.split(places, np.searchsorted(places, self._starts[1:]))
        known = [
            block.terms[part - start]
            for block, part, start in zip(blocks, parts, self._starts, strict=True)
            if block.terms is not None
        ]
        rows, terms = self._gathered(places), np.concatenate(known) if known else None
        return Block(rows, np.ones(len(places), np.bool_), 0, terms=terms, places=places)

    def _living(
        self, numbers: Int64, probe: NDArray[np.floating], alive: Sequence[NDArray[np.bool_]], count: int
    ) -> Places:
        """The places of the numbers whose rows are alive, ascending; searches further where many are not."""
        asked, enough = count, min(count, len(self)) - count // DEAD_SHARE
        while True:
            places = np.sort(self._places[numbers[numbers >= 0]])  # -1: faiss found fewer than asked
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
                gathered.put(slice(at, at + len(part)), rows.take(part - start))
                at += len(part)
        return gathered
