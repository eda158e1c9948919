"""How many cores this process may use: a container may have fewer than its machine."""

from __future__ import annotations

import math
import os
from pathlib import Path

QUOTAS = (Path("/sys/fs/cgroup/cpu.max"), Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"))  # of cgroups 2 and 1
PERIOD_1 = "cpu.cfs_period_us"


def available_cores(quotas: tuple[Path, ...] = QUOTAS) -> int:
    """The cores of the machine that the process is bound to, or as many as its container's quota pays for; at least 1.

    quotas: the files in which Linux says what the container may use; the first that is there counts.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    path = next((path for path in quotas if path.is_file()), None)
    paid = _quota(path) if path else None
    return max(1, min(bound, math.ceil(paid)) if paid else bound)


def _quota(path: Path) -> float | None:
    """Cores that may be used on average; None without a limit, or where the file says something else."""
    try:
        words = path.read_text().split()
        if len(words) == 1:
            words.append((path.parent / PERIOD_1).read_text())
        quota, period = (math.inf if word == "max" else float(word) for word in words[:2])
        return quota / period if 0 < quota < math.inf else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
