"""Start-up time and memory growth of the server, with prepared models and a filled gallery."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.endpoints import bodies, send
from benchmarks.machine import resident_mb
from benchmarks.photos import Photos
from benchmarks.serving import Server, serving
from benchmarks.timing import Bounds

ONCE = Bounds(1, 60.0)


def start_up(data_dir: Path, photos: Photos, times: int) -> dict[str, float]:
    """Seconds from the start of the process, medians: ready; first /represent done; first /find, index loaded."""
    laps = []
    for _ in range(times):
        with serving(data_dir) as server:
            ready = time.perf_counter() - server.started
            asked = [_ask(server, photos, path) for path in ("/represent", "/find")]
            laps.append((ready, *asked))
    ready, represented, found = (statistics.median(column) for column in zip(*laps, strict=True))
    return {"ready_s": ready, "first_represent_s": represented, "first_find_s": found, "n": times}


def growth(server: Server, photos: Photos, requests: int, seconds: float) -> dict[str, Any]:
    """Resident memory before and after so many /find by two clients."""
    before = resident_mb(server.pid)
    body, _ = bodies(photos, "/find", "640x480", 0, iter(()))
    outcome = send(server, "/find", body, 2, Bounds(requests, seconds))
    after = resident_mb(server.pid)
    return {"requests": len(outcome.taken_ms), "before_mb": before, "after_mb": after, "growth": after / before - 1}


def _ask(server: Server, photos: Photos, path: str) -> float:
    body, _ = bodies(photos, path, "640x480", 0, iter(()))
    if send(server, path, body, 1, ONCE).statuses:
        raise SystemExit(f"the first {path} was refused")
    return time.perf_counter() - server.started
