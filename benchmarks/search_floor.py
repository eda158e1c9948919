"""One search in a made gallery beside its floors, in turn: processor milliseconds of the searching thread.

    python -m benchmarks.search_floor FOLDER [--probes 200] [--codes-only] [--cosines]

FOLDER: made by `benchmarks.made_gallery`. memory: reading as many bytes as the codes have; kernel: the products of the
probe with all codes; search: five lines by score, as `/find` asks for them, or with --cosines by cosine, which spares
making the terms first; find: the whole use case by an embedding, with what the database is asked. Of each the median,
and the tenth percentile, which the machine's other work disturbs less. Then by the clock; free cores: the same search
divided among two cores (`kernels.spread`), which must answer the same.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_synthetic import Faces
from benchmarks.synthetic_gallery import COLLECTION
from benchmarks.timing import milliseconds, percentile, processor_milliseconds
from vultus.config import Settings
from vultus.records.seen import Float32
from vultus.search.cohort import CohortRule
from vultus.search.index import MEMORY_BYTES, FlatIndex
from vultus.search.int8_codes import as_probe
from vultus.search.kernels import choose_kernel, spread
from vultus.storage.gallery import Gallery
from vultus.vision.compute_slots import ComputeSlots
from vultus.wiring.open_system import open_system
from vultus.wiring.parts import System

Codes = NDArray[np.uint64]  # as many bytes as the codes have
LINES = 6  # one more than are asked for, as the service does


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--probes", type=int, default=200)
    parser.add_argument("--codes-only", action="store_true", help="no embeddings in memory")
    parser.add_argument("--cosines", action="store_true", help="search by cosine")
    options = parser.parse_args()
    memory = 1 if options.codes_only else MEMORY_BYTES
    settings = Settings(_env_file=None).model_copy(update={"data_dir": options.folder, "index_memory_bytes": memory})
    with open_system(settings) as system:
        _measure(system, options)


def _measure(system: System, options: argparse.Namespace) -> None:
    gallery, find = system.gallery, system.service.identification.find_embedding
    collection = gallery.collection(COLLECTION)
    reference = system.models.served(collection.model_id).reference
    rule = None if reference is None or options.cosines else reference.rule
    index = FlatIndex(gallery, memory_bytes=system.settings.index_memory_bytes)
    index.prepare(COLLECTION, rule)
    snapshot = index._collections[COLLECTION].snapshot
    assert snapshot is not None
    probes = Faces(collection.dimension).probes(options.probes)
    bytes_of_codes = np.ones(collection.faces * collection.dimension // 8, np.uint64)
    units = [as_probe(probe.astype(np.float64)) for probe in probes]
    work: dict[str, Callable[[int], object]] = {
        "memory": lambda _: bytes_of_codes.max(),
        "kernel": lambda i: [
            index._kernel(units[i].values[None], block.rows.codes.values) for block in snapshot.blocks
        ],
        "search": lambda i: index.search(COLLECTION, probes[i][None], LINES, rule),
        "find": lambda i: find(units[i].unit.tolist(), model_name=collection.model_id, collection=COLLECTION),
    }
    work["find"](0)  # loads the collection
    taken: dict[str, list[float]] = {name: [] for name in work}
    for number in range(options.probes):
        for name, one in work.items():
            taken[name].append(processor_milliseconds(lambda: one(number)))  # noqa: B023
    print(f"{collection.faces:,} faces, embeddings {'in memory' if snapshot.embeddings else 'in the database'}")
    floor = statistics.median(taken["memory"])
    for name, each in taken.items():
        median = statistics.median(each)
        print(f"{name:<8}{median:>9.2f} ms  10 %: {percentile(each, 0.1):>7.2f}  {median / floor:>5.2f} x memory")
    _by_the_clock(index, gallery, probes, rule, bytes_of_codes)


def _by_the_clock(index: FlatIndex, gallery: Gallery, probes: Float32, rule: CohortRule | None, codes: Codes) -> None:
    slots = ComputeSlots(2, queue=0, wait_seconds=1.0)
    divided = FlatIndex(gallery, memory_bytes=index._memory_bytes, kernel=spread(choose_kernel(), slots.run_all, 2))
    divided._collections = index._collections
    taken: dict[str, list[float]] = {"memory": [], "one core": [], "free cores": []}
    for probe in probes:
        taken["memory"].append(milliseconds(codes.max))
        answers = []
        for name, one in (("one core", index), ("free cores", divided)):
            taken[name].append(milliseconds(lambda: answers.append(one.search(COLLECTION, probe[None], LINES, rule))))  # noqa: B023
        if answers[0] != answers[1]:
            raise SystemExit("divided among cores a search answers otherwise")
    floor = statistics.median(taken["memory"])
    for name, each in taken.items():
        print(
            f"{name:<11}{statistics.median(each):>7.2f} ms by the clock, {statistics.median(each) / floor:.2f} x memory"
        )


if __name__ == "__main__":
    main()
