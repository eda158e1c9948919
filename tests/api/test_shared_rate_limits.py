"""Limits that hold over processes: two objects on one file stand for two processes, and real ones count together."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.waiting import patient
from vultus.api.rate_limiting.rate_limits import RateLimiter
from vultus.api.rate_limiting.shared_rate_limits import BUCKETS, SHARED_BYTES, WINDOWS_OF_A_BUCKET, SharedWindows

TAKING = """
import os, sys
from vultus.api.rate_limiting.rate_limits import RateLimiter
from vultus.api.rate_limiting.shared_rate_limits import SharedWindows
limiter = RateLimiter(windows=SharedWindows(os.open(sys.argv[1], os.O_RDWR)))
print(sum(not limiter.take("k", 300).exceeded for _ in range(200)))
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "windows"
    path.write_bytes(bytes(SHARED_BYTES))
    return path


def windows(file) -> SharedWindows:
    return SharedWindows(os.open(file, os.O_RDWR))


def test_two_processes_count_together(file):
    one, other = (RateLimiter(lambda: 100.0, windows(file)) for _ in range(2))
    assert [limiter.take("k", 3).remaining for limiter in (one, other, one, other)] == [2, 1, 0, -1]
    assert one.take("another key", 3).remaining == 2


def test_a_window_ends_after_a_minute(file):
    now = 100.0
    limiter = RateLimiter(lambda: now, windows(file))
    assert [limiter.take("k", 1).exceeded for _ in range(2)] == [False, True]
    now = 160.0
    assert not limiter.take("k", 1).exceeded


def test_a_full_bucket_gives_the_oldest_window_away(file, monkeypatch):
    monkeypatch.setattr("vultus.api.rate_limiting.shared_rate_limits.BUCKETS", 1)
    now = 100.0
    limiter = RateLimiter(lambda: now, windows(file))
    for number in range(WINDOWS_OF_A_BUCKET + 1):
        limiter.take(f"k{number}", 5)
        now += 1
    assert limiter.take(f"k{WINDOWS_OF_A_BUCKET}", 5).remaining == 3
    assert limiter.take("k1", 5).remaining == 3
    assert limiter.take("k0", 5).remaining == 4  # its window was the oldest
    assert BUCKETS > 1000


def test_real_processes_allow_no_more_than_the_limit(file):
    command = [sys.executable, "-c", TAKING, str(file)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sum(int(process.communicate(timeout=patient())[0]) for process in processes) == 300
