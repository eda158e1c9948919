"""The same gallery in SQLite, in PostgreSQL searched in memory, and in PostgreSQL searched by pgvector, over HTTP.

    python -m benchmarks.load.databases URL FOLDER [--seconds 10] [--rounds 3] [--set NAME=VALUE ...] [--json FILE]

URL: of an empty PostgreSQL database with pgvector. FOLDER: a gallery of `benchmarks.made_gallery`, which is moved there
by `vultus move`; the enrolments of the SQLite turns stay in it. Turns alternate: one client's /find, several at once,
and one client's /enroll; with two replicas, half of the clients at each. Where the machine has the cores, two replicas
show what they add if each is held to some of them: --set VULTUS_WORKERS=1 VULTUS_COMPUTE_SLOTS=4.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.endpoints import Body, bodies, send
from benchmarks.photos import Photos
from benchmarks.serving import Server, serving
from benchmarks.timing import Bounds, percentile

SIZE, WARM_REQUESTS = "640x480", 20
ONE, ENROLMENTS, MOST_REQUESTS = 40, 15, 2_000  # requests of a turn of one client, and at most of several

Row = dict[str, Any]
Replicas = tuple[Server, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of all servers")
    parser.add_argument("--clients", type=int, default=8, help="searches at once (8)")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    began = time.perf_counter()
    command = [sys.executable, "-m", "vultus", "move", "--to", given.url, "--data-dir", str(given.folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found: Row = {"move_s": round(time.perf_counter() - began, 1), "load": machine.load()[0]}
    print(f"moved in {found['move_s']} s", flush=True)
    found["rows"] = _measured(given)
    for name, row in found["rows"].items():
        print(name, json.dumps(row))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _measured(given: argparse.Namespace) -> dict[str, Row]:
    """A row for each arrangement."""
    photos, fresh, shared = Photos(), count(), dict(pair.split("=", 1) for pair in given.set)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))

        def on_postgres(name: str, search: str = "memory") -> Server:
            own = scratch / name / "data"
            own.mkdir(parents=True)
            settings = {"VULTUS_DATABASE_URL": given.url, "VULTUS_PHOTOS_SHARED": "true", "VULTUS_SEARCH": search}
            return stack.enter_context(serving(own, settings=settings | shared))

        first = on_postgres("first")
        arrangements: dict[str, Replicas] = {
            "sqlite": (stack.enter_context(serving(given.folder, settings=shared)),),
            "postgres": (first,),
            "two replicas": (first, on_postgres("second")),
            "pgvector": (on_postgres("third", "database"),),
        }
        find, _ = bodies(photos, "/find", SIZE, 0, fresh)
        for replicas in arrangements.values():
            _together(replicas, find, given.clients, Bounds(WARM_REQUESTS, 300.0))  # loads the collection
        turns: dict[str, list[Row]] = {name: [] for name in arrangements}
        for _ in range(given.rounds):
            for name, replicas in arrangements.items():
                new, _ = bodies(photos, "/enroll", SIZE, ENROLMENTS, fresh)
                alone = _taken(replicas[0], "/find", find, ONE)
                answered, spent = _together(replicas, find, given.clients, Bounds(MOST_REQUESTS, given.seconds))
                enrolled = _taken(replicas[0], "/enroll", new, ENROLMENTS)
                turns[name].append({"find_ms": alone, "finds_per_second": answered / spent, "enroll_ms": enrolled})
    return {name: _medians(rows) for name, rows in turns.items()}


def _taken(server: Server, path: str, body: Body, requests: int) -> float:
    """The median of one client's requests, ms."""
    return percentile(_answered(server, path, body, 1, Bounds(requests, 120.0)), 0.5)


def _together(replicas: Replicas, body: Body, clients: int, bounds: Bounds) -> tuple[int, float]:
    """How many searches so many clients had answered, and in which time."""
    counts: list[int] = []

    def ask(server: Server) -> None:
        counts.append(len(_answered(server, "/find", body, clients // len(replicas), bounds)))

    began = time.perf_counter()
    threads = [threading.Thread(target=ask, args=(server,)) for server in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts), time.perf_counter() - began


def _answered(server: Server, path: str, body: Body, clients: int, bounds: Bounds) -> list[float]:
    outcome = send(server, path, body, clients, bounds)
    if outcome.statuses:
        raise SystemExit(f"{path} was answered {dict(outcome.statuses)}")
    return outcome.taken_ms


def _medians(rows: list[Row]) -> Row:
    return {name: round(statistics.median(row[name] for row in rows), 1) for name in rows[0]}


if __name__ == "__main__":
    main()
