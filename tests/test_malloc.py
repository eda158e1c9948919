"""What the C library keeps of freed memory, counted in a process of its own, as it is a setting of the process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from vultus.vision.detect import DETECTION_SIDE

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")

PAGE_FAULTS = """
import resource, sys
import numpy as np
from vultus.malloc import limit_kept_memory

def faults(numbers):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.empty(numbers, np.float32).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

limit_kept_memory(2)
print(*(faults(int(sys.argv[1])) for _ in range(4)))
"""
KEPT_PAGES = """
from pathlib import Path
import numpy as np
from vultus.malloc import limit_kept_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

limit_kept_memory(2)
before = resident()
np.empty(64 << 20, np.uint8).fill(1)
print(resident() - before)
"""


def printed(program: str, *arguments: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return [int(number) for number in done.stdout.split()]


def test_the_detectors_input_takes_the_pages_of_the_photo_before():
    first, *later = printed(PAGE_FAULTS, str(3 * DETECTION_SIDE * DETECTION_SIDE))
    assert first > 0
    assert max(later) < 20, later  # 1,200 pages of 4 KiB where they are given back


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_very_large_block_is_given_back():
    (kept,) = printed(KEPT_PAGES)
    assert kept < 1024  # of the 16,384 pages of 4 KiB
