"""Who may be connected, by hand: places, silence, and the line in the log."""

from __future__ import annotations

import logging

import pytest

from vultus.server.connections import SPARE, ConnectionLimiter


class Guest:
    """A connection that remembers whether it was closed to make limiter."""

    def __init__(self, limiter: ConnectionLimiter) -> None:
        self.open = True
        limiter.opened(self)

    def abort(self) -> None:
        self.open = False


def test_the_longest_silent_makes_room() -> None:
    limiter = ConnectionLimiter(40)
    guests = [Guest(limiter) for _ in range(42)]
    assert [guest.open for guest in guests] == [False, False] + [True] * 40


def test_who_asked_before_stays_longer_than_who_never_did() -> None:
    limiter = ConnectionLimiter(40)
    customer = Guest(limiter)
    limiter.request_started(customer)
    limiter.request_done(customer)
    strangers = [Guest(limiter) for _ in range(100)]
    assert customer.open
    assert sum(guest.open for guest in strangers) == 39


def test_who_works_is_never_closed_and_spare_places_are_left_for_newcomers() -> None:
    limiter = ConnectionLimiter(3)
    workers = [Guest(limiter) for _ in range(3)]
    for worker in workers:
        limiter.request_started(worker)
    newcomers = [Guest(limiter) for _ in range(SPARE + 1)]
    assert all(worker.open for worker in workers)
    assert [guest.open for guest in newcomers] == [False] + [True] * SPARE
    assert not limiter.overloaded
    limiter.request_started(newcomers[-1])
    assert limiter.overloaded
    limiter.request_done(workers[0])
    assert not limiter.overloaded


def test_who_left_takes_no_place() -> None:
    limiter = ConnectionLimiter(1)
    for _ in range(200):
        guest = Guest(limiter)
        limiter.request_started(guest)
        assert not limiter.overloaded
        limiter.closed(guest)
        limiter.request_done(guest)  # the answer of a caller who hung up
    last = [Guest(limiter) for _ in range(SPARE)]
    assert all(guest.open for guest in last)


def test_the_log_says_so_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    times = [0.0]
    limiter = ConnectionLimiter(1, clock=lambda: times[-1])
    with caplog.at_level(logging.WARNING):
        for seconds in (0.0, 59.0, 60.0, 61.0):
            times.append(seconds)
            for _ in range(2 * SPARE):
                Guest(limiter)
    assert len(caplog.records) == 2
    assert "VULTUS_MAX_CONNECTIONS" in caplog.text
