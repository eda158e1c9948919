import math

import numpy as np
import pytest

from tests.pictures import drawn_photo
from vultus.errors import InvalidRequest, VectorMismatch


def axis(i: int, *, length: float = 1.0) -> list[float]:
    vector = [0.0] * 32
    vector[i] = length
    return vector


def test_vectors_are_compared_in_the_order_given_and_at_unit_length(small):
    """45 degrees to the first axis: cosine sqrt(1/2)."""
    between = (np.array(axis(0)) + np.array(axis(1))).tolist()
    result = small.service.comparison.compare(axis(0), [axis(1), axis(0, length=7), between])
    assert result.similarities == pytest.approx([0, 1, math.sqrt(0.5)])


def test_a_photo_is_compared_with_vectors_of_itself_and_of_another(small):
    mine, other = (small.service.recognition.represent(drawn_photo(i))[0].embedding.tolist() for i in (1, 2))
    result = small.service.comparison.compare(drawn_photo(1), [other, mine])
    assert result.similarities[1] == pytest.approx(1, abs=1e-5)
    assert result.similarities[0] < 0.9


def test_face_index_counts_from_the_largest(small):
    second = small.service.recognition.represent(drawn_photo(1, 2))[1].embedding.tolist()
    result = small.service.comparison.compare(drawn_photo(1, 2), [second], face_index=1)
    assert result.similarities[0] == pytest.approx(1, abs=1e-5)
    with pytest.raises(InvalidRequest, match="img has 2 faces"):
        small.service.comparison.compare(drawn_photo(1, 2), [second], face_index=2)


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        ([1.0] * 31, "31 numbers, tiny-32 has 32"),
        ([0.0] * 32, "zero"),
        ([math.nan] * 32, "NaN"),
        ([math.inf] * 32, "NaN"),
    ],
)
def test_a_vector_that_cannot_be_compared_is_refused_by_position(small, vector, words):
    with pytest.raises(VectorMismatch, match=f"target vector 1 .*{words}"):
        small.service.comparison.compare(axis(0), [axis(1), vector])
    with pytest.raises(VectorMismatch, match="source vector 0"):
        small.service.comparison.compare(vector, [axis(1)])
