"""The first terms, made by one worker for all: always those that each would have made itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize

from tests.search.relative import rule_of
from tests.search.test_relative_scores import CENTROIDS, RULES, AnyOrder, terms_held
from tests.search.workers import InWorkers
from tests.storage.synthetic import MadeGallery, unit
from vultus.search.cohort_terms import CohortTerms
from vultus.search.index import FlatIndex
from vultus.search.shared_segments import SharedSegments


class AnyOrderInWorkers(InWorkers, AnyOrder):
    """As `AnyOrder`, in workers that share segments and terms."""

    @initialize(by=st.sampled_from(RULES), cohort_faces=st.sampled_from([1, 7, 4096]))
    def begin(self, by, cohort_faces) -> None:
        self.made, self.by, self.cohort_faces, self.seed = MadeGallery(), by, cohort_faces, 0
        self.begin_workers()

    def new_worker(self) -> FlatIndex:
        return FlatIndex(self.made, cohort_faces=self.cohort_faces, shared=self.shared())


AnyOrderInWorkers.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestAnyOrderInWorkers = AnyOrderInWorkers.TestCase


@pytest.fixture
def made() -> MadeGallery:
    made = MadeGallery()
    for seed in range(20):
        made.add(f"s{seed}", unit(seed))
    return made


def worker(made: MadeGallery, folder: Path) -> FlatIndex:
    return FlatIndex(made, shared=SharedSegments(folder))


def test_the_second_worker_makes_none(tmp_path, made, monkeypatch):
    by, ids = rule_of(CENTROIDS), {face.pk: face.id for face in made.faces}
    first = terms_held(worker(made, tmp_path), by, ids)
    compared: list[int] = []
    merge = CohortTerms._merge

    def counting(self, rows, places, cohort):
        compared.append(len(places) * len(cohort))
        return merge(self, rows, places, cohort)

    monkeypatch.setattr(CohortTerms, "_merge", counting)
    assert terms_held(worker(made, tmp_path), by, ids) == first
    assert sum(compared) == 0


def test_terms_of_another_rule_are_not_taken(tmp_path, made):
    ids = {face.pk: face.id for face in made.faces}
    near, far = rule_of(CENTROIDS, nearest=1), rule_of(CENTROIDS, nearest=4)
    terms_held(worker(made, tmp_path), near, ids)
    assert terms_held(worker(made, tmp_path), far, ids) == terms_held(FlatIndex(made), far, ids)
    assert len(list(tmp_path.glob("*/terms-*.npz"))) == 2


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None])
def test_a_damaged_file_is_made_anew(tmp_path, made, damage):
    by, ids = rule_of(CENTROIDS), {face.pk: face.id for face in made.faces}
    wanted = terms_held(worker(made, tmp_path), by, ids)
    (file,) = tmp_path.glob("*/terms-*.npz")
    file.write_bytes(file.read_bytes()[:200] if damage is None else damage)
    assert terms_held(worker(made, tmp_path), by, ids) == wanted
    with np.load(file) as stored:
        assert len(stored["values"]) == len(made.faces)
