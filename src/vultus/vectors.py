"""Vectors scaled to unit length, as every comparison of embeddings expects them; callers raise their own errors."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

SMALLEST_NORM = 1e-6  # at or below it a vector is zero or rounding noise, whose direction means nothing

F = TypeVar("F", bound=np.floating[Any])


def lengths(rows: NDArray[F]) -> NDArray[F]:
    """The Euclidean lengths (N,) of (N, D) rows, in their precision; infinite where that is exceeded."""
    with np.errstate(over="ignore"):
        found: NDArray[F] = np.linalg.norm(rows, axis=1)
    return found


def has_direction(norms: NDArray[F]) -> NDArray[np.bool_]:
    """Which rows of these lengths (N,) can be scaled to unit length: not zero, NaN or infinite."""
    usable: NDArray[np.bool_] = np.isfinite(norms) & (norms > SMALLEST_NORM)
    return usable


def unit_length(rows: NDArray[F]) -> NDArray[F]:
    """(N, D) rows scaled to unit length, in their precision; each of them must have a direction."""
    unit: NDArray[F] = rows / lengths(rows)[:, None]
    return unit
