"""Requests a second, delays and memory with 1, 2 and 4 worker processes, the networks replaced by sleeps.

    python -m benchmarks.load.workers [--faces 20000 200000] [--workers 1 2 4] [--seconds 4] [--rounds 3] [--json FILE]
        [--real] [--clients 16] [--made FOLDER]

No proof of what many cores do: the networks take no core (`sleeping_server.py`), the rest shares the cores there are
with the clients, and no memory bandwidth is fought for. It shows what the Python part of one process can do, and that
workers share the faces of a collection: memory is the sum of all processes' PSS. On a machine that has the cores,
--real lets the networks compute: `vultus serve` with its own number of slots.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.endpoints import Body, bodies, send
from benchmarks.load.lifetime import ONCE
from benchmarks.made_gallery import DEFAULT, OURS, made_gallery
from benchmarks.photos import Photos
from benchmarks.processor import processor_ms
from benchmarks.report.plain_table import ms, table
from benchmarks.serving import Server, serving
from benchmarks.timing import Bounds, percentile

CALLS = ("/find", "/verify")
SIZE = "640x480"
SLOTS = 32  # more than clients: a sleeping network needs no core
WARM_REQUESTS = 80  # each network of each worker computes its first runs in them
IDLE_SECONDS = 90.0
MOST_REQUESTS = 2_000  # of a turn
ASLEEP, REAL = ("benchmarks.load.sleeping_server",), ("vultus", "serve")

Row = dict[str, Any]


def main() -> None:
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped too
    rows: list[Row] = []
    for faces in given.faces:
        with tempfile.TemporaryDirectory() as folder:
            for row in _measured(Path(folder), faces, given):
                print(f"... {row}", file=sys.stderr, flush=True)
                rows.append(row)
    found = {"machine": machine.facts(), "clients": given.clients, "real": given.real, "rows": rows}
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    print("\n".join(_text(found)))


def _measured(folder: Path, faces: int, given: argparse.Namespace) -> Iterator[Row]:
    """A row for each number of workers; each has a server and a folder of its own, and turns alternate."""
    photos, made = Photos(), (given.made or folder) / f"made-{faces}"
    if not made.exists():
        made_gallery(made, faces, [OURS[DEFAULT]], say=lambda _: None)
    with ExitStack() as stack:
        servers: dict[int, Server] = {}
        for number in given.workers:
            data_dir = folder / str(number) / "data"
            shutil.copytree(made, data_dir)
            slots = {} if given.real else {"VULTUS_COMPUTE_SLOTS": str(SLOTS)}
            settings = {"VULTUS_WORKERS": str(number), **slots}
            module = REAL if given.real else ASLEEP
            servers[number] = stack.enter_context(serving(data_dir, module=module, settings=settings))
            wait_until_idle(servers[number])
        taken: dict[tuple[int, str], list[Row]] = {(number, call): [] for number in servers for call in CALLS}
        before = machine.load()[0]
        for path in CALLS:
            body, _ = bodies(photos, path, SIZE, 0, count())
            for server in servers.values():
                send(server, path, body, given.clients, Bounds(WARM_REQUESTS, ONCE.seconds))
            for _ in range(given.rounds):
                for number, server in servers.items():
                    taken[number, path].append(_turn(server, path, body, given.clients, given.seconds))
        for number, server in servers.items():
            pids = machine.family(server.pid)
            yield {
                "faces": faces,
                "workers": number,
                "pss_mb": machine.proportional_mb(pids),
                "rss_mb": sum(map(machine.resident_mb, pids)),
                "load": [before, machine.load()[0]],
                **{path: _medians(taken[number, path]) for path in CALLS},
            }


def wait_until_idle(server: Server) -> None:
    """Wait for the end of what a server prepares in the background, at most IDLE_SECONDS."""
    end = time.perf_counter() + IDLE_SECONDS
    while time.perf_counter() < end:
        before = _worked_ms(machine.family(server.pid))
        time.sleep(1.0)
        if _worked_ms(machine.family(server.pid)) - before < 30.0:
            return


def _worked_ms(pids: Sequence[int]) -> float:
    return sum(processor_ms(pid) or 0.0 for pid in pids)


def _turn(server: Server, path: str, body: Body, clients: int, seconds: float) -> Row:
    pids = machine.family(server.pid)
    before = _worked_ms(pids)
    outcome = send(server, path, body, clients, Bounds(MOST_REQUESTS, seconds))
    if outcome.statuses:
        raise SystemExit(f"{path} was answered {dict(outcome.statuses)}")
    answered = len(outcome.taken_ms)
    return {
        "per_second": answered / outcome.seconds,
        "p50_ms": percentile(outcome.taken_ms, 0.5),
        "p99_ms": percentile(outcome.taken_ms, 0.99),
        "cpu_ms": (_worked_ms(pids) - before) / answered,
    }


def _medians(rows: list[Row]) -> Row:
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def _text(found: Row) -> Iterator[str]:
    facts = found["machine"]
    networks = "networks compute" if found["real"] else "networks asleep: no proof"
    yield f"{facts['cpu']}, {facts['cores']} cores; {found['clients']} clients; {networks}"
    each = [f"{call} {what}" for call in CALLS for what in ("a second", "p50", "p99", "CPU")]
    yield from table(
        ("faces", "workers", *each, "PSS MiB", "RSS MiB", "load"), [_cells(row) for row in found["rows"]], words=0
    )


def _cells(row: Row) -> tuple[str, ...]:
    keys = ("per_second", "p50_ms", "p99_ms", "cpu_ms")
    each = (ms(row[call][key]) for call in CALLS for key in keys)
    load = " to ".join(f"{value:.1f}" for value in row["load"])
    return (f"{row['faces']:,}", str(row["workers"]), *each, f"{row['pss_mb']:.0f}", f"{row['rss_mb']:.0f}", load)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=3, help="turns of each server (3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a turn (4)")
    parser.add_argument("--real", action="store_true", help="the networks compute")
    parser.add_argument("--clients", type=int, default=16, help="requests at once (16)")
    parser.add_argument("--made", type=Path, metavar="FOLDER", help="galleries named made-FACES, else made anew")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
