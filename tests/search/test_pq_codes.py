"""Product quantisation: the rows chosen for a probe hold its nearest ones, and erased codes are gone."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.records.seen import Float32
from vultus.search.pq_index import LEAST_ROWS, PqCodes, load_faiss, pieces, random_rotation

faiss = load_faiss()
pytestmark = pytest.mark.skipif(faiss is None, reason="faiss has no wheel for this machine")


def made(count: int, dimension: int, seed: int = 0) -> Float32:
    rows = np.random.default_rng(seed).standard_normal((count, dimension), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def filled(rows: Float32) -> PqCodes:
    codes = PqCodes(faiss, rows)
    codes.add(rows)
    return codes


@pytest.mark.parametrize(("dimension", "count"), [(512, 400), (640, 400), (128, 100)])
def test_the_nearest_row_is_among_few(dimension, count):
    """Of 8,000, and though these are spread evenly, which faces are not: that is the hardest."""
    rows, probes = made(8_000, dimension), made(100, dimension, 1)
    found, best = filled(rows).search(probes, count), (probes @ rows.T).argmax(axis=1)
    assert np.mean([best[n] in found[n] for n in range(100)]) >= 0.94


def test_a_row_finds_itself():
    rows = made(3_000, 64)
    found = filled(rows).search(rows[::100], 5)
    assert all(number in line for number, line in zip(range(0, 3_000, 100), found, strict=True))


def test_rows_are_numbered_in_the_order_they_are_added():
    rows = made(LEAST_ROWS + 500, 32)
    codes = PqCodes(faiss, rows[:LEAST_ROWS])
    for start in range(0, len(rows), 700):
        codes.add(rows[start : start + 700])
    assert len(codes) == len(rows)
    assert all(n in codes.search(rows[n : n + 1], 20)[0] for n in (0, 699, 700, 1_400))


def test_no_more_rows_are_found_than_there_are():
    codes = filled(made(LEAST_ROWS, 16))
    assert sorted(codes.search(made(1, 16, 1), 10**6)[0].tolist()) == list(range(LEAST_ROWS))


@pytest.mark.parametrize("dimension", [1, 7, 16, 128, 512])
def test_erased_codes_are_overwritten(dimension):
    rows = made(LEAST_ROWS + 5, dimension)
    codes = filled(rows)
    gone = np.array([0, 31, 32, 500, LEAST_ROWS + 4])
    before = [codes._index.reconstruct(n) for n in range(len(codes))]
    codes.erase(gone)
    after = [codes._index.reconstruct(n) for n in range(len(codes))]
    assert all(np.array_equal(after[n], after[gone[0]]) for n in gone.tolist())
    assert all(np.array_equal(before[n], after[n]) for n in set(range(len(codes))) - set(gone.tolist()))


def test_memory_is_an_eighth_of_the_exact_codes():
    assert 64 <= (filled(made(8_000, 512)).nbytes - 4 * 512**2) / 8_000 < 66


@pytest.mark.parametrize(("dimension", "count"), [(512, 128), (640, 160), (128, 64), (16, 8), (7, 7), (514, 257)])
def test_pieces_have_few_dimensions(dimension, count):
    assert pieces(dimension) == count


def test_a_rotation_keeps_products():
    rows, rotation = made(50, 64), random_rotation(64)
    assert np.allclose((rows @ rotation) @ (rows @ rotation).T, rows @ rows.T, atol=1e-5)
