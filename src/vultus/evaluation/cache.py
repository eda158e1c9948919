"""A cache of embeddings on disk, so that a stopped run can go on where it was.

One folder for each recipe of embeddings, with part files in it: NumPy's .npz without pickled objects. A part is written
whole or not at all; one that cannot be read is ignored, and its photos are embedded again.
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

from vultus.files import make_folders
from vultus.records.seen import Float32

PHOTOS_PER_PART = 256  # at most so many are lost in a crash


@dataclass(frozen=True)
class Recipe:
    """All that determines an embedding besides the photo. face: which face of a photo, "central" or "largest".

    judged_by: a digest of what tells the reliability of a photo; empty where nothing does.
    """

    model_id: str
    pipeline_version: int
    precision: str
    detector: str
    face: str
    judged_by: str = ""

    @property
    def folder_name(self) -> str:
        """The name of the recipe's folder in the cache."""
        name = f"{self.model_id}_v{self.pipeline_version}_{self.precision}_{self.detector}_{self.face}"
        return f"{name}_{self.judged_by}" if self.judged_by else name


@dataclass(frozen=True, eq=False)
class CachedOutcome:
    """The outcome of one photo: its (D,) embedding, or the code of the error that refused it."""

    embedding: Float32 | None
    failure: str | None
    reliability: float | None = None


class EmbeddingCache:
    """Embeddings of one recipe by the SHA-256 of the photo's bytes (hexadecimal). Safe to use from several threads."""

    def __init__(self, folder: Path, recipe: Recipe, dimension: int) -> None:
        """folder: of all recipes; created if it is missing. Raises OSError when that fails."""
        self.folder = folder / recipe.folder_name
        make_folders(self.folder)
        self._dimension = dimension
        self._known: dict[str, CachedOutcome] = {}
        self._unwritten: dict[str, CachedOutcome] = {}
        self._lock = threading.Lock()  # of both dictionaries, for writing; `find` is a single look-up
        for path in sorted(self.folder.glob("*.npz")):
            self._known.update(_read_part(path, dimension))

    def __len__(self) -> int:
        return len(self._known)

    def find(self, digest: str) -> CachedOutcome | None:
        """The cached outcome of a photo, None if there is none."""
        return self._known.get(digest)

    def add(self, digest: str, remembered: CachedOutcome) -> None:
        """Add a photo; it is written with the next part. Raises OSError when that cannot be written."""
        with self._lock:
            self._known[digest] = self._unwritten[digest] = remembered
            if len(self._unwritten) >= PHOTOS_PER_PART:
                self._write()

    def flush(self) -> None:
        """Write the photos that are not written yet. Raises OSError."""
        with self._lock:
            if self._unwritten:
                self._write()

    def _write(self) -> None:
        _write_whole(self.folder / f"{secrets.token_hex(8)}.npz", _part_bytes(self._unwritten, self._dimension))
        self._unwritten = {}


@contextmanager
def open_cache(folder: Path, recipe: Recipe, dimension: int) -> Iterator[EmbeddingCache]:
    """The cache of a recipe; all that was added is written at the end, also after an error. Raises OSError."""
    cache = EmbeddingCache(folder, recipe, dimension)
    try:
        yield cache
    finally:
        cache.flush()


def _part_bytes(photos: dict[str, CachedOutcome], dimension: int) -> bytes:
    digests = np.frombuffer(bytes.fromhex("".join(photos)), np.uint8).reshape(-1, 32)
    nothing = np.full(dimension, np.nan, np.float32)
    rows = [nothing if photo.embedding is None else photo.embedding for photo in photos.values()]
    out = io.BytesIO()
    np.savez(
        out,
        digests=digests,
        embeddings=np.array(rows, np.float32),
        failures=np.array([photo.failure or "" for photo in photos.values()]),
        reliability=np.array([np.nan if photo.reliability is None else photo.reliability for photo in photos.values()]),
    )
    return out.getvalue()


def _read_part(path: Path, dimension: int) -> dict[str, CachedOutcome]:
    """The photos of one part; none if it is damaged or of another dimension."""
    try:
        with np.load(path, allow_pickle=False) as part:  # a pickle could run code
            digests, embeddings, failures = part["digests"], part["embeddings"], part["failures"]
            reliability = part["reliability"] if "reliability" in part else np.full(len(digests), np.nan)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    if embeddings.shape != (len(digests), dimension) or not len(failures) == len(reliability) == len(digests):
        return {}
    return {
        digest.tobytes().hex(): CachedOutcome(
            None if failure else embedding, str(failure) or None, None if np.isnan(known) else float(known)
        )
        for digest, embedding, failure, known in zip(digests, embeddings, failures, reliability, strict=True)
    }


def _write_whole(path: Path, data: bytes) -> None:
    """Write the bytes whole or not at all; not synced, as what is lost is only embedded again. Raises OSError."""
    descriptor, name = tempfile.mkstemp(".tmp", "part-", path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
