"""How many files the system lets this process open: each connection is one."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)

OTHER_FILES = 256  # for the database, photos, models, and connections above the places


def connections_possible(wanted: int) -> int:
    """As many connections as wanted, or as the limit of open files leaves, once it is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _raised(soft, hard, wanted + OTHER_FILES)
    possible = max(1, min(wanted, limit - OTHER_FILES))
    if possible < wanted:
        log.warning(
            "this process may open %d files (ulimit -n): %d connections instead of VULTUS_MAX_CONNECTIONS=%d",
            *(limit, possible, wanted),
        )
    return possible


def _raised(soft: int, hard: int, needed: int) -> int:
    """The limit, now. An unlimited one is negative on some systems, and enough."""
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    except (ValueError, OSError):
        return soft
    return limit
