"""The parts of the benchmark that need no model and no server."""

from __future__ import annotations

import time
from itertools import count
from types import SimpleNamespace

import pytest
from benchmarks.endpoints import bodies
from benchmarks.photos import Photos
from benchmarks.serving import form
from benchmarks.tables import table
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
