"""A search in memory against one in PostgreSQL, turn by turn: the index alone, with scores and ids.

    python -m benchmarks.search_database URL [--sizes 20000 100000] [--dimension 640] [--hnsw] [--json FILE]

URL: of an empty PostgreSQL database with pgvector. Faces are synthetic, see `search_synthetic.py`. `..._ms`: medians of
one probe, five lines. `same`: the share of probes with the same subjects in the same order. `fill_s`: from the stored
embeddings to a first answer, in memory and in the database. `after_enrolment_ms`: an enrolment's next search. --hnsw
also builds an HNSW index, with its recall and the time that both take.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import insert

from benchmarks.search_synthetic import MODEL, PROBES, Faces
from benchmarks.synthetic_gallery import new_face
from vultus.search.cohort import CohortRule
from vultus.search.index import FlatIndex
from vultus.storage import tables as t
from vultus.storage.collections import collection_row
from vultus.storage.database import Database, open_database
from vultus.storage.faces import insert_embeddings
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate
from vultus.storage.vector_search.database_index import DatabaseIndex
from vultus.storage.vector_search.vector_tables import VectorDatabase

LINES, ROWS_AT_ONCE, ENROLMENTS, EF_SEARCH = 5, 2000, 20, 400


def fill(database: Database, name: str, count: int, dimension: int) -> None:
    """Make a collection with so many faces."""
    Gallery(database).create_collection(name, model_id=MODEL, pipeline_version=1, dimension=dimension)
    known, now = set[int](), datetime.now(UTC)
    for owners, rows in Faces(dimension).enrolled(count):
        for start in range(0, len(owners), ROWS_AT_ONCE):
            some, vectors = owners[start : start + ROWS_AT_ONCE].tolist(), rows[start : start + ROWS_AT_ONCE]
            with database.adding() as connection:
                pk = collection_row(connection, name).pk
                base = pk * 10_000_000
                new = sorted(set(some) - known)
                known.update(new)
                common = {"collection_pk": pk, "created_at": now}
                people = [{"pk": base + one, "id": f"s{one}", "metadata_json": "{}", **common} for one in new]
                if people:
                    connection.execute(insert(t.subjects), people)
                faces = [
                    {"id": uuid4().hex, "subject_pk": base + one, "revision": 1, "source_sha256": uuid4().hex, **common}
                    for one in some
                ]
                statement = insert(t.faces).returning(t.faces.c.pk, sort_by_parameter_order=True)
                pks = list(connection.execute(statement, faces).scalars())
                insert_embeddings(connection, pks, list(vectors), 0)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE collections SET revision = 1 WHERE revision = 0")
        connection.exec_driver_sql("ANALYZE")


def measure(database: Database, count: int, dimension: int, *, hnsw: bool) -> dict[str, Any]:
    """The figures of one size."""
    name, gallery, faces = f"people-{count}", Gallery(database), Faces(dimension)
    fill(database, name, count, dimension)
    probes, rule = faces.probes(PROBES), CohortRule(centroids=faces.centres(64, 7), twin_gap=0.2)
    memory = FlatIndex(gallery)
    options: dict[str, Any] = {"hnsw_from_faces": count if hnsw else 0, "ef_search": EF_SEARCH, "background": False}
    stored = DatabaseIndex(cast(VectorDatabase, database), gallery, **options)
    filling = [timed(lambda index=index: index.prepare(name, rule)) for index in (memory, stored)]
    found = compare(memory, stored, name, probes, rule)
    number, after = 10_000_000, {"memory": list[float](), "database": list[float]()}
    for probe in probes[:ENROLMENTS]:
        number += 1
        gallery.add_faces(name, f"new {number}", [new_face(number, probe, MODEL)])
        for key, index in (("memory", memory), ("database", stored)):
            after[key].append(timed(lambda index=index, probe=probe: index.search(name, probe[None], LINES, rule)))
    figures = {"faces": count, **found, "memory_fill_s": filling[0], "database_fill_s": filling[1]}
    figures |= {f"{key}_after_enrolment_ms": 1000 * statistics.median(times) for key, times in after.items()}
    if hnsw:
        start = time.perf_counter()
        measured = stored.background.measure_index(name, rule, probes=PROBES // 2)
        assert measured is not None
        by_index = compare(memory, stored, name, probes, rule)
        figures |= {
            "hnsw_s": time.perf_counter() - start,
            "hnsw_ms": by_index["database_ms"],
            "hnsw_same": by_index["same"],
        }
        figures |= {"hnsw_recall": measured.recall.least, "hnsw_recall_10": measured.at_k}
    return figures


def compare(memory: FlatIndex, stored: DatabaseIndex, name: str, probes: Any, rule: CohortRule) -> dict[str, float]:
    """Both by the same probes, turn by turn."""
    times, same = ([], []), 0
    for probe in probes:
        answers = []
        for index, taken in zip((memory, stored), times, strict=True):
            start = time.perf_counter()
            answers.append(index.search(name, probe[None], LINES, rule)[0])
            taken.append(time.perf_counter() - start)
        same += [line.subject for line in answers[0]] == [line.subject for line in answers[1]]
    first, second = (1000 * statistics.median(taken) for taken in times)
    return {"memory_ms": first, "database_ms": second, "ratio": second / first, "same": same / len(probes)}


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--sizes", nargs="+", type=int, default=[20_000, 100_000])
    parser.add_argument("--dimension", type=int, default=640)
    parser.add_argument("--hnsw", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with closing(open_database(arguments.url)) as database:
        migrate(database)
        found = []
        for size in arguments.sizes:
            found.append(measure(database, size, arguments.dimension, hnsw=arguments.hnsw))
            print(json.dumps(found[-1], indent=1), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main()
