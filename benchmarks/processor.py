"""Processor time of a process, user and system, all threads: the cost of a call, however busy the machine is."""

from __future__ import annotations

import os
from pathlib import Path


def processor_ms(pid: int) -> float | None:
    """Milliseconds since the process began, in steps of the clock tick, mostly 10; None where the system hides it."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return None
    fields = path.read_text().rpartition(")")[2].split()  # from field 3 of proc(5): the state
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def spent_ms(pid: int, before: float | None, calls: int) -> float | None:
    """Milliseconds per call since `before`, a result of processor_ms."""
    now = processor_ms(pid)
    return None if now is None or before is None or not calls else (now - before) / calls
