"""A gallery of synthetic faces in a data folder: those of `search_synthetic.py`, 2 to 5 of each person."""

from __future__ import annotations

import hashlib

import numpy as np
from sqlalchemy import Connection

from benchmarks.search_synthetic import Faces, store
from vultus.config import Settings
from vultus.records.seen import Face, Float32, Quality, Template
from vultus.records.stored import NewFace, Photo
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate

COLLECTION = "people"


def fill(
    settings: Settings,
    *,
    model_id: str,
    pipeline_version: int,
    dimension: int,
    count: int,
    collection: str = COLLECTION,
) -> None:
    """Create the collection with so many faces."""
    database = open_database(settings.sqlalchemy_url)
    migrate(database)
    Gallery(database).create_collection(
        collection, model_id=model_id, pipeline_version=pipeline_version, dimension=dimension
    )
    with database.writing() as connection:
        pk = _number(connection, f"SELECT pk FROM collections WHERE name = '{collection}'")
        face = _number(connection, "SELECT coalesce(max(pk), 0) + 1 FROM faces")
        subject = _number(connection, "SELECT coalesce(max(pk), 0) FROM subjects")
        for subjects, rows in Faces(dimension).enrolled(count):
            store(connection, face, subjects + subject, rows, pk)
            face += len(rows)
        connection.exec_driver_sql(f"UPDATE collections SET revision = 1 WHERE pk = {pk}")
    database.close()


def _number(connection: Connection, query: str) -> int:
    return int(connection.exec_driver_sql(query).scalar_one())


def new_face(number: int, embedding: Float32, model_id: str) -> NewFace:
    """A face of a photo that exists as a row only."""
    landmarks = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
    seen = Face(box=(10.5, 20.0, 90.0, 110.25), landmarks=landmarks, score=0.97)
    stored, source = (hashlib.sha256(f"{kind} {number}".encode()).hexdigest() for kind in ("photo", "source"))
    photo = Photo(stored, source, width=640, height=480, size_bytes=12_345)
    return NewFace(Template(embedding, model_id, seen, Quality(81.5, {"size": 90.0})), photo)
