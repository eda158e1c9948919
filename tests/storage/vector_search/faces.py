"""Faces of the collection `people`, and how some are enrolled at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.storage.synthetic import DIMENSION, new_face
from vultus.records.seen import Float32
from vultus.storage.gallery import Gallery

PEOPLE = 30  # with three faces each


def ordinary(count: int, seed: int = 3) -> list[tuple[str, Float32]]:
    rng = np.random.default_rng(seed)
    return [(f"s{n // 3}", rng.standard_normal(DIMENSION)) for n in range(count)]


def enroll(gallery: Gallery, faces: Sequence[tuple[str, Float32]], first: int = 0, collection: str = "people") -> None:
    """In one transaction. first: the number of the first photo."""
    rows = [(row / np.linalg.norm(row)).astype(np.float32) for _, row in faces]
    new = [new_face(first + n, embedding=row) for n, row in enumerate(rows)]
    gallery.add_faces_of_several(collection, [(subject, face) for (subject, _), face in zip(faces, new, strict=True)])
