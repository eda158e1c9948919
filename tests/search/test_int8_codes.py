"""Codes: their interval holds the true cosine, whatever the rows are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storage.synthetic import unit
from vultus.errors import StorageFailed
from vultus.records.seen import Float32
from vultus.search.int8_codes import HIGHEST, PART_ROWS, as_probe, empty_codes, from_blobs, quantise, to_blobs


def shaped(kind: str, dimension: int, seed: int) -> Float32:
    """Twenty rows of unit length, of a kind that is hard for one scale a row."""
    rows = np.random.default_rng(seed).standard_normal((20, dimension))
    if kind == "one huge component":
        rows[:, seed % dimension] = 200
    elif kind == "few components":
        rows *= np.random.default_rng(seed + 1).random(rows.shape) < 0.1
        rows[:, 0] += 1e-3
    elif kind == "equal components":
        rows = np.sign(rows)
    elif kind == "tiny beside large":
        rows *= 10.0 ** np.random.default_rng(seed + 1).uniform(-12, 0, rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


KINDS = ["even", "one huge component", "few components", "equal components", "tiny beside large"]


@given(
    st.sampled_from(KINDS), st.sampled_from(KINDS), st.sampled_from([1, 3, 16, 128, 512, 640]), st.integers(0, 10**6)
)
def test_the_true_cosine_lies_within_the_interval(kind, probe_kind, dimension, seed):
    rows, codes = shaped(kind, dimension, seed), quantise(shaped(kind, dimension, seed))
    wanted = shaped(probe_kind, dimension, seed + 7)[0].astype(np.float64)
    probe = as_probe(wanted / np.linalg.norm(wanted))
    middle = codes.values.astype(np.int64) @ probe.values.astype(np.int64) * codes.scales * np.float32(probe.scale)
    assert (np.abs(rows.astype(np.float64) @ probe.unit - middle) <= codes.errors + probe.margin).all()


def test_the_interval_of_an_ordinary_face_is_narrow():
    """A component has the size 1 / sqrt(512); with a peak of five times that, a step is 5 / sqrt(512) / 127.

    An even error within a step has a deviation of step / sqrt(12); 512 of them: 5 / 127 / sqrt(12) = 0.0114.
    """
    codes = quantise(np.stack([unit(seed, 512) for seed in range(100)]))
    assert codes.errors.max() < 0.0114
    assert as_probe(unit(1, 512).astype(np.float64)).margin < 0.0114


@pytest.mark.parametrize("row", [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
def test_what_codes_can_say_exactly_has_no_error(row):
    codes = quantise(np.array([row], np.float32))
    assert np.array_equal(codes.values * codes.scales[:, None], [row])
    assert codes.errors.tolist() == [0]


def test_the_largest_component_uses_the_whole_range():
    codes = quantise(np.array([[0.5, -0.25, 0.125]], np.float32))
    assert codes.values.tolist() == [[HIGHEST, -64, 32]]  # 127, 63.5 to the even one, 31.75


@pytest.mark.parametrize("dimension", [1, 5, 512])
def test_codes_come_back_from_their_blobs(dimension):
    codes, back = quantise(shaped("even", dimension, 1)), empty_codes(25, dimension)
    blobs = to_blobs(codes)
    assert {len(blob) for blob in blobs} == {dimension + 8}
    from_blobs(blobs, dimension, back, 5)
    assert np.array_equal(back.values[5:], codes.values)
    assert np.array_equal(back.scales[5:], codes.scales)
    assert np.array_equal(back.errors[5:], codes.errors)


@pytest.mark.parametrize("dimension", [4, 6, 16])
def test_blobs_of_another_dimension_are_refused(dimension):
    with pytest.raises(StorageFailed, match=f"not those of {dimension} dimensions"):
        from_blobs(to_blobs(quantise(shaped("even", 5, 1))), dimension, empty_codes(20, dimension), 0)


def test_the_codes_of_a_row_do_not_depend_on_how_many_there_are():
    rows = np.concatenate([np.zeros((1, 16), np.float32), *(shaped("even", 16, seed) for seed in range(30))])
    assert len(rows) > 2 * PART_ROWS
    codes, each = quantise(rows), [quantise(row[None]) for row in rows]
    for name in ("values", "scales", "errors"):
        assert np.array_equal(getattr(codes, name), np.concatenate([getattr(one, name) for one in each]))
