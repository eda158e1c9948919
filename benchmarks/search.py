"""How fast, how large and how right the search index is, at 20,000, 100,000 and 1,000,000 faces.

    python benchmarks/search.py [--quick] [--sizes 20000 100000] [--dimension 512] [--json search.json]

Faces are made: identity centres from a Gaussian whose spectrum has a participation ratio of about 110, 2-5 faces each
at a cosine of 0.6-0.8 to each other, and probes of which 60 % show an enrolled person well, 10 % poorly, 30 % nobody
enrolled. Each size gets a gallery file of its own and a process of its own that loads it, so that memory is told
apart. Searches alternate with reading as many bytes as the codes have, the floor; both are medians.
`recall`: the share of the best ten subjects found; `wrong`: probes whose candidates differ from those of comparing all
float32 rows by numpy; ties within 1e-5 aside. `looked_up`: faces fetched from the gallery a search.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from vultus.records import Face, Float32, NewFace, Photo, Quality, Template
from vultus.storage.codes import quantise, to_blobs
from vultus.storage.database import open_engine, writing
from vultus.storage.gallery import Gallery
from vultus.storage.kernels import choose_kernel, numpy_products
from vultus.storage.migrations import migrate
from vultus.storage.search import FlatIndex
from vultus.storage.shelf import Shelf

SIZES, QUICK_SIZES = (20_000, 100_000, 1_000_000), (20_000, 100_000)
PROBES, LINES, MANY_PROBES, CHANGES = 100, 10, 32, 100
IDENTITIES_AT_ONCE = 8_192
DECAY = 55.0  # eigenvalues exp(-i / 55): a participation ratio of 2 * 55
MODEL = "made-512"
TIE = 1e-5
MOMENT = "2026-01-01 00:00:00.000000"


class Faces:
    """Made faces: a seed gives always the same."""

    def __init__(self, dimension: int) -> None:
        rng = np.random.default_rng(0)
        rotation, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
        self.shape = (np.exp(-np.arange(dimension) / (2 * DECAY))[:, None] * rotation).astype(np.float32)
        self.dimension = dimension

    def centres(self, count: int, seed: int) -> Float32:
        """(count, D) float32 of unit length."""
        return unit(np.random.default_rng(seed).standard_normal((count, self.dimension), np.float32) @ self.shape)

    def images(self, centres: Float32, seed: int, sizes: tuple[float, float] = (0.5, 0.8)) -> Float32:
        """One face of each centre: centre + noise of a length in `sizes`, half of it as the centres, half even."""
        rng, (count, dimension) = np.random.default_rng((seed, 1)), centres.shape
        shaped = self.centres(count, seed + 2**40)
        even = unit(rng.standard_normal((count, dimension), np.float32))
        lengths = rng.uniform(*sizes, (count, 1)).astype(np.float32)
        return unit(centres + lengths * unit(shaped + even))

    def enrolled(self, count: int) -> Iterator[tuple[NDArray[np.int64], Float32]]:
        """Subject numbers from 1 and faces, `count` in all, part by part."""
        made, subjects, seed = 0, 0, 1
        while made < count:
            centres = self.centres(IDENTITIES_AT_ONCE, seed)
            owners = np.repeat(np.arange(IDENTITIES_AT_ONCE), np.random.default_rng(seed).integers(2, 6, len(centres)))
            owners = owners[: count - made]
            yield owners + subjects + 1, self.images(centres[owners], seed)
            made, subjects, seed = made + len(owners), subjects + IDENTITIES_AT_ONCE, seed + 1

    def probes(self, count: int) -> Float32:
        """Faces to search for: 60 % good ones of the first enrolled people, 10 % poor ones, 30 % of strangers."""
        good, poor = count * 6 // 10, count // 10
        known = self.centres(IDENTITIES_AT_ONCE, 1)[: good + poor]
        strangers = self.centres(count - good - poor, 2**41)
        parts = [self.images(known[:good], 2**42), self.images(known[good:], 2**42 + 1, (1.0, 1.6)), strangers]
        return np.concatenate(parts)


def unit(rows: Float32) -> Float32:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


# --- making a gallery ---------------------------------------------------------------------------------------------


def make(url: str, count: int, dimension: int) -> list[list[tuple[str, float]]]:
    """Fill a new gallery; per probe the best subjects and similarities by float32 numpy, twice as many as searched."""
    engine, faces = open_engine(url), Faces(dimension)
    migrate(engine)
    Gallery(engine).create_collection("people", model_id=MODEL, pipeline_version=1, dimension=dimension)
    probes, best = faces.probes(PROBES), [dict[str, float]() for _ in range(PROBES)]
    start = 1
    with writing(engine) as connection:
        for subjects, rows in faces.enrolled(count):
            store(connection, start, subjects, rows)
            start += len(rows)
            note(best, probes @ rows.T, subjects)
        connection.exec_driver_sql("UPDATE collections SET revision = 1")
    engine.dispose()
    return [sorted(lines.items(), key=lambda line: -line[1])[: 2 * LINES] for lines in best]


def store(connection: Connection, start: int, subjects: NDArray[np.int64], rows: Float32) -> None:
    """Faces as `Gallery.add_faces` would store them, in bulk."""
    pks = range(start, start + len(rows))
    people = [(int(pk), f"s{pk}", MOMENT) for pk in np.unique(subjects)]
    connection.exec_driver_sql("INSERT OR IGNORE INTO subjects VALUES (?, 1, ?, NULL, '{}', ?)", people)
    box, marks, parts = "[10.5, 20.0, 90.0, 110.25]", json.dumps([[30.25, 40.5]] * 5), '{"size": 90.0, "blur": 81.25}'
    tail = (640, 480, 12345, box, marks, 0.97, 81.5, parts, MOMENT)
    described = [
        (pk, uuid4().hex, 1, int(subject), 1, f"{pk:064x}", f"{pk:064x}", *tail)
        for pk, subject in zip(pks, subjects, strict=True)
    ]
    connection.exec_driver_sql(f"INSERT INTO faces VALUES ({', '.join('?' * 16)})", described)
    floats = [(pk, row.tobytes()) for pk, row in zip(pks, rows, strict=True)]
    connection.exec_driver_sql("INSERT INTO embeddings VALUES (?, ?)", floats)
    coded = list(zip(pks, to_blobs(quantise(rows)), strict=True))
    connection.exec_driver_sql("INSERT INTO codes VALUES (?, ?)", coded)


def note(best: list[dict[str, float]], scores: Float32, subjects: NDArray[np.int64]) -> None:
    take = 5 * 2 * LINES  # a subject has five faces at most
    for lines, row in zip(best, scores, strict=True):
        for place in np.argpartition(-row, min(take, len(row) - 1))[:take]:
            subject = f"s{subjects[place]}"
            lines[subject] = max(lines.get(subject, -1.0), float(row[place]))


# --- measuring ----------------------------------------------------------------------------------------------------


def measure(url: str, dimension: int, truth: list[list[tuple[str, float]]]) -> dict[str, Any]:
    """What one gallery costs, in a process that has done nothing else."""
    gallery, faces = Gallery(open_engine(url)), Faces(dimension)
    probes, calls = faces.probes(PROBES), Counted(gallery)
    index, before = FlatIndex(calls, memory_bytes=2**40), resident_mb()
    loading = timed(lambda: index.search("people", probes[:1], LINES))
    loaded, peak = resident_mb(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
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
        "bytes_a_face": index._shelves["people"].nbytes / count,
        "recall": statistics.mean(map(recall, answers, truth)),
        "wrong": sum(map(differ, answers, truth)),
        **changes(gallery, faces),
    }


class Counted:
    """A gallery that counts the faces looked up."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery, self.looked_up = gallery, 0
        self.changes_since = gallery.changes_since

    def references(self, mark: Any, face_pks: Any) -> Any:
        self.looked_up += len(face_pks)
        return self.gallery.references(mark, face_pks)


