"""Vectors of unit length, as every comparison of embeddings expects them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vultus.errors import VectorMismatch
from vultus.records.seen import Float32

LENGTH_TOLERANCE = 1e-3  # of an embedding: what float32 and JSON with few digits may lose
LARGEST_NUMBER = 0.8  # of a vector of unit length: at or above it a single number is most of the vector
LARGEST_MEAN = 0.95  # times the root of the dimension: at or above it all numbers are nearly the same
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


def require_embedding(values: Sequence[float] | Float32, dimension: int, model_id: str) -> Float32:
    """The (D,) float32 embedding of a model. Raises VectorMismatch: wrong dimension, not finite, not of unit length."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused below
        vector = np.asarray(values, np.float32)
    if vector.shape != (dimension,):
        raise VectorMismatch(f"an embedding has shape {vector.shape}; {model_id} has ({dimension},)")
    if not np.isfinite(vector).all():
        raise VectorMismatch("an embedding holds NaN or infinite values; make it anew from the photo")
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if abs(length - 1) > LENGTH_TOLERANCE:
        raise VectorMismatch(f"an embedding has length {length:.4g}; divide it by its length, so that this is 1")
    return vector


def why_unusual(vector: NDArray[F], length: float) -> str | None:
    """Why a (D,) vector of unit length looks like no embedding of a model, in words; None when it may be one.

    length: what it had before it was scaled. Embeddings of networks have unit length and spread over many numbers.
    """
    if abs(length - 1) > LENGTH_TOLERANCE:
        return f"has length {length:.4g}, not 1"
    if vector.size > 1 and float(np.abs(vector).max()) >= LARGEST_NUMBER:
        return "is nearly zero but for one number"
    if vector.size > 1 and abs(float(vector.mean())) * float(np.sqrt(vector.size)) >= LARGEST_MEAN:
        return "has nearly the same number everywhere"
    return None
