"""What it takes to load a collection, beside what no loading can save: processor seconds, medians of some processes.

    python -m benchmarks.loading FOLDER [--embeddings] [--rounds 3]     FOLDER: made by `benchmarks.made_gallery`

select      a bare SELECT of the stored codes (with --embeddings: of the embeddings), in the order of the table
seals       with codes only: a keyed BLAKE2b over the bytes of each row, as loading compares them
touch       writing for the first time to as much memory as the rows take; on virtual machines the host gives it then
load        the index loads the collection; terms: then makes what its relative scores need
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search import in_new_process, resident_mb
from benchmarks.synthetic_gallery import COLLECTION
from vultus.config import Settings
from vultus.installation_key import KEY_BYTES, SEAL_BYTES
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStore
from vultus.search.index import FlatIndex
from vultus.search.segments import row_bytes
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.wiring.networks import open_models

AT_ONCE = 1024
EVERYTHING = 2**40  # bytes of memory


def measure(folder: Path, *, embeddings: bool) -> dict[str, float]:
    """The figures of one process that has done nothing else."""
    settings = Settings(_env_file=None).model_copy(update={"data_dir": folder})
    gallery = Gallery(open_database(settings.sqlalchemy_url))
    collection = gallery.collection(COLLECTION)
    models = open_models(settings, ModelStore(settings.model_dir, known_cards(settings.model_dir)))
    reference = models.served(collection.model_id).reference
    figures = _floors(folder / "vultus.db", collection.faces, collection.dimension, embeddings=embeddings)
    index = FlatIndex(gallery, memory_bytes=EVERYTHING if embeddings else 1)
    before, clock = resident_mb(), time.perf_counter()
    figures["load"] = seconds(lambda: index.prepare(COLLECTION, None))
    figures |= {"load, by the clock": time.perf_counter() - clock, "MiB": resident_mb() - before}
    if reference is not None:
        figures["terms"] = seconds(lambda: index.prepare(COLLECTION, reference.rule))
        figures["MiB with terms"] = resident_mb() - before
    return figures


def _floors(database: Path, faces: int, dimension: int, *, embeddings: bool) -> dict[str, float]:
    size = faces * row_bytes(dimension, embeddings=embeddings)
    touched = seconds(lambda: np.empty(size, np.uint8).fill(1))
    query = "SELECT face_pk, embedding FROM embeddings" if embeddings else "SELECT face_pk, codes, seal FROM codes"
    _select(database, query)  # so that the file is in the system's memory
    figures = {"faces": float(faces), "select": seconds(lambda: _select(database, query)), "touch": touched}
    if not embeddings:
        row = bytes(row_bytes(dimension, embeddings=False))
        figures["seals"] = seconds(lambda: [_hashed(row) for _ in range(faces)])
    return figures


def _select(database: Path, query: str) -> None:
    connection = sqlite3.connect(database)
    cursor = connection.execute(query)
    while cursor.fetchmany(AT_ONCE):
        pass
    connection.close()


def _hashed(row: bytes) -> bytes:
    return blake2b(row, key=bytes(KEY_BYTES), digest_size=SEAL_BYTES).digest()


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--embeddings", action="store_true", help="keep the embeddings in memory too")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rounds: list[dict[str, Any]] = [
        in_new_process(_measure, options.folder, options.embeddings) for _ in range(options.rounds)
    ]
    for name in rounds[0]:
        print(f"{name:<20}{statistics.median(one[name] for one in rounds):>14,.2f}")


def _measure(folder: Path, embeddings: bool) -> dict[str, float]:
    return measure(folder, embeddings=embeddings)


if __name__ == "__main__":
    main()
