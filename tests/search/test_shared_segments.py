"""Segments in files: what one process has loaded, another maps, and both go on from there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.search.test_index import AnyOrder, assert_same
from tests.search.workers import InWorkers
from tests.storage.synthetic import MadeGallery, unit
from tests.waiting import patient
from vultus.search.index import FlatIndex
from vultus.search.segments import Rows
from vultus.search.shared_segments import LOADED, SharedSegments

ALL = np.stack([unit(seed) for seed in range(8)])
ZEROING = """
import sys
from pathlib import Path
from vultus.search.shared_segments import SharedSegments
from vultus.search.source import Mark
changes = SharedSegments(Path(sys.argv[1])).load(Mark(1, 6), None)
changes.added[0].codes.scales[1] = 0
print(len(changes.added[0]))
"""


class AnyOrderInWorkers(InWorkers, AnyOrder):
    """As `AnyOrder`, in workers that share segments."""

    @initialize(embeddings=st.booleans())
    def begin(self, embeddings: bool) -> None:
        self.made, self.seed, self.embeddings = MadeGallery(), 0, embeddings
        self.begin_workers()

    def new_worker(self) -> FlatIndex:
        return FlatIndex(self.made, memory_bytes=2**30 if self.embeddings else 1, shared=self.shared())

    @rule()
    def a_collection_is_let_go(self) -> None:
        self.index.discard("people")


AnyOrderInWorkers.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAnyOrderInWorkers = AnyOrderInWorkers.TestCase


@pytest.fixture
def made() -> MadeGallery:
    made = MadeGallery()
    for seed in range(6):
        made.add(f"s{seed}", unit(seed))
    return made


def first_rows(index: FlatIndex) -> Rows:
    snapshot = index._collections["people"].snapshot
    assert snapshot is not None
    return snapshot.blocks[0].rows


def test_the_second_worker_maps_what_the_first_has_loaded(tmp_path, made):
    one, other = (FlatIndex(made, shared=SharedSegments(tmp_path / "shared")) for _ in range(2))
    one.search("people", ALL, 3)
    made.changes_since = None  # type: ignore[method-assign, assignment]
    other._gallery = Unread(made)  # type: ignore[assignment]
    for probe, lines in zip(ALL, other.search("people", ALL, 3), strict=True):
        assert_same(lines, made.brute_force(probe, 3))
    first_rows(one).codes.errors[0] = 9.5
    assert first_rows(other).codes.errors[0] == np.float32(9.5)


class Unread:
    """A gallery of which no face may be read but those after a mark."""

    def __init__(self, made: MadeGallery) -> None:
        self.mark, self.owners, self.stored_embeddings = made.mark, made.owners, made.stored_embeddings
        self._changes = MadeGallery.changes_since.__get__(made)

    def changes_since(self, collection, since, *options):
        assert since is not None
        return self._changes(collection, since, *options)


def test_another_process_maps_them_too(tmp_path, made):
    index = FlatIndex(made, shared=SharedSegments(tmp_path))
    index.search("people", ALL, 3)
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "src")])
    asked = [sys.executable, "-c", ZEROING, str(tmp_path)]
    found = subprocess.run(asked, env={**os.environ, "PYTHONPATH": path}, capture_output=True, timeout=patient())
    assert found.stdout == b"6\n", found.stderr
    assert first_rows(index).codes.scales[1] == 0


def test_what_is_erased_is_gone_from_the_files(tmp_path, made):
    index = FlatIndex(made, shared=SharedSegments(tmp_path))
    index.search("people", ALL, 3)
    (file,) = tmp_path.glob("*/segment-0")
    assert unit(4).tobytes() in file.read_bytes()
    made.remove(made.faces[4].id)
    index.search("people", ALL, 3)
    assert unit(4).tobytes() not in file.read_bytes()
    assert unit(3).tobytes() in file.read_bytes()
    index.discard("people")
    assert not list(tmp_path.glob("*/*"))


def test_what_a_killed_worker_left_half_written_is_loaded_again(tmp_path, made):
    FlatIndex(made, shared=SharedSegments(tmp_path)).search("people", ALL, 3)
    (file,) = tmp_path.glob(f"*/{LOADED}")
    for damage in (
        lambda: file.unlink(),
        lambda: file.write_text("{"),
        lambda: os.truncate(file.parent / "segment-0", 9),
    ):
        damage()
        index = FlatIndex(made, shared=SharedSegments(tmp_path))
        for probe, lines in zip(ALL, index.search("people", ALL, 3), strict=True):
            assert_same(lines, made.brute_force(probe, 3))
        assert file.is_file()


def test_on_a_full_disk_each_worker_keeps_its_own(tmp_path, made, monkeypatch, caplog):
    def full(descriptor: int, start: int, size: int) -> None:
        os.ftruncate(descriptor, start + size // 2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    index = FlatIndex(made, shared=SharedSegments(tmp_path))
    for probe, lines in zip(ALL, index.search("people", ALL, 3), strict=True):
        assert_same(lines, made.brute_force(probe, 3))
    assert "a collection is not shared between the workers: No space left on device" in caplog.text
    assert not list(tmp_path.glob("*/*"))


def test_a_disk_that_is_full_at_the_end_keeps_nothing(tmp_path, made, monkeypatch, caplog):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("vultus.search.shared_segments.write_whole", full)
    index = FlatIndex(made, shared=SharedSegments(tmp_path))
    for probe, lines in zip(ALL, index.search("people", ALL, 3), strict=True):
        assert_same(lines, made.brute_force(probe, 3))
    assert "a collection is not shared between the workers: No space left on device" in caplog.text
    assert not list(tmp_path.glob("*/*"))


def test_where_the_system_reserves_no_room_zeros_do(tmp_path, made, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    monkeypatch.setattr("vultus.search.shared_segments.ZEROS_BYTES", 100)  # several pieces, the last one shorter
    index = FlatIndex(made, shared=SharedSegments(tmp_path))
    for probe, lines in zip(ALL, index.search("people", ALL, 3), strict=True):
        assert_same(lines, made.brute_force(probe, 3))
    (file,) = tmp_path.glob("*/segment-0")
    assert file.stat().st_blocks * 512 >= file.stat().st_size


def test_a_folder_that_cannot_be_made_is_no_failure(tmp_path, made, caplog):
    (tmp_path / "file").touch()
    index = FlatIndex(made, shared=SharedSegments(tmp_path / "file" / "shared"))
    assert len(index.search("people", ALL, 3)) == len(ALL)
    assert "collections are not shared between the workers" in caplog.text
