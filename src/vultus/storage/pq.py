"""Product quantisation by faiss, an optional package: half a byte for every few dimensions, scanned from registers.

An embedding is rotated, cut into pieces of a few dimensions, and each piece is replaced by the number of the nearest of
16 trained ones (Jegou et al., Product quantization for nearest neighbor search, 2011). Products with a probe are then
sums of table look-ups, which the processor does 32 to 64 at once (Andre et al., Quicker ADC, 2019). One probe against
1,000,000 faces of 512 dimensions takes 6 ms where the exact products take 42 ms; what the sums say is rough, so they
only choose which faces are compared exactly. The rotation is random: it spreads what a fused model holds in some
dimensions more than in others (LFW, 640 dimensions: the best face is among 20 chosen for 0.989 of the probes, 0.975
without it); a learned one (OPQ) gained nothing more.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.records import Float32
from vultus.search.segments import Int64

LEAST_ROWS = 1024  # faiss wants 39 rows a centroid, of which there are 16
SAMPLE_ROWS = 16_384  # faiss takes 256 a centroid of what it is given
WIDE_DIMENSIONS = 256  # from here on a piece has four dimensions, below it two: smaller spaces have fewer to lose
BITS = 4
THREADS = 1  # of a call: requests are the threads


def load_faiss() -> Any | None:
    """faiss, or None where it is not installed or cannot be loaded."""
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)  # it tells of each variant that it does not have
    try:
        import faiss
    except (ImportError, OSError):
        return None
    return faiss


class PqCodes:
    """Rows of D dimensions by number, 0 for the first added. Searched by many threads at once, filled by one."""

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
        """Overwrite the codes of these rows; they stay as rows that say nothing. A search may run meanwhile."""
        packer, pointer = self._index.get_CodePacker(), self._index.codes.get()
        nothing = np.zeros(packer.code_size, np.uint8)
        for number in numbers.tolist():
            packer.pack_1_c(self._faiss.swig_ptr(nothing), number, pointer)

    def _rotated(self, rows: NDArray[np.floating]) -> Float32:
        return np.ascontiguousarray(np.asarray(rows, np.float32) @ self._rotation)


def pieces(dimension: int) -> int:
    """Into how many pieces of equal length embeddings are cut."""
    lengths = (4, 2, 1) if dimension >= WIDE_DIMENSIONS else (2, 1)
    return next(dimension // length for length in lengths if dimension % length == 0)


def random_rotation(dimension: int) -> Float32:
    """An orthogonal (D, D) matrix, always the same."""
    square = np.random.default_rng(dimension).standard_normal((dimension, dimension))
    rotation: Float32 = np.linalg.qr(square)[0].astype(np.float32)
    return rotation
