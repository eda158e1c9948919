"""Speed, memory and correctness of the search index at 20,000, 100,000 and 1,000,000 faces.

    python -m benchmarks.search [--quick] [--sizes 20000 100000] [--dimension 512] [--json search.json]

Faces are synthetic, see `search_synthetic.py`. Each size gets a gallery file of its own and processes of its own that
load it, so that memory is measured for each. Searches alternate with reading as many bytes as the codes have, the
floor; both are medians. `recall`: the share of the best ten subjects found; `wrong`: probes whose candidates differ
from those of comparing all float32 rows by numpy; ties within 1e-5 aside. `looked_up`: embeddings read from the gallery
for each search; with --codes-only none are kept in memory. `pq_...`: the same with a PQ index, whatever the size, where
faiss is installed: `pq_first` is the share of probes whose best subject is found, `pq_stated` the recall that was
measured when the index was built; `pq_peak_mb` is the whole process, including loading and building the index.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search_synthetic import LINES, MODEL, PROBES, Faces, make
from vultus.records.seen import Face, Float32, Quality, Template
from vultus.records.stored import NewFace, Photo
from vultus.search.index import FlatIndex
from vultus.search.kernels import choose_kernel, numpy_products
from vultus.search.loaded_collection import LoadedCollection
from vultus.search.pq_index import load_faiss
from vultus.search.segments import SEGMENT_ROWS
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery

SIZES, QUICK_SIZES = (20_000, 100_000, 1_000_000), (20_000, 100_000)
MANY_PROBES, CHANGES = 32, 100
TIE = 1e-5


# --- measuring ----------------------------------------------------------------------------------------------------


def figures(url: str, count: int, dimension: int, memory_bytes: int = 2**40) -> dict[str, Any]:
    """Fill a new gallery and measure it, each part in a process of its own."""
    best = in_new_process(make, url, count, dimension)
    exact = in_new_process(measure, url, dimension, best, memory_bytes)
    return {**exact, **in_new_process(measure_pq, url, dimension, best)}


def measure(url: str, dimension: int, best: list[list[tuple[str, float]]], memory_bytes: int = 2**40) -> dict[str, Any]:
    """Time, memory and results of exact search in one gallery, in a process that has done nothing else."""
    gallery, faces = Gallery(open_database(url)), Faces(dimension)
    probes, calls = faces.probes(PROBES), Counted(gallery)
    index, before = FlatIndex(calls, memory_bytes=memory_bytes), resident_mb()
    loading = timed(lambda: index.search("people", probes[:1], LINES))
    loaded, peak = resident_mb(), peak_mb()
    count = gallery.collection("people").faces
    answers, searching, floors = [], [], []
    codes = np.zeros(count * dimension // 8, np.uint64)
    codes += np.uint64(1)
    calls.looked_up = 0
    for probe in probes:
        floors.append(timed(lambda: codes.max()))
        searching.append(timed(lambda probe=probe: answers.append(index.search("people", probe[None, :], LINES)[0])))
    looked_up = calls.looked_up / PROBES
    many = timed(lambda: index.search("people", probes[:MANY_PROBES], LINES))
    return {
        "faces": count,
        "floor_ms": statistics.median(floors),
        "search_ms": statistics.median(searching),
        "search_p95_ms": sorted(searching)[PROBES * 95 // 100],
        "times_floor": statistics.median(searching) / statistics.median(floors),
        "each_of_32_ms": many / MANY_PROBES,
        "two_threads_per_s": throughput(index, probes, 2),
        "one_thread_per_s": throughput(index, probes, 1),
        "looked_up": looked_up,
        "load_s": loading / 1000,
        "memory_mb": loaded - before,
        "peak_mb": peak,
        "bytes_a_face": index._collections["people"].nbytes / count,
        "recall": statistics.mean(map(recall, answers, best)),
        "wrong": sum(map(differ, answers, best)),
        **changes(gallery, faces),
    }


def measure_pq(url: str, dimension: int, best: list[list[tuple[str, float]]]) -> dict[str, Any]:
    """The same for search with a PQ index; nothing without faiss."""
    if load_faiss() is None:
        return {}
    gallery, probes = Gallery(open_database(url)), Faces(dimension).probes(PROBES)
    segment_rows = min(SEGMENT_ROWS, gallery.collection("people").faces // 2)  # an index has no growing segment
    index = FlatIndex(gallery, memory_bytes=2**40, segment_rows=segment_rows, pq_from_faces=1)
    index.search("people", probes[:1], LINES)
    building, state = timed(index.wait), index.state("people")
    if state.kind == "exact":
        return {"pq_build_s": building / 1000}
    answers, searching = [], []
    for probe in probes:
        searching.append(timed(lambda probe=probe: answers.append(index.search("people", probe[None, :], LINES)[0])))
    return {
        "pq_search_ms": statistics.median(searching),
        "pq_search_p95_ms": sorted(searching)[PROBES * 95 // 100],
        "pq_each_of_32_ms": timed(lambda: index.search("people", probes[:MANY_PROBES], LINES)) / MANY_PROBES,
        "pq_two_threads_per_s": throughput(index, probes, 2),
        "pq_stated": state.recall.least,
        "pq_first": statistics.mean(
            lines[0].similarity >= wanted[0][1] - TIE for lines, wanted in zip(answers, best, strict=True)
        ),
        "pq_recall": statistics.mean(map(recall, answers, best)),
        "pq_candidates": state.candidates,
        "pq_build_s": building / 1000,
        "pq_bytes_a_face": index._collections["people"].snapshot.pq.nbytes / state.faces,
        "pq_peak_mb": peak_mb(),
    }


class Counted:
    """A gallery that counts the faces fetched from it."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery, self.looked_up = gallery, 0
        self.mark, self.changes_since, self.owners = gallery.mark, gallery.changes_since, gallery.owners

    def stored_embeddings(self, mark: Any, face_pks: Any) -> Any:
        self.looked_up += len(face_pks)
        return self.gallery.stored_embeddings(mark, face_pks)