def differ(found: list[Any], wanted: list[tuple[str, float]]) -> bool:
    """Whether an answer is not that of brute force: other similarities, or a subject that is not within a tie."""
    known = dict(wanted)
    return len(found) != min(LINES, len(wanted)) or any(
        abs(line.similarity - score) > TIE or abs(known.get(line.subject, -9) - score) > 2 * TIE
        for line, (_, score) in zip(found, wanted, strict=False)
    )


def recall(found: list[Any], wanted: list[tuple[str, float]]) -> float:
    """The share of the best subjects that were found; one as similar as the last of them counts as right."""
    known, last = dict(wanted), wanted[:LINES][-1][1]
    return sum(known.get(line.subject, -9) >= last - TIE for line in found) / min(LINES, len(wanted))


def throughput(index: FlatIndex, probes: Float32, threads: int) -> float:
    """Searches a second by so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        taken = timed(lambda: list(pool.map(lambda probe: index.search("people", probe[None, :], LINES), probes)))
    return len(probes) / taken * 1000


def changes(gallery: Gallery, faces: Faces) -> dict[str, float]:
    """Medians of enrolling and deleting one face: the durable commit, and making it known to the index."""
    shelf, rows = Shelf(), faces.images(faces.centres(CHANGES, 2**43), 2**43)
    shelf.apply(gallery.changes_since("people", None))
    taken: dict[str, list[float]] = {
        name: [] for name in ("enroll_ms", "enroll_pull_ms", "delete_ms", "delete_pull_ms")
    }
    for number, row in enumerate(rows):
        taken["enroll_ms"].append(timed(lambda: add(gallery, f"new {number}", number, row)))  # noqa: B023
        taken["enroll_pull_ms"].append(timed(lambda: pull(gallery, shelf)))
    for number in range(CHANGES):
        taken["delete_ms"].append(timed(lambda: gallery.delete_subject("people", f"new {number}")))  # noqa: B023
        taken["delete_pull_ms"].append(timed(lambda: pull(gallery, shelf)))
    return {name: statistics.median(each) for name, each in taken.items()}


def pull(gallery: Gallery, shelf: Shelf) -> None:
    shelf.apply(gallery.changes_since("people", shelf.mark))


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
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


# --- telling ------------------------------------------------------------------------------------------------------


def show(results: list[dict[str, Any]]) -> None:
    for name in results[0]:
        values = "".join(f"{one[name]:>14,.3f}" if name != "faces" else f"{one[name]:>14,}" for one in results)
        print(f"{name:<20}{values}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without 1,000,000 faces")
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    results = []
    for count in options.sizes or (QUICK_SIZES if options.quick else SIZES):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/vultus.db"
            truth = apart(make, url, count, options.dimension)
            results.append(apart(measure, url, options.dimension, truth))
    kernel = "numpy" if choose_kernel() is numpy_products else "numkong"
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    print(f"{kernel}, {options.dimension} dimensions, {PROBES} probes, {LINES} lines each, {machine}")
    show(results)
    if options.json:
        options.json.write_text(json.dumps({"kernel": kernel, "machine": machine, "results": results}, indent=2))
    return int(any(one["wrong"] for one in results))


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do it in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


if __name__ == "__main__":
    sys.exit(main())
