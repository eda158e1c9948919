"""The benchmark of Vultus: stages, endpoints, search, start-up and memory, and a comparison with its peers.

    python -m benchmarks.run [--quick] [--only PART ...] [--json FILE] [--figures FOLDER] [--photos FOLDER] [--peers]

The top of each module says what it measures and how: stages, endpoints, lifetime, search, peers/compare. Figures
hold for the machine named in the output; on a shared one trust only ratios above 1.2, and check the load average.
Everything is bounded: under 3 minutes with --quick, about 15 without, the peers apart.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks import search as search_benchmark
from benchmarks.call_profile import CALLS, find_profile, processor_profile
from benchmarks.endpoints import endpoints
from benchmarks.load.burst import burst
from benchmarks.load.lifetime import growth, start_up
from benchmarks.made_gallery import DEFAULT, FACENET, OURS, made_gallery
from benchmarks.peers.compare import compare
from benchmarks.photos import SIZES, Photos
from benchmarks.report import tables
from benchmarks.report.figures import draw
from benchmarks.serving import Server, serving
from benchmarks.stages import stages
from benchmarks.timing import Bounds
from vultus.config import Settings
from vultus.models.card import known_card
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStore
from vultus.wiring.open_system import open_system

FACES = 20_000
PROFILED = "640x480"
PARTS = ("stages", "start-up", "endpoints", "search")


@dataclass(frozen=True)
class Plan:
    """How much is measured. alone: of each stage; latency: one client; load: each number of clients."""

    alone: Bounds
    latency: Bounds
    load: Bounds
    starts: int
    growth: Bounds
    search_sizes: tuple[int, ...]
    peer_rounds: int


FULL = Plan(Bounds(50, 2), Bounds(150, 6), Bounds(150, 2.5), 3, Bounds(10_000, 300), (20_000, 100_000, 1_000_000), 5)
QUICK = Plan(Bounds(15, 0.5), Bounds(30, 2), Bounds(40, 1), 1, Bounds(200, 4), (20_000,), 3)


def main() -> int:
    """Measure, print, write; after an error, what was measured before it is written."""
    given = _arguments()
    results: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            peer_dir = given.peer_dir if given.peers else None
            run(QUICK if given.quick else FULL, Photos(given.photos), Path(folder), given.only, peer_dir, results)
    finally:
        if given.json and results:
            given.json.write_text(json.dumps(results, indent=2) + "\n")
    print("\n" + tables.text(results))
    if given.figures and "profile" in results:
        print("\nplots: " + ", ".join(str(path) for path in draw(results, given.figures)))
    return 0


def run(
    plan: Plan,
    photos: Photos,
    folder: Path,
    parts: Sequence[str],
    peer_dir: Path | None,
    results: dict[str, Any],
) -> None:
    """Put all figures into `results`, part by part.

    folder: a temporary one. parts: of PARTS. peer_dir: where the peers' environments are, None to leave them out.
    """
    load = results["load_average"] = {"at the start": machine.load()}
    chosen = OURS if peer_dir is not None else {DEFAULT: OURS[DEFAULT]}
    settings, served = made_gallery(folder / "data", FACES, chosen.values(), say=_say)
    results.update(machine=machine.facts(), faces=FACES, photos=photos.source, **served)
    if "stages" in parts:
        _stages(settings, plan, photos, results)
    if "start-up" in parts:
        _say("start-up")
        results["start_up"] = start_up(settings.data_dir, photos, plan.starts)
    if "endpoints" in parts or peer_dir is not None:
        with serving(settings.data_dir) as server:
            if "endpoints" in parts:
                _serve(server, plan, photos, results)
                load["after the endpoints"] = machine.load()
            if peer_dir is not None:
                results["peers"] = _peers(server, photos, settings, folder, peer_dir, plan.peer_rounds)
                load["after the peers"] = machine.load()
    results["search"] = []
    for size in plan.search_sizes if "search" in parts else ():
        _say(f"search in {size:,} faces")
        results["search"].append(_search(size, folder))
    load["at the end"] = machine.load()


def _stages(settings: Settings, plan: Plan, photos: Photos, results: dict[str, Any]) -> None:
    _say("stages")
    with open_system(settings) as system:
        results["stages"] = stages(system, photos, plan.alone)
        results["profile"] = find_profile(system, photos, PROFILED, plan.alone)
    with open_system(settings.model_copy(update={"compute_slots": 1})) as system:
        results["processor"] = [
            processor_profile(system, photos, call, size, plan.alone) for call in CALLS for size in SIZES
        ]


def _serve(server: Server, plan: Plan, photos: Photos, results: dict[str, Any]) -> None:
    """Memory before, endpoints, memory after; adds to the results."""
    ready = machine.resident_mb(server.pid)
    growth(server, photos, 1, 10.0)
    loaded = machine.resident_mb(server.pid)
    results["endpoints"] = []
    for row in endpoints(server, photos, plan.latency, plan.load):
        _say(f"{row['endpoint']} {row['size']}: {row['p50_ms']:.1f} ms")
        results["endpoints"].append(row)
        if (row["endpoint"], row["size"]) == ("/find", PROFILED) and "profile" in results:
            results["profile"]["http_ms"] = row["p50_ms"]
    results["burst"] = burst(server, photos)
    after_load = machine.resident_mb(server.pid)
    grown = growth(server, photos, plan.growth.count, plan.growth.seconds)
    results["memory"] = {"ready_mb": ready, "loaded_mb": loaded, "load_mb": after_load, "growth": grown}


def _peers(
    server: Server, photos: Photos, settings: Settings, folder: Path, peer_dir: Path, rounds: int
) -> dict[str, Any]:
    _say("peers")
    cards = known_cards(settings.model_dir)
    card = known_card(cards, FACENET)
    facenet = ModelStore(settings.model_dir, cards).prepare(card)[card.files[0].name]
    scratch = folder / "peers"
    scratch.mkdir()
    return compare(server, photos, facenet, peer_dir, scratch, rounds)


def _search(size: int, folder: Path) -> dict[str, Any]:
    """The figures of benchmarks/search.py at one size, each part in a process of its own."""
    database = folder / f"search-{size}.db"
    url = f"sqlite:///{database}"
    figures: dict[str, Any] = search_benchmark.figures(url, size, 512)
    for path in folder.glob(f"{database.name}*"):
        path.unlink()
    return figures


def _say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions; search at 20,000 faces only")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="write plots here, as SVG")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="photos of one's own, one face each (e.g. LFW)")
    parser.add_argument("--peers", action="store_true", help="measure DeepFace, face_recognition, verifyface beside")
    default = Path("build/peers")
    parser.add_argument("--peer-dir", type=Path, metavar="FOLDER", default=default, help=f"their venvs ({default})")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
