"""Embeddings as pgvector's halfvec: 2 bytes a dimension, and how far that is from the embedding itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Rounding to float16 changes each component by at most 2^-11 of itself, so a vector of unit length by at most 2^-11 in
# all, and so a cosine; the probe is rounded too. The rest is for embeddings a little longer than 1, for components
# below the smallest normal float16, and for the sums of pgvector in float32.
MARGIN = 1.1e-3


@dataclass(frozen=True, eq=False)
class HalfVector:
    """A parameter of a statement. values: (D,), of unit length."""

    values: NDArray[np.floating]

    def to_bytes(self) -> bytes:
        """As PostgreSQL receives it: the dimension, 16 unused bits, the values, all big-endian."""
        return np.array([len(self.values), 0], ">u2").tobytes() + self.values.astype(">f2").tobytes()
