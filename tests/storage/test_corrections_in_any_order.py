"""Renames, merges, moves, undos, enrolments and erasures in any order, and by several threads at once."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.storage.synthetic import DIMENSION, MODEL, new_face, unit
from vultus.backup.integrity import faults
from vultus.errors import Conflict, InvalidRequest, NotFound, VultusError
from vultus.search.index import FlatIndex
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate
from vultus.storage.photos import LocalPhotoStore

DAY = timedelta(hours=24)
SUBJECTS = st.sampled_from("abcde")
SEEDS = st.integers(0, 5)
ROUNDS = 10


def state(gallery: Gallery) -> dict[str, object]:
    """All subjects, and of each all that is known of it and of its faces."""
    return {
        one.id: (one.name, one.metadata, {face.id: face for face in gallery.faces("people", one.id)})
        for one in gallery.subjects("people", limit=1000)
    }


def brute_force(gallery: Gallery, probe: Any) -> dict[str, float]:
    """The best cosine of each subject with a face."""
    best = {}
    for one in gallery.subjects("people", limit=1000):
        _, vectors = gallery.embeddings("people", one.id)
        if len(vectors):
            best[one.id] = float((vectors.astype(np.float64) @ probe.astype(np.float64)).max())
    return best


class AnyOrder(RuleBasedStateMachine):
    """Every search is exact, no face is lost, and what cannot be done changes nothing."""

    @initialize(segment_rows=st.sampled_from([1, 4, 65_536]))
    def begin(self, segment_rows: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.database = open_database(f"sqlite:///{Path(self.folder.name) / 'vultus.db'}")
        migrate(self.database)
        self.gallery = Gallery(self.database)
        self.gallery.create_collection("people", model_id=MODEL, pipeline_version=1, dimension=DIMENSION)
        self.index = FlatIndex(self.gallery, segment_rows=segment_rows)
        self.faces: set[str] = set()
        self.undos: list[str] = []
        self.before: dict[str, object] | None = None  # the state before the last change, if nothing came since

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    def correct(self, change: Callable[[], Any]) -> None:
        before = state(self.gallery)
        try:
            self.undos.append(change().undo.id)
            self.before = before
        except (NotFound, Conflict, InvalidRequest):
            assert state(self.gallery) == before

    @rule(subject=SUBJECTS, seeds=st.lists(SEEDS, min_size=1, max_size=3, unique=True), named=st.booleans())
    def enroll(self, subject: str, seeds: list[int], named: bool) -> None:
        new = [new_face(seed) for seed in seeds]
        _, stored = self.gallery.add_faces("people", subject, new, name=subject.upper() if named else None)
        self.faces |= {photo.face.id for photo in stored}
        self.before = None

    @rule(subject=SUBJECTS, new_id=SUBJECTS)
    def rename(self, subject: str, new_id: str) -> None:
        self.correct(lambda: self.gallery.corrections.rename("people", subject, new_id, undo_for=DAY))

    @rule(subject=SUBJECTS, into=SUBJECTS)
    def merge(self, subject: str, into: str) -> None:
        self.correct(lambda: self.gallery.corrections.merge("people", subject, into, undo_for=DAY))

    @rule(data=st.data(), subject=SUBJECTS)
    def move(self, data: st.DataObject, subject: str) -> None:
        if self.faces:
            face = data.draw(st.sampled_from(sorted(self.faces)))
            self.correct(lambda: self.gallery.corrections.move(face, subject, undo_for=DAY))

    @rule()
    def undo_the_last(self) -> None:
        """Right after a change it is always possible, and all is as it was before."""
        if self.before is not None:
            self.gallery.corrections.undo(self.undos.pop())
            assert state(self.gallery) == self.before
            self.before = None

    @rule(data=st.data())
    def undo_any(self, data: st.DataObject) -> None:
        if self.undos:
            before, undo = state(self.gallery), data.draw(st.sampled_from(self.undos))
            try:
                self.gallery.corrections.undo(undo)
                self.undos.remove(undo)
                self.before = None
            except (NotFound, Conflict):
                assert state(self.gallery) == before

    @rule(data=st.data())
    def erase_a_face(self, data: st.DataObject) -> None:
        if self.faces:
            face = data.draw(st.sampled_from(sorted(self.faces)))
            self.gallery.delete_face(face)
            self.faces.remove(face)
            self.before = None

    @rule(subject=SUBJECTS)
    def erase_a_subject(self, subject: str) -> None:
        with suppress(NotFound):
            gone = {face.id for face in self.gallery.faces("people", subject)}
            self.gallery.delete_subject("people", subject)
            self.faces -= gone
            self.before = None

    @invariant()
    def exactly_the_faces_enrolled_and_not_erased_are_there(self) -> None:
        if hasattr(self, "gallery"):
            listed = self.gallery.faces_of_collection("people", limit=1000)
            assert {face.id for face, _ in listed} == self.faces

    @invariant()
    def searches_are_exact(self) -> None:
        if hasattr(self, "gallery"):
            (found,) = self.index.search("people", unit(3)[None, :], 100)
            wanted = brute_force(self.gallery, unit(3))
            assert {line.subject for line in found} == set(wanted)
            for line in found:
                assert abs(line.similarity - wanted[line.subject]) < 1e-6
                assert self.gallery.face(line.face_id).subject == line.subject

    @invariant()
    def the_check_finds_no_fault(self) -> None:
        if hasattr(self, "gallery"):
            photos = LocalPhotoStore(Path(self.folder.name) / "photos")
            assert [fault for fault in faults(self.database, photos) if fault.kind != "photos"] == []


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)


# --- several threads at once


def race(*works: Callable[[], Any]) -> list[Any]:
    """What each work returned, or the error it raised; all began at once."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return work()
        except VultusError as refusal:
            return refusal

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def enroll(gallery: Gallery, subject: str, seed: int) -> str:
    return gallery.add_faces("people", subject, [new_face(seed)])[1][0].face.id


