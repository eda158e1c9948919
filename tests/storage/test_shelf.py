"""Snapshots: what a search looks at stays as it was, whatever is applied after."""

from __future__ import annotations

import numpy as np

from tests.storage.made import DIMENSION, unit
from vultus.storage.changes import ChangeSet, Mark
from vultus.storage.shelf import Shelf, Snapshot


def changes(revision: int, seeds: range, removed: tuple[str, ...] = (), *, fresh: bool = False) -> ChangeSet:
    vectors = np.array([unit(seed) for seed in seeds], np.float32).reshape(len(seeds), DIMENSION)
    return ChangeSet(
        Mark(1, revision), fresh, [f"f{seed}" for seed in seeds], [f"s{seed}" for seed in seeds], vectors, removed
    )


def content(snapshot: Snapshot) -> list[tuple[str, str, bool, bytes]]:
    lines = [snapshot.candidate(row, 1.0) for row in range(len(snapshot.vectors))]
    return [
        (line.subject, line.face_id, bool(alive), vector.tobytes())
        for line, alive, vector in zip(lines, snapshot.alive, snapshot.vectors, strict=True)
    ]


def test_a_snapshot_never_changes():
    shelf = Shelf()
    snapshots = [shelf.apply(changes(1, range(5), fresh=True))]
    steps = [
        changes(2, range(5, 7)),  # grows
        changes(3, range(7, 9), ("f0", "f8")),  # appends in place, removes one old and one new
        changes(4, range(0), ("f1", "f2", "f3", "f4", "f5")),  # compacts
        changes(5, range(20, 120)),
        changes(9, range(3), fresh=True),  # starts anew
    ]
    before = [content(snapshots[0])]
    for step in steps:
        snapshots.append(shelf.apply(step))
        before.append(content(snapshots[-1]))
        assert [content(snapshot) for snapshot in snapshots] == before
    assert [snapshot.size()[1] for snapshot in snapshots] == [5, 7, 7, 2, 102, 3]


def test_capacity_doubles_so_that_single_additions_rarely_copy():
    shelf = Shelf()
    shelf.apply(changes(0, range(0), fresh=True))
    buffers = {shelf.apply(changes(n, range(n, n + 1))).vectors.ctypes.data for n in range(1, 1001)}
    assert len(buffers) <= 6  # 64, 128, ... 1024


def test_the_same_mark_gives_the_same_snapshot():
    shelf = Shelf()
    first = shelf.apply(changes(1, range(5), fresh=True))
    assert shelf.apply(changes(1, range(0))) is first


def test_removing_what_was_never_seen_is_fine():
    shelf = Shelf()
    assert shelf.apply(changes(1, range(2), ("never",), fresh=True)).size() == (2, 2)
