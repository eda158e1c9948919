"""Kernels: products of int8 rows with int8 probes, by numkong where it is installed and right, by numpy otherwise.

numkong (Apache-2.0) ships kernels for AVX2, AVX-512 VNNI, AMX, NEON and SVE and picks by what the processor has; it
releases the interpreter lock. 65,536 rows of 512 on a busy Xeon with AMX: one probe 2.6 ms (numpy 13.5 ms), 32 probes
at once 15 ms (numpy 173 ms).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib import import_module

import numpy as np

from vultus.records.seen import Float32
from vultus.search.int8_codes import HIGHEST, Int8

Kernel = Callable[[Int8, Int8], Float32]  # probes (Q, D), rows (N, D), both C order -> products (Q, N) float32
RunAll = Callable[[Sequence[Callable[[], None]]], object]  # runs tasks in threads that are free, the others in this one

EXACT_IN_FLOAT32 = 2**24 // HIGHEST**2  # so many products of two codes have a sum that float32 holds exactly
BLOCK_ROWS = 4096  # 2 MB of int8 and 8 MB of float32 at 512 dimensions
CACHED_ROWS = 1024  # 0.5 MB of int8 at 512 dimensions
PACKED_FROM = 8  # probes, from which on packing them is faster: 20,000 rows of 640, 5 probes: 4.0 ms, packed 7.1
MANY_PROBES = 32  # from here on a product of matrices is faster; of whole numbers it is as exact
SELF_TEST_DIMENSIONS = (1, 3, 16, 65, 128, 512, 640, 1000)  # not all are multiples of a register's width
SELF_TEST_ROWS = 70
SELF_TEST_PROBES = (1, 3, PACKED_FROM, MANY_PROBES)
PART_ROWS = 4096  # that a thread multiplies at once: 2.6 MB of 640 dimensions, 0.2 to 0.3 ms
MOST_THREADS = 8  # of one search: more of them wait for the same memory
ROUNDING = 2.0**-23  # relative, of one float32 operation

log = logging.getLogger(__name__)


def choose_kernel() -> Kernel:
    """The fastest kernel that passes the self-test on this machine."""
    fast = numkong_kernel()
    if fast is None:
        log.info("numkong is not installed; searching with numpy, which is several times slower")
        return numpy_products
    if not is_right(fast):
        log.warning("numkong computes wrong products on this processor; searching with numpy")
        return numpy_products
    return fast


def numkong_kernel() -> Kernel | None:
    """numkong's kernel, or None where it is not installed or cannot be loaded."""
    try:
        numkong = import_module("numkong")  # not at the top: it is optional
    except (ImportError, OSError):
        return None

    def products(probes: Int8, rows: Int8) -> Float32:
        if len(probes) < PACKED_FROM:
            return _one_by_one(numkong.cdist, probes, rows)
        if len(probes) < MANY_PROBES:
            packed = np.asarray(numkong.dots_packed(rows, numkong.dots_pack(probes)))
            return np.ascontiguousarray(packed.T, np.float32)
        out = np.empty((len(probes), len(rows)), np.float32)
        for start in range(0, len(rows), BLOCK_ROWS):  # packing the rows takes less time than turning the products
            block = slice(start, start + BLOCK_ROWS)
            out[:, block] = np.asarray(numkong.dots_packed(probes, numkong.dots_pack(rows[block])))
        return out

    return products


def spread(kernel: Kernel, run_all: RunAll, cores: int) -> Kernel:
    """The kernel, which divides the rows of a search with few probes among the cores that are free at that moment.

    cores: that may be. Products are the same: each is of one row. Many probes, as when terms are made in the
    background, keep to one core.
    """
    if cores < 2:
        return kernel

    def products(probes: Int8, rows: Int8) -> Float32:
        if len(rows) < 2 * PART_ROWS or len(probes) >= PACKED_FROM:
            return kernel(probes, rows)
        out = np.empty((len(probes), len(rows)), np.float32)
        starts = iter(range(0, len(rows), PART_ROWS))  # each thread takes the next part: none waits for a slower one

        def take_parts() -> None:
            for start in starts:
                part = slice(start, start + PART_ROWS)
                out[:, part] = kernel(probes, rows[part])

        run_all([take_parts] * min(cores, MOST_THREADS))
        return out

    return products


def _one_by_one(cdist: Callable[..., object], probes: Int8, rows: Int8) -> Float32:
    """Probe by probe, over so few rows at once that they stay in the processor's cache: memory is read once."""
    out = np.empty((len(probes), len(rows)), np.float32)
    at_once = len(rows) if len(probes) == 1 else CACHED_ROWS
    for start in range(0, len(rows), max(1, at_once)):
        some = slice(start, start + at_once)
        for number in range(len(probes)):
            cdist(probes[number : number + 1], rows[some], "dot", out=out[number : number + 1, some])
    return out


def numpy_products(probes: Int8, rows: Int8) -> Float32:
    """The same products by numpy, block by block, in floats wide enough to be exact."""
    wide = np.float32 if rows.shape[1] <= EXACT_IN_FLOAT32 else np.float64
    wanted, out = probes.astype(wide), np.empty((len(probes), len(rows)), np.float32)
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS].astype(wide)
        if len(wanted) >= MANY_PROBES:
            out[:, start : start + BLOCK_ROWS] = np.matmul(wanted, block.T)
            continue
        for number, probe in enumerate(wanted):
            out[number, start : start + BLOCK_ROWS] = np.vecdot(block, probe)
    return out


def is_right(kernel: Kernel) -> bool:
    """Whether a kernel agrees with whole-number arithmetic on random and extreme codes of many dimensions."""
    return all(_agrees(kernel, dimension, probes) for dimension in SELF_TEST_DIMENSIONS for probes in SELF_TEST_PROBES)


def _agrees(kernel: Kernel, dimension: int, probes: int) -> bool:
    rng = np.random.default_rng(dimension)
    rows = rng.integers(-HIGHEST, HIGHEST + 1, (SELF_TEST_ROWS, dimension), dtype=np.int8)
    wanted = rng.integers(-HIGHEST, HIGHEST + 1, (probes, dimension), dtype=np.int8)
    rows[:2], wanted[-1] = ((HIGHEST,), (-HIGHEST,)), HIGHEST  # extremes: sums in 16 bits would saturate
    expected = wanted.astype(np.int64) @ rows.astype(np.int64).T
    try:
        return bool(np.allclose(kernel(wanted, rows), expected, rtol=ROUNDING, atol=0))
    except (TypeError, ValueError, AttributeError, RuntimeError):  # another version may have another interface
        return False
