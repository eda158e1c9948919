"""Synthetic faces, and a gallery of them written in bulk, for `benchmarks/search.py` and others.

Identity centres from a Gaussian whose spectrum has a participation ratio of about 110, 2-5 faces each at a cosine of
0.6-0.8 to each other, and probes of which 60 % show an enrolled person well, 10 % poorly, 30 % a stranger.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from vultus.records.seen import Float32
from vultus.search.int8_codes import quantise, to_blobs
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate
from vultus.vectors import unit_length
from vultus.vision.quality import QUALITY_VERSION

PROBES, LINES = 100, 10
IDENTITIES_AT_ONCE = 8_192
DECAY = 55.0  # eigenvalues exp(-i / 55): a participation ratio of 2 * 55
MODEL = "made-512"
FACE_COLUMNS = (
    *("pk", "id", "collection_pk", "subject_pk", "revision", "photo_sha256", "source_sha256"),
    *("photo_width", "photo_height", "photo_bytes", "box", "landmarks", "detector_score"),
    *("quality_score", "quality_parts", "created_at", "quality_version"),
)
MOMENT = "2026-01-01 00:00:00.000000"


class Faces:
    """Synthetic faces, the same ones for the same seed."""

    def __init__(self, dimension: int) -> None:
        rng = np.random.default_rng(0)
        rotation, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
        self.shape = (np.exp(-np.arange(dimension) / (2 * DECAY))[:, None] * rotation).astype(np.float32)
        self.dimension = dimension

    def centres(self, count: int, seed: int) -> Float32:
        """(count, D) float32 of unit length."""
        return unit_length(
            np.random.default_rng(seed).standard_normal((count, self.dimension), np.float32) @ self.shape
        )

    def images(self, centres: Float32, seed: int, sizes: tuple[float, float] = (0.5, 0.8)) -> Float32:
        """One face of each centre: plus noise of a length in `sizes`, half distributed as centres, half uniform."""
        rng, (count, dimension) = np.random.default_rng((seed, 1)), centres.shape
        shaped = self.centres(count, seed + 2**40)
        even = unit_length(rng.standard_normal((count, dimension), np.float32))
        lengths = rng.uniform(*sizes, (count, 1)).astype(np.float32)
        return unit_length(centres + lengths * unit_length(shaped + even))

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


# --- making a gallery ---------------------------------------------------------------------------------------------


def make(url: str, count: int, dimension: int) -> list[list[tuple[str, float]]]:
    """Fill a new gallery; per probe the best subjects and similarities by float32 numpy, twice as many as searched."""
    database, faces = open_database(url), Faces(dimension)
    migrate(database)
    Gallery(database).create_collection("people", model_id=MODEL, pipeline_version=1, dimension=dimension)
    probes, best = faces.probes(PROBES), [dict[str, float]() for _ in range(PROBES)]
    start = 1
    with database.writing() as connection:
        for subjects, rows in faces.enrolled(count):
            store(connection, start, subjects, rows)
            start += len(rows)
            note(best, probes @ rows.T, subjects)
        connection.exec_driver_sql("UPDATE collections SET revision = 1")
    database.close()
    return [sorted(lines.items(), key=lambda line: -line[1])[: 2 * LINES] for lines in best]


def store(
    connection: Connection, start: int, subjects: NDArray[np.int64], rows: Float32, collection_pk: int = 1
) -> None:
    """Faces as `Gallery.add_faces` would store them, in bulk.

    start: number of the first face. subjects: numbers of their subjects, of which none is in another collection.
    """
    pks = range(start, start + len(rows))
    people = [(int(pk), collection_pk, f"s{pk}", MOMENT) for pk in np.unique(subjects)]
    connection.exec_driver_sql(
        "INSERT OR IGNORE INTO subjects (pk, collection_pk, id, metadata_json, created_at) VALUES (?, ?, ?, '{}', ?)",
        people,
    )
    box, marks, parts = "[10.5, 20.0, 90.0, 110.25]", json.dumps([[30.25, 40.5]] * 5), '{"size": 90.0, "blur": 81.25}'
    tail = (640, 480, 12345, box, marks, 0.97, 81.5, parts, MOMENT, QUALITY_VERSION)
    described = [
        (pk, uuid4().hex, collection_pk, int(subject), 1, f"{pk:064x}", f"{pk:064x}", *tail)
        for pk, subject in zip(pks, subjects, strict=True)
    ]
    marks_for = ", ".join("?" * len(FACE_COLUMNS))
    connection.exec_driver_sql(f"INSERT INTO faces ({', '.join(FACE_COLUMNS)}) VALUES ({marks_for})", described)
    floats = [(pk, row.tobytes()) for pk, row in zip(pks, rows, strict=True)]
    connection.exec_driver_sql("INSERT INTO embeddings (face_pk, embedding) VALUES (?, ?)", floats)
    coded = list(zip(pks, to_blobs(quantise(rows)), strict=True))
    connection.exec_driver_sql("INSERT INTO codes (face_pk, codes) VALUES (?, ?)", coded)


def note(best: list[dict[str, float]], scores: Float32, subjects: NDArray[np.int64]) -> None:
    take = 5 * 2 * LINES  # a subject has five faces at most
    for lines, row in zip(best, scores, strict=True):
        for place in np.argpartition(-row, min(take, len(row) - 1))[:take]:
            subject = f"s{subjects[place]}"
            lines[subject] = max(lines.get(subject, -1.0), float(row[place]))
