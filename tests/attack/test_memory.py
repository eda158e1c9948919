"""Requests in a row: memory stays where it was after the first ones."""

from __future__ import annotations

import pytest

from tests.attack import budget
from tests.attack.repeated_requests import growth_apart
from tests.attack.resident import readable

pytestmark = pytest.mark.skipif(not readable, reason="memory is read from /proc")
MOST = 0.03


def test_six_hundred_requests_do_not_make_memory_grow() -> None:
    assert growth_apart(200, 600) < MOST


def test_what_requests_keep_would_be_seen() -> None:
    """The test above can fail: a third of its requests, each of which keeps as much as a small photo."""
    assert growth_apart(100, 200, keep=True) > MOST


@pytest.mark.soak
def test_fifty_thousand_requests_do_not_make_memory_grow() -> None:
    assert growth_apart(4_000, 50_000, seconds=budget.MEMORY) < MOST
