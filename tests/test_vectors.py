"""Vectors: scaled to unit length in their own precision, and which of them cannot be."""

import numpy as np
import pytest

from vultus.vectors import has_direction, lengths, unit_length


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rows_are_scaled_to_unit_length_in_their_own_precision(kind):
    unit = unit_length(np.array([[3, 4], [0, -2]], kind))
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0, -1]], rtol=1e-6)
    assert unit.dtype == kind


def test_zero_nan_infinite_and_overflowing_rows_have_no_direction():
    rows = np.array([[1, 0], [0, 0], [np.nan, 1], [np.inf, 1], [1e200, 1e200], [1e-7, 0]])
    assert has_direction(lengths(rows)).tolist() == [True, False, False, False, False, False]
