"""Embeddings that were computed before, on disk, so that a stopped run goes on where it was.

One folder for each way of making embeddings, part files in it: NumPy's .npz without pickled objects. A part is written
whole or not at all; one that cannot be read is passed over, and its photos are embedded again.
"""

from __future__ import annotations

import io
import os
import secrets
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vultus.records import Float32

PHOTOS_PER_PART = 256  # what a crash can lose


@dataclass(frozen=True)
class Recipe:
    """All that decides an embedding beside the photo. face: which face of a photo, "central" or "largest"."""

    model_id: str
    pipeline_version: int
    precision: str
    detector: str
    face: str

    @property
    def folder_name(self) -> str:
        """One folder name for each recipe."""
        return f"{self.model_id}_v{self.pipeline_version}_{self.precision}_{self.detector}_{self.face}"


@dataclass(frozen=True, eq=False)
class Remembered:
    """What became of a photo: its (D,) embedding, or the code of the refusal."""

    embedding: Float32 | None
    failure: str | None


class EmbeddingCache:
    """Embeddings of one recipe by the SHA-256 of the photo's bytes (hexadecimal). Safe to use from several threads."""

    def __init__(self, folder: Path, recipe: Recipe, dimension: int) -> None:
        """folder: of all recipes; made when it is missing. Raises OSError when it cannot be."""
        self.folder = folder / recipe.folder_name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._dimension = dimension
        self._known: dict[str, Remembered] = {}
        self._unwritten: dict[str, Remembered] = {}
        self._lock = threading.Lock()
        for path in sorted(self.folder.glob("*.npz")):
            self._known.update(_read_part(path, dimension))

    def __len__(self) -> int:
        return len(self._known)

    def find(self, digest: str) -> Remembered | None:
        """What is remembered of a photo, None when nothing is."""
        return self._known.get(digest)

    def add(self, digest: str, remembered: Remembered) -> None:
        """Remember a photo; written with the next part. Raises OSError when that cannot be written."""
        with self._lock:
            self._known[digest] = self._unwritten[digest] = remembered
            if len(self._unwritten) >= PHOTOS_PER_PART:
                self._write()

    def flush(self) -> None:
        """Write what is not written yet. Raises OSError."""
        with self._lock:
            if self._unwritten:
                self._write()

    def _write(self) -> None:
        _write_whole(self.folder / f"{secrets.token_hex(8)}.npz", _part_bytes(self._unwritten, self._dimension))
        self._unwritten = {}


@contextmanager
def open_cache(folder: Path, recipe: Recipe, dimension: int) -> Iterator[EmbeddingCache]:
    """The cache of a recipe; whatever ends the run, what was computed is written. Raises OSError."""
    cache = EmbeddingCache(folder, recipe, dimension)
    try:
        yield cache
    finally:
        cache.flush()


def _part_bytes(photos: dict[str, Remembered], dimension: int) -> bytes:
    digests = np.frombuffer(bytes.fromhex("".join(photos)), np.uint8).reshape(-1, 32)
    nothing = np.full(dimension, np.nan, np.float32)
    rows = [nothing if photo.embedding is None else photo.embedding for photo in photos.values()]
    out = io.BytesIO()
    np.savez(
        out,
        digests=digests,
        embeddings=np.array(rows, np.float32),
        failures=np.array([photo.failure or "" for photo in photos.values()]),
    )
    return out.getvalue()


def _read_part(path: Path, dimension: int) -> dict[str, Remembered]:
    """The photos of one part; none when it is damaged or of another dimension."""
    try:
        with np.load(path, allow_pickle=False) as part:
            digests, embeddings, failures = part["digests"], part["embeddings"], part["failures"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    if embeddings.shape != (len(digests), dimension) or failures.shape != (len(digests),):
        return {}
    return {
        digest.tobytes().hex(): Remembered(None if failure else embedding, str(failure) or None)
        for digest, embedding, failure in zip(digests, embeddings, failures, strict=True)
    }


def _write_whole(path: Path, data: bytes) -> None:
    """Put the bytes there as a whole or not at all. Raises OSError."""
    descriptor, name = tempfile.mkstemp(".tmp", "part-", path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
