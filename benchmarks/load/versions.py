"""An earlier version of Vultus beside this one, each served with its own gallery, in alternating turns.

    python -m benchmarks.load.versions BEFORE [--rounds 8] [--seconds 3] [--json FILE]

BEFORE: a checkout of the earlier version (git worktree add BEFORE COMMIT); it runs in this environment. A turn is the
requests that one version answers in so many seconds; the first turn of each does not count. Requests a second depend
on what else the machine does, processor time a request hardly does; the ratios are those of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.endpoints import Body, bodies, send
from benchmarks.photos import Photos
from benchmarks.processor import processor_ms, spent_ms
from benchmarks.report.plain_table import ms, table
from benchmarks.serving import Server, serving
from benchmarks.timing import Bounds

FACES = 20_000
CASES = (("/find", "640x480", 8), ("/find", "640x480", 1), ("/verify", "640x480", 8), ("/verify", "640x480", 1))
HERE = Path(__file__).parents[2]
MOST_REQUESTS = 1_000  # of a turn

Row = dict[str, Any]


def main() -> None:
    given = _arguments()
    sources = {"before": given.before.absolute() / "src", "now": HERE / "src"}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = {}
        for name, source in sources.items():
            home = Path(folder) / name
            home.mkdir()
            models = {"VULTUS_MODEL_DIR": str(home / "models")}  # versions prepare models differently
            print(f"... {name}: {_fill(home / 'data', source, models)}", file=sys.stderr)
            servers[name] = stack.enter_context(serving(home / "data", source=source, settings=models))
        rows = list(_rows(servers, given.rounds, given.seconds))
        memory = {name: machine.resident_mb(server.pid) for name, server in servers.items()}
    found = {"machine": machine.facts(), "faces": FACES, "rows": rows, "memory_mb": memory}
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    print("\n".join(_text(found)))


def _fill(data_dir: Path, source: Path, settings: dict[str, str]) -> str:
    """Make the data folder by that version's code; returns its model and arithmetic."""
    command = [sys.executable, "-m", "benchmarks.made_gallery", str(data_dir), str(FACES)]
    environment = {**os.environ, **settings, "PYTHONPATH": f"{source}{os.pathsep}{HERE}"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip().splitlines()[-1]


def _rows(servers: dict[str, Server], rounds: int, seconds: float) -> Iterator[Row]:
    photos = Photos()
    for path, size, clients in CASES:
        body, _ = bodies(photos, path, size, 0, count())
        before = machine.load()[0]
        turns: dict[str, list[Row]] = {name: [] for name in servers}
        for _ in range(rounds + 1):
            for name, server in servers.items():
                turns[name].append(_turn(server, path, body, clients, seconds))
        counted = {name: rows[1:] for name, rows in turns.items()}
        yield {
            "path": path,
            "size": size,
            "clients": clients,
            "load": [before, machine.load()[0]],
            **{name: _medians(rows) for name, rows in counted.items()},
        }


def _turn(server: Server, path: str, body: Body, clients: int, seconds: float) -> Row:
    before = processor_ms(server.pid)
    outcome = send(server, path, body, clients, Bounds(MOST_REQUESTS, seconds))
    if outcome.statuses:
        raise SystemExit(f"{path} was answered {dict(outcome.statuses)}")
    answered = len(outcome.taken_ms)
    return {
        "per_second": answered / outcome.seconds,
        "p50_ms": statistics.median(outcome.taken_ms),
        "cpu_ms": spent_ms(server.pid, before, answered) or 0.0,
    }


def _medians(rows: list[Row]) -> Row:
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def _text(found: Row) -> Iterator[str]:
    facts = found["machine"]
    yield f"{facts['cpu']}, {facts['cores']} cores; models compute in {facts['arithmetic']}"
    heads = ("call", "photos", "clients", "now/before: a second", "p50", "CPU", "a second", "p50 ms", "CPU ms", "load")
    yield from table(heads, [_cells(row) for row in found["rows"]], words=2)
    yield "resident memory after it, MiB: " + ", ".join(f"{name} {mb:.0f}" for name, mb in found["memory_mb"].items())


def _cells(row: Row) -> tuple[str, ...]:
    before, now = row["before"], row["now"]
    ratios = (f"{now[key] / before[key]:.2f}" for key in ("per_second", "p50_ms", "cpu_ms"))
    both = (f"{ms(before[key])} -> {ms(now[key])}" for key in ("per_second", "p50_ms", "cpu_ms"))
    load = " to ".join(f"{value:.1f}" for value in row["load"])
    return (row["path"], row["size"], str(row["clients"]), *ratios, *both, load)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, metavar="BEFORE", help="a checkout of the earlier version")
    parser.add_argument("--rounds", type=int, default=8, help="turns of each that count (8)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a turn (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
