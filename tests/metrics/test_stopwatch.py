"""Stages of a request: counted once, over threads, and not at all without a request."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from vultus.metrics.stopwatch import stage, timed

LONG = 0.02  # seconds that something takes at least


def test_a_stage_has_the_time_that_no_stage_inside_of_it_has():
    with timed() as stopwatch:
        begun = time.perf_counter()
        with stage("search"):
            with stage("database_read"):
                time.sleep(LONG)
            with stage("database_read"):
                time.sleep(LONG)
        whole = time.perf_counter() - begun
    seconds = stopwatch.seconds()
    assert set(seconds) == {"search", "database_read"}
    assert seconds["database_read"] >= 2 * LONG
    assert sum(seconds.values()) <= whole  # inside of both, it would be counted twice


def test_stages_of_helping_threads_are_counted_beside_the_one_that_waits_for_them():
    def help_out() -> None:
        with stage("decode"):
            time.sleep(LONG)

    with timed() as stopwatch, ThreadPoolExecutor(2) as pool, stage("embed"):
        helpers = [pool.submit(copy_context().run, help_out) for _ in range(2)]
        for helper in helpers:
            helper.result()
    seconds = stopwatch.seconds()
    assert seconds["decode"] >= 2 * LONG
    assert seconds["embed"] >= LONG  # what ran beside it is not taken off


def test_a_stage_that_fails_is_counted():
    with timed() as stopwatch, pytest.raises(ValueError, match="no picture"), stage("decode"):
        raise ValueError("no picture")
    assert set(stopwatch.seconds()) == {"decode"}


def test_work_that_no_request_waits_for_is_not_counted():
    with stage("detect"), timed() as stopwatch:
        pass
    with stage("embed"):
        assert stopwatch.seconds() == {}


def test_requests_have_their_own_stopwatches():
    with timed() as outer:
        with timed() as inner, stage("search"):
            pass
        with stage("decode"):
            pass
    assert (set(outer.seconds()), set(inner.seconds())) == ({"decode"}, {"search"})
