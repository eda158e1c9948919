"""Snapshots: a search reads an unchanged one, whatever is applied later, except that codes of erased faces go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.storage.synthetic import DIMENSION, rows_of, unit
from vultus.search.loaded_collection import LoadedCollection, Snapshot
from vultus.search.segments import Segment, empty_rows
from vultus.search.source import ChangeSet, Mark


def changes(revision: int, pks: Sequence[int], removed: Sequence[int] = (), *, fresh: bool = False) -> ChangeSet:
    """The face with the number N has the embedding unit(N) and belongs to the subject N // 2."""
    added = rows_of(pks, [pk // 2 for pk in pks], np.array([unit(pk) for pk in pks]).reshape(len(pks), DIMENSION))
    return ChangeSet(Mark(1, revision), fresh, DIMENSION, (added,), np.array(removed, np.int64))


def content(snapshot: Snapshot) -> list[tuple[object, ...]]:
    return [
        (int(pk), int(subject), bool(alive), values.tobytes(), float(scale), float(error))
        for block in snapshot.blocks
        for pk, subject, alive, values, scale, error in zip(
            block.rows.face_pks,
            block.rows.subject_pks,
            block.alive,
            block.rows.codes.values,
            block.rows.codes.scales,
            block.rows.codes.errors,
            strict=True,
        )
    ]


def without_codes_of(lines: list[tuple[object, ...]], gone: Sequence[int]) -> list[tuple[object, ...]]:
    """The content once the codes of these faces are overwritten."""
    return [(*line[:3], bytes(DIMENSION), 0.0, 0.0) if line[0] in gone else line for line in lines]


def held(snapshot: Snapshot) -> list[int]:
    """The numbers of the faces that are alive, in the order they are held."""
    return [line[0] for line in content(snapshot) if line[2]]


@pytest.mark.parametrize("segment_rows", [1, 3, 8, 65_536])
def test_a_snapshot_changes_only_where_faces_are_erased(segment_rows):
    loaded = LoadedCollection(segment_rows)
    snapshots = [loaded.apply(changes(1, range(5), fresh=True))]
    steps = [
        changes(2, range(5, 7)),  # grows
        changes(3, range(7, 9), (0, 6)),  # appends in place, removes one old and one new
        changes(4, [], (1, 2, 3, 4, 5)),  # compacts
        changes(5, range(20, 120)),
        changes(9, range(3), fresh=True),  # starts anew
    ]
    before = [content(snapshots[0])]
    for step in steps:
        snapshots.append(loaded.apply(step))
        before.append(content(snapshots[-1]))
        for snapshot, known in zip(snapshots, before, strict=True):
            assert content(snapshot) in (known, without_codes_of(known, step.removed.tolist()))
        before = [content(snapshot) for snapshot in snapshots]
    assert [snapshot.size() for snapshot in snapshots] == [(3, 5), (4, 7), (5, 7), (2, 2), (52, 102), (2, 3)]
    assert held(snapshots[4]) == [7, 8, *range(20, 120)]


def test_segments_fill_up_before_the_next_begins():
    loaded = LoadedCollection(8)
    loaded.apply(changes(1, range(3), fresh=True))
    assert [len(block) for block in loaded.apply(changes(2, range(3, 30))).blocks] == [8, 8, 8, 6]


def test_capacity_doubles_so_that_single_additions_rarely_copy():
    loaded = LoadedCollection()
    loaded.apply(changes(0, [], fresh=True))
    buffers = set()
    for n in range(1, 1001):
        (block,) = loaded.apply(changes(n, [n])).blocks
        buffers.add(block.rows.codes.values.ctypes.data)
    assert len(buffers) <= 6  # 64, 128, ... 1024


def test_a_change_touches_only_its_segment():
    loaded = LoadedCollection(100)
    before = loaded.apply(changes(1, range(1000), fresh=True))
    before = loaded.apply(changes(2, range(1000, 1001)))
    after = loaded.apply(changes(3, [1001], [350]))
    assert [new is old for new, old in zip(after.blocks, before.blocks, strict=True)].count(False) == 2


def test_a_loaded_segment_is_not_copied():
    loaded = changes(1, range(50), fresh=True)
    (block,) = LoadedCollection().apply(loaded).blocks
    assert block.rows.codes.values is loaded.added[0].codes.values


def test_the_same_mark_gives_the_same_snapshot():
    loaded = LoadedCollection()
    first = loaded.apply(changes(1, range(5), fresh=True))
    assert loaded.apply(changes(1, [])) is first


def test_removing_what_was_never_seen_is_fine():
    loaded = LoadedCollection()
    loaded.apply(changes(1, range(2), fresh=True))
    assert held(loaded.apply(changes(2, [], [77]))) == [0, 1]


def test_a_number_given_again_is_another_face():
    """SQLite gives the highest number again once its row is gone; within one pull, and over several."""
    loaded = LoadedCollection()
    loaded.apply(changes(1, range(1, 11), fresh=True))
    steps = [
        (changes(3, [10], [10]), range(1, 11)),
        (changes(5, [9, 11], [10, 9]), [*range(1, 10), 11]),
        (changes(6, [], [9]), [*range(1, 9), 11]),
    ]
    for step, wanted in steps:
        snapshot = loaded.apply(step)
        assert (held(snapshot), snapshot.size()[1]) == (list(wanted), len(wanted))


def test_memory_is_about_half_a_kilobyte_a_face():
    big = rows_of(range(1000), range(1000), np.stack([unit(seed, 512) for seed in range(1000)]))
    loaded = LoadedCollection()
    loaded.apply(ChangeSet(Mark(1, 1), True, 512, (big,), np.empty(0, np.int64)))
    assert loaded.nbytes == 1000 * (512 + 4 + 4 + 8 + 8 + 1)


def test_a_full_segment_takes_no_more_rows():
    assert Segment(empty_rows(10, 4), 10).free_rows == 0
    assert Segment(empty_rows(12, 4), 10).free_rows == 0


def test_the_codes_of_an_erased_face_leave_the_memory():
    loaded = LoadedCollection()
    loaded.apply(changes(1, range(10), fresh=True))
    (block,) = loaded.apply(changes(2, [], [3, 7])).blocks
    empty = [pk for pk in range(10) if not block.rows.codes.values[pk].any() and not block.rows.codes.scales[pk]]
    assert empty == [3, 7]


def test_the_codes_of_a_moved_face_stay_until_it_is_erased():
    loaded = LoadedCollection()
    loaded.apply(changes(1, range(10), fresh=True))
    (moved,) = loaded.apply(changes(2, [3])).blocks
    assert (len(moved), moved.dead, moved.erased, moved.alive[3], moved.alive[10]) == (11, 1, 0, False, True)
    assert moved.rows.codes.values[3].tolist() == moved.rows.codes.values[10].tolist() != [0] * DIMENSION
    (erased,) = loaded.apply(changes(3, [], [3])).blocks
    assert (erased.dead, erased.erased) == (2, 2)
    assert not erased.rows.codes.values[[3, 10]].any()


def test_the_number_of_an_erased_face_given_again_is_no_move():
    loaded = LoadedCollection()
    loaded.apply(changes(1, range(10), fresh=True))
    (block,) = loaded.apply(changes(2, [9], [9])).blocks
    assert (block.dead, block.erased, block.alive[10]) == (1, 1, True)
    assert not block.rows.codes.values[9].any()
    assert block.rows.codes.values[10].any()


@pytest.mark.parametrize("numbers", [[], [0], [5, 5, 5], [3, 1, 3], [10**15, 7, 10**15]])
def test_subjects_are_counted_once(numbers):
    loaded = LoadedCollection()
    rows = rows_of(range(len(numbers)), numbers, np.ones((len(numbers), DIMENSION)))
    snapshot = loaded.apply(ChangeSet(Mark(1, 1), True, DIMENSION, (rows,), np.empty(0, np.int64)))
    assert snapshot.size() == (len(set(numbers)), len(numbers))
