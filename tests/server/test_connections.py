"""ConnectionLimiter by itself: which connections are closed, overload, and the line in the log."""

from __future__ import annotations

import logging

import pytest

from vultus.server.connections import SPARE, ConnectionLimiter


class FakeConnection:
    """A connection that records whether the limiter closed it."""

    def __init__(self, limiter: ConnectionLimiter) -> None:
        self.open = True
        limiter.opened(self)

    def abort(self) -> None:
        self.open = False


def test_the_longest_idle_connection_is_closed() -> None:
    limiter = ConnectionLimiter(40)
    connections = [FakeConnection(limiter) for _ in range(42)]
    assert [connection.open for connection in connections] == [False, False] + [True] * 40


def test_connections_that_sent_a_request_are_closed_last() -> None:
    limiter = ConnectionLimiter(40)
    regular = FakeConnection(limiter)
    limiter.request_started(regular)
    limiter.request_done(regular)
    new = [FakeConnection(limiter) for _ in range(100)]
    assert regular.open
    assert sum(connection.open for connection in new) == 39


def test_working_connections_are_never_closed_and_spare_ones_are_accepted() -> None:
    limiter = ConnectionLimiter(3)
    working = [FakeConnection(limiter) for _ in range(3)]
    for one in working:
        limiter.request_started(one)
    new = [FakeConnection(limiter) for _ in range(SPARE + 1)]
    assert all(one.open for one in working)
    assert [connection.open for connection in new] == [False] + [True] * SPARE
    assert not limiter.overloaded
    limiter.request_started(new[-1])
    assert limiter.overloaded
    limiter.request_done(working[0])
    assert not limiter.overloaded


def test_a_closed_connection_counts_no_more() -> None:
    limiter = ConnectionLimiter(1)
    for _ in range(200):
        connection = FakeConnection(limiter)
        limiter.request_started(connection)
        assert not limiter.overloaded
        limiter.closed(connection)
        limiter.request_done(connection)  # the answer of a caller who hung up
    last = [FakeConnection(limiter) for _ in range(SPARE)]
    assert all(connection.open for connection in last)


def test_the_log_says_so_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    times = [0.0]
    limiter = ConnectionLimiter(1, clock=lambda: times[-1])
    with caplog.at_level(logging.WARNING):
        for seconds in (0.0, 59.0, 60.0, 61.0):
            times.append(seconds)
            for _ in range(2 * SPARE):
                FakeConnection(limiter)
    assert len(caplog.records) == 2
    assert "VULTUS_MAX_CONNECTIONS" in caplog.text


def test_callers_without_a_key_who_take_answers_slowly_have_a_small_share() -> None:
    limiter = ConnectionLimiter(80)
    connections = [FakeConnection(limiter) for _ in range(30)]
    for one in connections:
        limiter.request_started(one)
        limiter.slowed(one)
    assert [one.open for one in connections] == [False] * 20 + [True] * 10


def test_who_has_caught_up_or_is_closed_has_no_part_of_the_share() -> None:
    limiter = ConnectionLimiter(8)
    first, second, third = (FakeConnection(limiter) for _ in range(3))
    limiter.slowed(first)
    limiter.caught_up(first)
    limiter.slowed(second)
    limiter.closed(second)
    limiter.slowed(third)
    assert first.open
    assert second.open
    assert third.open


def test_public_pages_take_no_connection_from_calls_with_a_key() -> None:
    limiter = ConnectionLimiter(16)
    readers = [FakeConnection(limiter) for _ in range(16)]
    for one in readers:
        limiter.request_started(one, public=True)
    assert [limiter.must_refuse(one) for one in readers[:3]] == [True, True, True]
    callers = [FakeConnection(limiter) for _ in range(17)]
    for one in callers[:16]:
        limiter.request_started(one)
        assert not limiter.must_refuse(one)
    limiter.request_started(callers[16])
    assert limiter.must_refuse(callers[16])


def test_a_reader_of_a_public_page_makes_room_by_closing_the_slowest() -> None:
    limiter = ConnectionLimiter(16)
    slow, quick, new = (FakeConnection(limiter) for _ in range(3))
    for one in (slow, quick):
        limiter.request_started(one, public=True)
    limiter.slowed(slow)
    limiter.request_started(new, public=True)
    assert not slow.open
    assert quick.open
    assert not limiter.must_refuse(new)


def test_a_call_behind_a_public_page_on_one_connection_does_not_leave_the_share() -> None:
    limiter = ConnectionLimiter(8)
    first, second = FakeConnection(limiter), FakeConnection(limiter)
    limiter.request_started(first, public=True)
    limiter.request_started(first)
    limiter.request_started(second, public=True)
    assert limiter.must_refuse(second)
    limiter.request_done(first)
    assert not limiter.must_refuse(second)
