from __future__ import annotations

import numpy as np
import pytest

from vultus.evaluation import cache as module
from vultus.evaluation.cache import CachedOutcome, EmbeddingCache, Recipe, open_cache

RECIPE = Recipe("m", 1, "fp32", "yunet-default", "central")
ONE, TWO = "01" * 32, "fe" * 32
VECTOR = np.array([0.6, 0.8], np.float32)


def test_what_was_added_is_there_in_the_next_run(tmp_path):
    with open_cache(tmp_path, RECIPE, 2) as cache:
        cache.add(ONE, CachedOutcome(VECTOR, None, 87.5))
        cache.add(TWO, CachedOutcome(None, "no_face_detected"))
    again = EmbeddingCache(tmp_path, RECIPE, 2)
    assert len(again) == 2
    assert again.find(ONE).embedding.tolist() == VECTOR.tolist()
    assert (again.find(ONE).reliability, again.find(TWO).reliability) == (87.5, None)
    assert (again.find(TWO).embedding, again.find(TWO).failure) == (None, "no_face_detected")
    assert again.find("00" * 32) is None


def test_a_run_that_fails_keeps_what_it_computed(tmp_path):
    def run() -> None:
        with open_cache(tmp_path, RECIPE, 2) as cache:
            cache.add(ONE, CachedOutcome(VECTOR, None))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(EmbeddingCache(tmp_path, RECIPE, 2)) == 1


@pytest.mark.parametrize(
    "other",
    [
        Recipe("other", 1, "fp32", "yunet-default", "central"),
        Recipe("m", 2, "fp32", "yunet-default", "central"),
        Recipe("m", 1, "int8", "yunet-default", "central"),
        Recipe("m", 1, "fp32", "mtcnn", "central"),
        Recipe("m", 1, "fp32", "yunet-default", "largest"),
    ],
)
def test_another_recipe_has_embeddings_of_its_own(tmp_path, other):
    with open_cache(tmp_path, RECIPE, 2) as cache:
        cache.add(ONE, CachedOutcome(VECTOR, None))
    assert EmbeddingCache(tmp_path, other, 2).find(ONE) is None


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut short", b"no archive"])
def test_a_damaged_part_is_passed_over(tmp_path, damage):
    with open_cache(tmp_path, RECIPE, 2) as cache:
        cache.add(ONE, CachedOutcome(VECTOR, None))
    (cache.folder / "0.npz").write_bytes(damage)
    assert len(EmbeddingCache(tmp_path, RECIPE, 2)) == 1


def test_embeddings_of_another_dimension_are_passed_over(tmp_path):
    with open_cache(tmp_path, RECIPE, 2) as cache:
        cache.add(ONE, CachedOutcome(VECTOR, None))
    assert len(EmbeddingCache(tmp_path, RECIPE, 3)) == 0


def test_no_pickled_object_is_loaded(tmp_path):
    folder = EmbeddingCache(tmp_path, RECIPE, 2).folder
    np.savez(folder / "evil.npz", digests=np.array([object()], object), embeddings=VECTOR, failures=np.array([""]))
    assert len(EmbeddingCache(tmp_path, RECIPE, 2)) == 0


def test_parts_are_written_as_they_fill(tmp_path):
    cache = EmbeddingCache(tmp_path, RECIPE, 2)
    for number in range(module.PHOTOS_PER_PART + 1):
        cache.add(f"{number:064x}", CachedOutcome(VECTOR, None))
    assert len(EmbeddingCache(tmp_path, RECIPE, 2)) == module.PHOTOS_PER_PART
    assert not list(cache.folder.glob("*.tmp"))
