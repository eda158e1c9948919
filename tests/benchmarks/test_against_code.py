"""The parts of the benchmark that reach into the code and the database: they follow its changes."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.call_profile import NETWORKS, STAGES, processor_profile
from benchmarks.made_gallery import DEFAULT, OURS, made_gallery
from benchmarks.photos import Photos
from benchmarks.search_synthetic import PROBES, Faces, make
from benchmarks.synthetic_gallery import COLLECTION
from benchmarks.timing import Bounds

from vultus.search.index import FlatIndex
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.wiring.open_system import open_system


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """The real system with one compute slot, and faces in the collections of two models."""
    chosen = (OURS[DEFAULT], OURS["vultus-sface"])
    settings, _ = made_gallery(tmp_path_factory.mktemp("made") / "data", 40, chosen, say=lambda _: None)
    with open_system(settings.model_copy(update={"compute_slots": 1})) as opened:
        yield opened


def test_each_model_gets_as_many_faces_as_asked_for(system):
    counts = {found.name: (found.model_id, found.faces) for found in system.gallery.collections()}
    assert counts == {COLLECTION: (system.models.default, 40), f"{COLLECTION}-sface": ("sface", 40)}


def test_every_stage_of_a_search_is_timed(system):
    found = processor_profile(system, Photos(), "find", "640x480", Bounds(1, 0.0))
    networks = [stage for stage in found["stages_ms"] if stage.startswith("network ")]
    assert found["missing"] == []
    assert set(found["stages_ms"]) - set(networks) == {*STAGES, "rest"} - set(NETWORKS)
    assert len(networks) == 4
    assert sum(found["stages_ms"].values()) <= found["whole_ms"] * 1.5


def test_a_verification_has_no_stage_of_a_search(system):
    found = processor_profile(system, Photos(), "verify", "640x480", Bounds(1, 0.0))
    assert {"decode", "detect", "crop", "embed"} <= set(found["stages_ms"])
    assert "search" not in found["stages_ms"]


def test_faces_made_in_bulk_are_found_as_if_they_had_been_enrolled(tmp_path):
    url = f"sqlite:///{tmp_path / 'made.db'}"
    best = make(url, 300, 32)
    database = open_database(url)
    index = FlatIndex(Gallery(database), memory_bytes=2**30)
    found = index.search("people", Faces(32).probes(PROBES)[:5], 1)
    database.close()
    expected = np.array([lines[0][1] for lines in best[:5]])
    assert np.array([lines[0].similarity for lines in found]) == pytest.approx(expected, abs=1e-5)
