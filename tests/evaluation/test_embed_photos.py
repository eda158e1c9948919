from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import pictures
from tests.standins import TINY, FrameDetector, TinyModels
from vultus.evaluation.cache import EmbeddingCache, Recipe
from vultus.evaluation.embed_photos import Outcome, PhotoEmbedder, gather
from vultus.evaluation.results import count_failures
from vultus.vision.compute_slots import compute_in_calling_thread
from vultus.vision.embed import Embedder
from vultus.vision.pipeline import Pipeline


@pytest.fixture
def detector() -> FrameDetector:
    return FrameDetector()


@pytest.fixture
def pipeline(tmp_path, detector) -> Pipeline:
    compute_in_calling_thread()
    return Pipeline({"frames": detector}, default_detector="frames")


@pytest.fixture
def model(tmp_path) -> Embedder:
    return TinyModels(tmp_path).resolve(TINY).embedder()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_photos_that_the_service_does_not_decide_on_are_told_apart_and_left_out(tmp_path):
    a, b, c, d = (Path(name) for name in "abcd")
    vector = np.array([0, 1], np.float32)
    outcomes = [
        Outcome(a, vector, None, 19.9),
        Outcome(b, vector, None, 20.0),
        Outcome(c, vector, None),
        Outcome(d, None, "x"),
    ]
    photos = gather([a, b, c, d], outcomes, 2)
    assert photos.undecided.tolist() == [True, False, False, False]
    assert photos.usable.tolist() == [True, True, True, False]
    left = photos.decided()
    assert left.failures == ("unreliable", None, None, "x")
    assert np.isnan(left.vectors[0]).all()
    assert (left.vectors[1] == vector).all()
    counted = count_failures(photos, ["p", "p", "q", "r"], ["a", "b", "c", "d"], left_out=True)
    assert (counted.undecided.errors, counted.acquire.errors, counted.left_out) == (1, 1, True)


def test_the_embedding_is_that_of_the_pipeline(tmp_path, pipeline, model):
    outcome = PhotoEmbedder(pipeline, model, Path.read_bytes).embed(write(tmp_path / "a.png", pictures.drawn_photo(1)))
    assert outcome.failure is None
    assert np.linalg.norm(outcome.embedding) == pytest.approx(1, abs=1e-5)


def test_a_bad_file_is_a_reason_and_no_exception(tmp_path, pipeline, model):
    embedder = PhotoEmbedder(pipeline, model, Path.read_bytes)
    broken = write(tmp_path / "broken.jpg", b"no picture")
    empty = write(tmp_path / "empty.png", pictures.drawn_photo())
    reasons = [embedder.embed(path).failure for path in (tmp_path / "gone.png", broken, empty)]
    assert reasons == ["file_failed", "invalid_image", "no_face_detected"]


def test_a_cached_photo_is_not_embedded_again(tmp_path, pipeline, model, detector):
    cache = EmbeddingCache(tmp_path / "cache", Recipe(TINY, 1, "fp32", "frames", "largest"), 32)
    embedder = PhotoEmbedder(pipeline, model, Path.read_bytes, cache=cache)
    first = embedder.embed(write(tmp_path / "a.png", pictures.drawn_photo(1)))
    copy = embedder.embed(write(tmp_path / "copy.png", pictures.drawn_photo(1)))
    assert detector.calls == 1
    assert copy.embedding.tolist() == first.embedding.tolist()


def test_the_central_face_is_another_than_the_largest(tmp_path, pipeline, model):
    photo = write(tmp_path / "two.png", pictures.drawn_photo(1, 2))  # the second is nearer to the middle
    largest = PhotoEmbedder(pipeline, model, Path.read_bytes, face="largest").embed(photo).embedding
    central = PhotoEmbedder(pipeline, model, Path.read_bytes, face="central").embed(photo).embedding
    assert float(largest @ central) < 0.9


def test_outcomes_in_any_order_become_rows_in_the_order_asked_for():
    a, b, c = Path("a"), Path("b"), Path("c")
    outcomes = [Outcome(c, np.array([0, 1], np.float32), None), Outcome(a, None, "invalid_image")]
    photos = gather([a, b, c], outcomes, 2)
    assert photos.failures == ("invalid_image", "file_failed", None)
    assert photos.usable.tolist() == [False, False, True]
    assert np.isnan(photos.vectors[:2]).all()
    assert photos.vectors[2].tolist() == [0, 1]
    assert photos.reasons == {"invalid_image": 1, "file_failed": 1}
