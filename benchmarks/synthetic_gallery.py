"""A gallery of synthetic faces in a data folder, written by `Gallery.add_faces`, one transaction per person.

The faces are those of `search_synthetic.py`: 2 to 5 of each person. Commits are not synced to disk while it is filled.
"""

from __future__ import annotations

import hashlib
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from sqlalchemy import event

from benchmarks.search_synthetic import Faces
from vultus.config import Settings
from vultus.records.seen import Face, Float32, Quality, Template
from vultus.records.stored import NewFace, Photo
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate

COLLECTION = "people"


def fill(settings: Settings, *, model_id: str, pipeline_version: int, dimension: int, count: int) -> None:
    """Create the collection and enroll `count` faces."""
    database = open_database(settings.sqlalchemy_url)
    event.listen(database.engine, "connect", _without_sync)
    migrate(database)
    gallery = Gallery(database)
    gallery.create_collection(COLLECTION, model_id=model_id, pipeline_version=pipeline_version, dimension=dimension)
    number = 0
    for subjects, rows in Faces(dimension).enrolled(count):
        for subject, group in groupby(zip(subjects.tolist(), rows, strict=True), key=itemgetter(0)):
            faces = [new_face(number + i, row, model_id) for i, (_, row) in enumerate(group)]
            gallery.add_faces(COLLECTION, f"person-{subject}", faces)
            number += len(faces)
    database.close()


def new_face(number: int, embedding: Float32, model_id: str) -> NewFace:
    """A face of a photo that exists as a row only."""
    landmarks = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
    seen = Face(box=(10.5, 20.0, 90.0, 110.25), landmarks=landmarks, score=0.97)
    stored, source = (hashlib.sha256(f"{kind} {number}".encode()).hexdigest() for kind in ("photo", "source"))
    photo = Photo(stored, source, width=640, height=480, size_bytes=12_345)
    return NewFace(Template(embedding, model_id, seen, Quality(81.5, {"size": 90.0})), photo)


def _without_sync(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