def test_of_two_opposite_merges_one_succeeds(gallery, other_gallery):
    for turn in range(ROUNDS):
        a, b = f"a{turn}", f"b{turn}"
        ours, theirs = enroll(gallery, a, 2 * turn), enroll(gallery, b, 2 * turn + 1)
        results = race(
            lambda: gallery.corrections.merge("people", a, b, undo_for=DAY),  # noqa: B023
            lambda: other_gallery.corrections.merge("people", b, a, undo_for=DAY),  # noqa: B023
        )
        (refused,) = [one for one in results if isinstance(one, NotFound)]
        assert refused.code == "subject_not_found"
        assert gallery.face(ours).subject == gallery.face(theirs).subject


def test_one_of_many_undos_of_the_same_change_succeeds(gallery, other_gallery):
    for turn in range(ROUNDS):
        a, b = f"a{turn}", f"b{turn}"
        enroll(gallery, a, 2 * turn)
        enroll(gallery, b, 2 * turn + 1)
        undo = gallery.corrections.merge("people", a, b, undo_for=DAY).undo.id
        both = (gallery.corrections, other_gallery.corrections)
        results = race(*(lambda c=one: c.undo(undo) for one in both))  # type: ignore[misc] # noqa: B023
        assert sorted(isinstance(one, NotFound) for one in results) == [False, True]
        assert gallery.subject("people", a).faces == gallery.subject("people", b).faces == 1


def test_a_merge_beside_an_enrolment_loses_no_face(gallery, other_gallery):
    """The enrolment comes before the merge, or makes a new subject under the old id after it."""
    index = FlatIndex(gallery)
    for turn in range(ROUNDS):
        a, b, seed = f"a{turn}", f"b{turn}", 3 * turn
        old, target = enroll(gallery, a, seed), enroll(gallery, b, seed + 1)
        new, merged = race(
            lambda: enroll(other_gallery, a, seed + 2),  # noqa: B023
            lambda: gallery.corrections.merge("people", a, b, undo_for=DAY),  # noqa: B023
        )
        assert gallery.face(old).subject == gallery.face(target).subject == b
        assert gallery.face(new).subject == (b if merged.moved == 2 else a)
        (found,) = index.search("people", unit(seed + 2)[None, :], 1)
        assert (found[0].face_id, found[0].subject) == (new, gallery.face(new).subject)


def test_a_merge_beside_an_erasure_brings_nothing_back(gallery, other_gallery):
    """Either the erasure comes first, and there is nothing to merge, or all that was merged is erased."""
    index = FlatIndex(gallery)
    for turn in range(ROUNDS):
        a, b = f"a{turn}", f"b{turn}"
        face, other = enroll(gallery, a, 2 * turn), enroll(gallery, b, 2 * turn + 1)
        merged, erased = race(
            lambda: gallery.corrections.merge("people", a, b, undo_for=DAY),  # noqa: B023
            lambda: other_gallery.delete_subject("people", b),  # noqa: B023
        )
        gone = {line.face_id for line in index.search("people", unit(2 * turn)[None, :], 100)[0]}
        assert other not in gone
        assert not isinstance(erased, VultusError)
        if isinstance(merged, NotFound):
            assert gallery.face(face).subject == a
        else:
            assert face not in gone
            assert isinstance(race(lambda: gallery.corrections.undo(merged.undo.id))[0], NotFound)  # noqa: B023


def test_searches_beside_merges_and_undos_always_find_the_face(gallery):
    """Under the one subject or under the other, never under none."""
    faces = {enroll(gallery, subject, seed): subject for subject, seed in (("a", 1), ("b", 2), ("c", 3))}
    index, stop = FlatIndex(gallery), threading.Event()

    def read() -> int:
        wrong = 0
        while not stop.is_set():
            (found,) = index.search("people", unit(1)[None, :], 1)
            wrong += faces.get(found[0].face_id) != "a" or found[0].subject not in "ab"
        return wrong

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for _ in range(25):
                gallery.corrections.undo(gallery.corrections.merge("people", "a", "b", undo_for=DAY).undo.id)
        finally:
            stop.set()
        assert [reader.result() for reader in readers] == [0, 0]
