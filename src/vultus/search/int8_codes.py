"""Codes: an embedding as int8 numbers with a scale of its own, and the length of the error that this makes.

A row x is kept as scale * values + e, where values are whole numbers in -127..127 and only the length of e is
stored. For a probe q, coded likewise as q' with the remainder e', the cosine q.x differs from the product of the
codes q'.x' by q.e + e'.x', which is at most |q||e| + |e'||x'| (Cauchy-Schwarz). So a search over codes knows, per row,
an interval that holds the true cosine, and needs the float32 rows only where intervals overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.errors import StorageFailed
from vultus.records.seen import Float32

Int8 = NDArray[np.int8]
HIGHEST = 127  # the values are symmetric: -128 is not used
LONGEST = 1.01  # no stored row is longer: `require_fitting` of the storage allows 1.001, coding adds a rounding
PART_ROWS = 256  # 0.6 MB of float32 at 640 dimensions
SLACK = 1e-5  # what float32 arithmetic may add: below 1e-6 at 512 dimensions, 7e-6 at 2,048 with the widest errors


@dataclass(frozen=True, eq=False)
class Codes:
    """N embeddings: values (N, D) int8, C order; scales and errors (N,) float32; error: the length of e."""

    values: Int8
    scales: Float32
    errors: Float32

    def __len__(self) -> int:
        return len(self.scales)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.values.nbytes + self.scales.nbytes + self.errors.nbytes


@dataclass(frozen=True, eq=False)
class Probe:
    """A probe and its codes. unit: (D,) float64 of unit length; values: (D,) int8, `scale` each.

    margin: half the width of the interval around the product of codes; each row adds its own error to it.
    """

    unit: NDArray[np.float64]
    values: Int8
    scale: float
    margin: float


def quantise(embeddings: Float32) -> Codes:
    """The codes of (N, D) float32 rows, finite, at most LONGEST long; the largest component of each becomes 127."""
    rows = np.asarray(embeddings, np.float32)
    codes = empty_codes(*rows.shape)
    quantise_into(codes, rows)
    return codes


def quantise_into(codes: Codes, rows: Float32) -> None:
    """Write the codes of as many rows, see `quantise`.

    In parts that stay in the processor's cache, in one buffer: 1,024 rows of 640 at once, each step in new memory, take
    six times as long.
    """
    buffer = np.empty((min(len(rows), PART_ROWS), rows.shape[1]), np.float32)
    for start in range(0, len(rows), PART_ROWS):
        part = slice(start, start + PART_ROWS)
        _quantise_part(Codes(codes.values[part], codes.scales[part], codes.errors[part]), rows[part], buffer)


def _quantise_part(codes: Codes, rows: Float32, buffer: Float32) -> None:
    work = buffer[: len(rows)]
    np.maximum(rows.max(axis=1), -rows.min(axis=1), out=codes.scales)
    np.divide(codes.scales, np.float32(HIGHEST), out=codes.scales)
    scales = codes.scales[:, None]
    np.divide(rows, np.where(scales > 0, scales, np.float32(1)), out=work)  # a row of zeros has the codes 0
    np.rint(work, out=work)
    codes.values[:] = work
    np.multiply(work, scales, out=work)
    lost = np.subtract(rows, work, out=work)
    np.sqrt(np.vecdot(lost, lost), out=codes.errors)


def floats(codes: Codes) -> Float32:
    """The (N, D) float32 rows that codes stand for, each off by its error."""
    rows: Float32 = codes.values * codes.scales[:, None]
    return rows


def as_probe(unit: NDArray[np.float64]) -> Probe:
    """The probe of a (D,) float64 vector of unit length."""
    scale = float(np.abs(unit).max()) / HIGHEST
    values = np.rint(unit / scale)
    lost = float(np.linalg.norm(unit - values * scale))
    return Probe(unit, values.astype(np.int8), scale, lost * LONGEST + SLACK)


def to_blobs(codes: Codes) -> list[bytes]:
    """Each row as it is stored: D int8 values, then scale and error as little-endian float32."""
    packed = np.empty(len(codes), _layout(codes.values.shape[1]))
    packed["values"], packed["scale"], packed["error"] = codes.values, codes.scales, codes.errors
    return [row.tobytes() for row in packed]


def from_blobs(blobs: Sequence[bytes], dimension: int, into: Codes, start: int) -> None:
    """Write stored rows of D values into the codes from row `start` on. Raises: StorageFailed, for other lengths."""
    joined, layout = b"".join(blobs), _layout(dimension)
    if len(joined) != len(blobs) * layout.itemsize:
        raise StorageFailed(f"stored codes are not those of {dimension} dimensions; restore the database from a backup")
    packed = np.frombuffer(joined, layout)
    where = slice(start, start + len(blobs))
    into.values[where], into.scales[where], into.errors[where] = packed["values"], packed["scale"], packed["error"]


def empty_codes(rows: int, dimension: int) -> Codes:
    """Uninitialised codes for so many rows; the system gives the memory only when it is written."""
    values = np.empty((rows, dimension), np.int8)
    return Codes(values, np.empty(rows, np.float32), np.empty(rows, np.float32))


def _layout(dimension: int) -> np.dtype[np.void]:
    """The bytes of one stored row; a change needs a migration."""
    return np.dtype([("values", "i1", (dimension,)), ("scale", "<f4"), ("error", "<f4")])
