"""Kernels: the chosen one multiplies as numpy does, and lets other threads run meanwhile."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vultus.search.kernels import (
    PACKED_FROM,
    PART_ROWS,
    Kernel,
    choose_kernel,
    is_right,
    numkong_kernel,
    numpy_products,
    spread,
)
from vultus.vision.compute_slots import ComputeSlots

KERNELS = [numpy_products, *filter(None, [numkong_kernel()])]


def codes(rows: int, dimension: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-127, 128, (rows, dimension), dtype=np.int8)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dimension", [1, 2, 7, 64, 128, 512, 640, 1040, 1041, 2048])
@pytest.mark.parametrize("probes", [1, 2, 7, 8, 31, 32, 33])
def test_products_are_right(kernel, dimension, probes):
    rows, wanted = codes(5_000, dimension)[3:], codes(probes, dimension, 1)
    found = kernel(wanted, rows)
    assert (found.dtype, found.shape, found.flags.c_contiguous) == (np.float32, (probes, 4_997), True)
    assert np.array_equal(found, (wanted.astype(np.int64) @ rows.astype(np.int64).T).astype(np.float32))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_codes_do_not_overflow(kernel, sign):
    rows, probe = np.full((100, 512), 127, np.int8), np.full((1, 512), sign * 127, np.int8)
    assert kernel(probe, rows).tolist() == [[sign * 512 * 127**2] * 100]


def saturating(probes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """As a kernel that adds pairs of products in 16 bits."""
    return np.clip(numpy_products(probes, rows), -32_768, 32_767)


def of_another_version(probes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    raise TypeError("unexpected argument")


def transposed(probes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return numpy_products(probes, rows).T


@pytest.mark.parametrize("kernel", [saturating, of_another_version, transposed])
def test_the_self_test_bites(kernel: Kernel):
    assert not is_right(kernel)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_self_test_passes_what_is_right(kernel: Kernel):
    assert is_right(kernel)


def test_a_right_kernel_is_chosen():
    assert is_right(choose_kernel())


def test_without_numkong_numpy_is_chosen(monkeypatch):
    monkeypatch.setitem(sys.modules, "numkong", None)  # how Python says that a module cannot be imported
    assert choose_kernel() is numpy_products


def test_a_wrong_numkong_is_not_used(monkeypatch, caplog):
    class Wrong:
        cdist = dots_pack = dots_packed = staticmethod(lambda *_, **__: np.zeros(1))

    monkeypatch.setitem(sys.modules, "numkong", Wrong)
    assert choose_kernel() is numpy_products
    assert "wrong products" in caplog.text


@pytest.mark.skipif(numkong_kernel() is None, reason="numkong is not installed")
@pytest.mark.parametrize("probes", [1, 8])
def test_other_threads_run_while_numkong_computes(probes):
    """With a switch interval of a minute a thread gets the interpreter only where another one lets it go."""
    kernel, rows, wanted = numkong_kernel(), codes(100_000, 512), codes(probes, 512)
    before = sys.getswitchinterval()

    def overlaps() -> bool:
        inside, done = threading.Event(), threading.Event()

        def compute() -> None:
            inside.set()
            kernel(wanted, rows)
            done.set()

        with ThreadPoolExecutor(1) as pool:
            pool.submit(compute)
            inside.wait()
            return not done.is_set()

    try:
        sys.setswitchinterval(60)
        assert any(overlaps() for _ in range(20))
    finally:
        sys.setswitchinterval(before)


# --- cores that are free ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("probes", [1, 3, PACKED_FROM])
@pytest.mark.parametrize("rows", [1, 2 * PART_ROWS - 1, 2 * PART_ROWS, 3 * PART_ROWS + 5])
def test_a_search_divided_among_cores_finds_the_same(kernel, probes, rows):
    wanted, stored = codes(probes, 64, 1), codes(rows, 64)
    slots = ComputeSlots(3, queue=0, wait_seconds=1)
    assert np.array_equal(spread(kernel, slots.run_all, slots.count)(wanted, stored), kernel(wanted, stored))


def test_only_free_cores_help_and_only_a_search_with_few_probes():
    slots, threads = ComputeSlots(2, queue=0, wait_seconds=1), set()
    meet = threading.Barrier(2)

    def noting(probes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        threads.add(threading.get_ident())
        if waiting:
            meet.wait(10)
        return numpy_products(probes, rows)

    divided, many = spread(noting, slots.run_all, slots.count), codes(2 * PART_ROWS, 8)
    waiting = True
    divided(codes(1, 8), many)  # two parts, each waits for the other to begin
    assert len(threads) == 2
    waiting = False
    threads.clear()
    divided(codes(PACKED_FROM, 8), many)
    with slots.hold(), slots.hold():
        divided(codes(1, 8), many)
    assert threads == {threading.get_ident()}
    assert spread(noting, slots.run_all, 1) is noting


def test_an_error_in_a_part_is_raised():
    slots = ComputeSlots(2, queue=0, wait_seconds=1)

    def failing(probes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        raise MemoryError

    with pytest.raises(MemoryError):
        spread(failing, slots.run_all, slots.count)(codes(1, 8), codes(2 * PART_ROWS, 8))
