from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from tests import pictures
from tests.standins import TINY, FrameDetector, TinyModels
from vultus.cli.analysis_pool import AnalysisPool
from vultus.cli.opening import Vision
from vultus.config import Settings
from vultus.errors import InvalidImage, LowQuality, NoFaceDetected, VultusError
from vultus.model_registry import ModelRegistry
from vultus.service.accepted_faces import Acceptance
from vultus.service.enrolment import Enrolment
from vultus.vision.pipeline import Pipeline

DEADLY, ONCE_DEADLY = 301, 302  # widths of photos whose process ends: always, or only the first one


class DeadlyDetector(FrameDetector):
    """Ends its process at photos of these widths."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._died = folder / "died"

    def detect(self, pixels):
        if pixels.shape[1] == DEADLY or (pixels.shape[1] == ONCE_DEADLY and not self._died.exists()):
            self._died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().detect(pixels)


@contextmanager
def open_tiny(settings: Settings) -> Iterator[Vision]:
    with tempfile.TemporaryDirectory() as folder:
        detector = DeadlyDetector(settings.data_dir)
        pipeline = Pipeline({"frames": detector}, default_detector="frames")
        yield Vision(pipeline, cast(ModelRegistry, TinyModels(Path(folder))))


@contextmanager
def open_nothing(settings: Settings) -> Iterator[Vision]:
    raise VultusError("there is no model")
    yield


@contextmanager
def end_at_once(settings: Settings) -> Iterator[Vision]:
    os.kill(os.getpid(), signal.SIGKILL)
    yield


@pytest.fixture
def pool(tmp_path):
    with AnalysisPool(Settings(data_dir=tmp_path), open_tiny, 1) as pool:
        yield pool


def rules(small, **changes) -> Acceptance:
    return Acceptance(TINY, small.models.resolve(TINY).pipeline_version, **{"floor": 0.0} | changes)


def of_width(width: int) -> bytes:
    return pictures.drawn_photo(1, size=(width, 240))


def test_a_photo_is_enrolled_as_by_this_process_and_what_is_refused_is_raised_here(small, pool):
    photo = pictures.drawn_photo(1, noise=1.0)
    enrolment = Enrolment(small.service.context, pool.accept)
    (there,) = enrolment.enroll([photo], subject="anna", collection="there").faces
    (here,) = small.service.enrolment.enroll([photo], subject="anna", collection="here").faces
    assert (there.face.box, there.face.quality, there.face.photo) == (here.face.box, here.face.quality, here.face.photo)
    vectors = [small.gallery.face_embedding(one.face.id)[1].tolist() for one in (there, here)]
    assert vectors[0] == vectors[1]
    with pytest.raises(NoFaceDetected, match="no face found"):
        enrolment.enroll([pictures.drawn_photo()], subject="ben")
    with pytest.raises(LowQuality, match="below the 100") as refusal:
        pool.accept(photo, sha256(photo).hexdigest(), rules(small, floor=100.0))
    assert refusal.value.parts


def test_a_process_that_ends_is_replaced_and_its_photo_tried_once_more(small, pool, capsys):
    before = pool.process_ids
    assert pool.accept(of_width(ONCE_DEADLY), "source", rules(small)).source == "source"
    assert len(pool.process_ids) == 1
    assert pool.process_ids != before
    with pytest.raises(InvalidImage, match="2 processes ended while they analysed the photo"):
        pool.accept(of_width(DEADLY), "source", rules(small))
    photo = pictures.drawn_photo(1)
    assert pool.accept(photo, "source", rules(small)).source == "source"
    assert "its photos tried once more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("opener", "problem"), [(open_nothing, "there is no model"), (end_at_once, "ended as they started")]
)
def test_processes_that_cannot_start_end_the_import(small, tmp_path, opener, problem):
    with AnalysisPool(Settings(data_dir=tmp_path), opener, 1) as pool, pytest.raises(VultusError, match=problem):
        pool.accept(pictures.drawn_photo(1), "source", rules(small))


def test_the_processes_end_with_the_pool(tmp_path):
    with AnalysisPool(Settings(data_dir=tmp_path), open_tiny, 1) as pool:
        (process,) = pool.process_ids
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_photos_sent_together_are_each_answered_and_only_the_deadly_one_is_refused(small, pool):
    good, empty = pictures.drawn_photo(1, noise=1.0), pictures.drawn_photo()
    found = pool.accept_some([(good, "a"), (empty, "b"), (good, "c")], rules(small))
    assert isinstance(found[1], NoFaceDetected)
    alone = pool.accept(good, "a", rules(small))
    for one in (found[0], found[2]):
        np.testing.assert_allclose(one.template.embedding, alone.template.embedding, atol=1e-6)
    found = pool.accept_some([(good, "a"), (of_width(DEADLY), "b"), (good, "c")], rules(small))
    assert [getattr(one, "source", type(one)) for one in found] == ["a", InvalidImage, "c"]
