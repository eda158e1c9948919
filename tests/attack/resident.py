"""How much memory this process holds, so that two readings differ only by what was kept in between."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

STATUS = Path("/proc/self/status")
readable = STATUS.exists()


def resident_bytes() -> int:
    """The process's own memory in RAM, bytes: not the files it has mapped, which the kernel drops and reads at will.

    What was freed is given back first, so that it does not count; where the C library is glibc.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024
