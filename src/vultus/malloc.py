"""What the C library keeps of freed memory: as little as costs no time. Does nothing without glibc."""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # glibc, malloc.h
MIN_ARENAS = 2
# More than the detector's input, 4.7 MiB for a square of 640 pixels, which every photo needs: in new pages it costs 900
# page faults a photo, in all a sixth of the processor time of `/verify`. What is larger is rare, and given back.
LARGE_BYTES = 5 * 1024 * 1024


def limit_kept_memory(threads: int) -> None:
    """Limit malloc to as many arenas as threads compute, and give large blocks back when freed. Call before they start.

    Each arena keeps freed memory for itself, and by default there are eight per core. By default also, glibc keeps
    blocks of up to 32 MiB once one of that size was freed.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_ARENA_MAX, max(threads, MIN_ARENAS))
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, 2 * LARGE_BYTES)


def give_memory_back() -> None:
    """Give the freed memory that malloc keeps back to the system: after something that needed much, as a start."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
