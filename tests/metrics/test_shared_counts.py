"""The folder of the counts of several workers: its place, what the parent cleans, and what workers leave for others."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from vultus.metrics import shared_counts as module
from vultus.metrics.shared_counts import VARIABLE, SharedCounts, counting_in, shared_counts, together
from vultus.records.samples import LoadedIndex, Work


def test_the_folder_is_private_empty_at_the_start_and_gone_at_the_end(tmp_path):
    with shared_counts(tmp_path) as counts:
        assert stat.S_IMODE(counts.folder.stat().st_mode) == 0o700
        counts.reserve(7)
        left_behind = counts.folder
        (left_behind / "counter_8.db").write_bytes(b"of a server that was killed")
        with shared_counts(tmp_path) as next_server:
            assert next_server.folder == left_behind
            assert list(next_server.folder.iterdir()) == []
    assert not left_behind.exists()


def test_two_data_folders_have_two(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with shared_counts(tmp_path / "a") as one, shared_counts(tmp_path / "b") as other:
        assert one.folder != other.folder


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, monkeypatch):
    """Another user may make any name in /dev/shm, so that of ours is only taken where it is ours."""
    monkeypatch.setattr(module, "IN_MEMORY", tmp_path)
    with shared_counts(tmp_path) as counts:
        theirs = counts.folder
    theirs.mkdir()
    (theirs / "theirs").touch()
    user = os.geteuid()
    monkeypatch.setattr(os, "lstat", lambda path: os.stat_result((0, 0, 0, 0, user + 1, 0, 0, 0, 0, 0)))
    with shared_counts(tmp_path) as counts:
        assert counts.folder == tmp_path / "shared-counts"
    assert (theirs / "theirs").exists()


@pytest.mark.parametrize("broken", ["{", '{"ready": true}', "[]"])
def test_what_a_worker_could_not_finish_is_passed_over(tmp_path, broken):
    counts = SharedCounts(tmp_path)
    counts.publish(1, Work(ready=True, slots=2))
    (tmp_path / "work-2.json").write_text(broken)
    counts.publish_parent(wanted=2, restarts=1)
    workers = counts.workers()
    assert (workers.wanted, workers.alive, workers.restarts, workers.work.slots) == (2, 1, 1, 2)


def test_a_worker_that_ended_does_nothing_any_more(tmp_path):
    counts = SharedCounts(tmp_path)
    counts.publish(1, Work(ready=True, slots=2, waiting=3))
    counts.publish(2, Work(ready=True, slots=2, waiting=4))
    assert counts.workers().work.waiting == 7
    counts.forget(2)
    counts.forget(99)
    assert (counts.workers().alive, counts.workers().work.waiting) == (1, 3)


def test_of_a_collection_in_several_workers_the_lowest_recall_counts():
    one = Work(ready=True, started_at=5.0, indexes=(LoadedIndex("a", "pq", 10, 100, 0.99),))
    other = Work(started_at=3.0, indexes=(LoadedIndex("a", "pq", 12, 50, 0.98), LoadedIndex("b", "exact", 1, 1, 1.0)))
    both = together([one, other])
    assert both.indexes == (LoadedIndex("a", "pq", 12, 150, 0.98), LoadedIndex("b", "exact", 1, 1, 1.0))
    assert (both.ready, both.started_at) == (True, 3.0)


def test_the_variable_is_there_only_while_a_worker_is_started(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with counting_in(SharedCounts(tmp_path)):
        assert os.environ[VARIABLE] == str(tmp_path)
    assert VARIABLE not in os.environ
    monkeypatch.setenv(VARIABLE, "elsewhere")
    with counting_in(SharedCounts(tmp_path)):
        assert os.environ[VARIABLE] == str(tmp_path)
    assert os.environ[VARIABLE] == "elsewhere"


def test_without_a_folder_the_service_goes_on(tmp_path, caplog):
    counts = SharedCounts(tmp_path / "gone")
    counts.reserve(1)
    counts.publish(1, Work())
    assert counts.workers().alive == 0
    assert str(Path("gone")) in caplog.text
