"""How many connections the limit of open files leaves, each time in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource
from vultus.server.process import raise_open_file_limit
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(raise_open_file_limit(1000), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "possible", "limit"),
    [(3000, 3000, 1000, 3000), (300, 2000, 1000, 1256), (300, 900, 644, 900), (100, 100, 1, 100)],
)
def test_the_limit_is_raised_as_far_as_it_may_be(soft: int, hard: int, possible: int, limit: int) -> None:
    script = SCRIPT.format(soft=soft, hard=hard)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(possible), str(limit)]
    assert ("VULTUS_MAX_CONNECTIONS=1000" in ran.stderr) == (possible < 1000)