def differ(found: list[Any], wanted: list[tuple[str, float]]) -> bool:
    """Whether a result differs from brute force: other similarities, or a subject that is not within a tie."""
    known = dict(wanted)
    return len(found) != min(LINES, len(wanted)) or any(
        abs(line.similarity - score) > TIE or abs(known.get(line.subject, -9) - score) > 2 * TIE
        for line, (_, score) in zip(found, wanted, strict=False)
    )


def recall(found: list[Any], wanted: list[tuple[str, float]]) -> float:
    """The share of the best subjects that were found; one as similar as the last of them counts as found."""
    known, last = dict(wanted), wanted[:LINES][-1][1]
    return sum(known.get(line.subject, -9) >= last - TIE for line in found) / min(LINES, len(wanted))


def throughput(index: FlatIndex, probes: Float32, threads: int) -> float:
    """Searches a second by so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        taken = timed(lambda: list(pool.map(lambda probe: index.search("people", probe[None, :], LINES), probes)))
    return len(probes) / taken * 1000


def changes(gallery: Gallery, faces: Faces) -> dict[str, float]:
    """Medians of enrolling and deleting one face: the durable commit, and the index's pull of the change."""
    loaded, rows = LoadedCollection(), faces.images(faces.centres(CHANGES, 2**43), 2**43)
    loaded.apply(gallery.changes_since("people", None))
    taken: dict[str, list[float]] = {
        name: [] for name in ("enroll_ms", "enroll_pull_ms", "delete_ms", "delete_pull_ms")
    }
    for number, row in enumerate(rows):
        taken["enroll_ms"].append(timed(lambda: add(gallery, f"new {number}", number, row)))  # noqa: B023
        taken["enroll_pull_ms"].append(timed(lambda: pull(gallery, loaded)))
    for number in range(CHANGES):
        taken["delete_ms"].append(timed(lambda: gallery.delete_subject("people", f"new {number}")))  # noqa: B023
        taken["delete_pull_ms"].append(timed(lambda: pull(gallery, loaded)))
    return {name: statistics.median(each) for name, each in taken.items()}


def pull(gallery: Gallery, loaded: LoadedCollection) -> None:
    loaded.apply(gallery.changes_since("people", loaded.mark))


def add(gallery: Gallery, subject: str, number: int, embedding: Float32) -> None:
    seen = Face((10.0, 20.0, 90.0, 110.0), np.zeros((5, 2), np.float32), 0.9)
    photo = Photo(f"{number:063x}n", f"{number:063x}n", 640, 480, 12_345)
    gallery.add_faces("people", subject, [NewFace(Template(embedding, MODEL, seen, Quality(80.0, {})), photo)])


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def resident_mb() -> float:
    return _status_mb("VmRSS")


def peak_mb() -> float:
    return _status_mb("VmHWM")  # getrusage's maximum would begin with that of the process that started this one


def _status_mb(name: str) -> float:
    """A figure of this process, MiB; 0 where there is no /proc."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


# --- printing -----------------------------------------------------------------------------------------------------


def show(results: list[dict[str, Any]]) -> None:
    for name in dict.fromkeys(name for one in results for name in one):
        values = "".join(f"{one[name]:>14,}" if name == "faces" else f"{one.get(name, 0):>14,.3f}" for one in results)
        print(f"{name:<20}{values}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without 1,000,000 faces")
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--codes-only", action="store_true", help="no embeddings in memory")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    results = []
    for count in options.sizes or (QUICK_SIZES if options.quick else SIZES):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/vultus.db"
            results.append(figures(url, count, options.dimension, 1 if options.codes_only else 2**40))
    kernel = "numpy" if choose_kernel() is numpy_products else "numkong"
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    print(f"{kernel}, {options.dimension} dimensions, {PROBES} probes, {LINES} lines each, {machine}")
    show(results)
    if options.json:
        options.json.write_text(json.dumps({"kernel": kernel, "machine": machine, "results": results}, indent=2))
    return int(any(one["wrong"] for one in results))


def in_new_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of `work`, done in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


if __name__ == "__main__":
    sys.exit(main())
