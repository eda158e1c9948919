"""Faces made for tests: a seed gives a photo and a random embedding of unit length."""

from __future__ import annotations

import hashlib

import numpy as np

from vultus.records import Face, Float32, NewFace, Photo, Quality, Template

MODEL = "model-a"
DIMENSION = 16


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def unit(seed: int, dimension: int = DIMENSION) -> Float32:
    vector = np.random.default_rng(seed).standard_normal(dimension)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def new_face(
    seed: int, *, embedding: Float32 | None = None, photo: str | None = None, model_id: str = MODEL
) -> NewFace:
    """photo: what stands for the stored photo's bytes; each seed has its own source photo."""
    landmarks = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
    seen = Face(box=(10.5, 20.0, 90.0, 110.25), landmarks=landmarks, score=0.97)
    template = Template(unit(seed) if embedding is None else embedding, model_id, seen, Quality(81.5, {"size": 90.0}))
    stored = sha256(f"photo {seed}" if photo is None else photo)
    return NewFace(template, Photo(stored, sha256(f"source {seed}"), width=640, height=480, size_bytes=12_345))
