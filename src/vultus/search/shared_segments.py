"""The segments of collections in files that worker processes map, so that a machine holds each collection once.

    folder/<collection_pk>-<space>/   segment-0, segment-1, ...   one array of a `Rows` after the other
                                      loaded.json                 last: the mark and what each file holds
                                      terms-<rule>.npz            its first terms, see `shared_terms.py`
           <collection_pk>.lock       held while a worker loads the collection

The worker that loads a collection first writes the files; the others map them, and all go on from the files' mark by
the changes since, each for itself: rows that are added are a worker's own, rows of erased faces are overwritten in the
file, by each worker with the same zeros. The folder belongs to one run of the server, which removes it at its end.
"""

from __future__ import annotations

import json
import logging
import mmap
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vultus.files import lock_file, write_whole
from vultus.search.int8_codes import Codes
from vultus.search.segments import Rows, empty_rows
from vultus.search.shared_terms import SharedTerms
from vultus.search.source import Allocate, ChangeSet, Mark

log = logging.getLogger(__name__)

LOADED = "loaded.json"
ZEROS_BYTES = 1 << 20  # written at once
ALIGNMENT = 64  # bytes, of each array in a file


class SharedSegments:
    """The files of one server's collections. Used by many threads and processes at once."""

    def __init__(self, folder: Path) -> None:
        """folder: made when missing, readable by this user only."""
        self._folder = folder

    def load(self, mark: Mark, read: Callable[[Allocate], ChangeSet]) -> ChangeSet:
        """All faces of a collection, at the mark of its files, or where there are none, by `read`, which fills them.

        mark: of the collection now. read: all faces, in rows from the function that it is given.
        Where no file can be written, rows in the worker's own memory.
        """
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self._folder / f"{mark.collection_pk}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            log.warning("collections are not shared between the workers: %s", exc.strerror)
            return read(empty_rows)
        try:
            lock_file(descriptor)
            there = self._mapped(mark)
            return self._filled(mark, read) if there is None else there
        finally:
            os.close(descriptor)

    def terms(self, loaded: ChangeSet) -> SharedTerms:
        """The first terms of what `load` gave."""
        return SharedTerms(self._of(loaded.mark), sum(map(len, loaded.added)))

    def discard(self, mark: Mark) -> None:
        """Remove the files of a collection; who has mapped them keeps what is there."""
        shutil.rmtree(self._of(mark), ignore_errors=True)

    def _of(self, mark: Mark) -> Path:
        return self._folder / f"{mark.collection_pk}-{mark.space}"

    def _mapped(self, mark: Mark) -> ChangeSet | None:
        folder = self._of(mark)
        try:
            loaded = json.loads((folder / LOADED).read_text("ascii"))
            then, dimension = Mark(**loaded["mark"]), loaded["dimension"]
            if not mark.follows(then):
                return None
            rows = [
                _map(folder / f"segment-{number}", count, dimension, embeddings=loaded["embeddings"])
                for number, count in enumerate(loaded["rows"])
            ]
        except (OSError, ValueError, KeyError, TypeError):  # none there, or what a worker that was killed left
            return None
        return ChangeSet(then, True, dimension, rows, np.empty(0, np.int64))

    def _filled(self, mark: Mark, read: Callable[[Allocate], ChangeSet]) -> ChangeSet:
        folder, shared = self._of(mark), _Files(self._of(mark))
        shutil.rmtree(folder, ignore_errors=True)
        changes = read(shared.allocate)
        if not (
            shared.complete and changes.added and changes.mark.is_beside(mark) and self._published(folder, changes)
        ):
            shutil.rmtree(folder, ignore_errors=True)  # what nobody will map takes no room; this worker keeps its rows
        return changes

    def _published(self, folder: Path, changes: ChangeSet) -> bool:
        loaded: dict[str, Any] = {
            "mark": asdict(changes.mark),
            "dimension": changes.dimension,
            "rows": [len(rows) for rows in changes.added],
            "embeddings": changes.added[0].embeddings is not None,
        }
        try:
            write_whole(folder / LOADED, json.dumps(loaded).encode("ascii"), mode=0o600)
        except OSError as exc:
            log.warning("a collection is not shared between the workers: %s", exc.strerror)
            return False
        return True


class _Files:
    """Rows in files of a folder, one after the other. complete: whether all of them are."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count, self.complete = folder, 0, True

    def allocate(self, count: int, dimension: int, *, embeddings: bool = False) -> Rows:
        """Rows in a file; where there is no room for it, in memory of this process."""
        path = self._folder / f"segment-{self._count}"
        self._count += 1
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _reserve(descriptor, _layout(count, dimension, embeddings=embeddings)[1])
            finally:
                os.close(descriptor)
            return _map(path, count, dimension, embeddings=embeddings)
        except OSError as exc:
            log.warning("a collection is not shared between the workers: %s", exc.strerror)
            path.unlink(missing_ok=True)  # a part of it may be there
            self.complete = False
            return empty_rows(count, dimension, embeddings=embeddings)


def _reserve(descriptor: int, size: int) -> None:
    """Take the room now: on a full disk, writing to a mapped page would end the process. Raises OSError."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    zeros = bytes(min(size, ZEROS_BYTES))
    for start in range(0, size, ZEROS_BYTES):
        os.pwrite(descriptor, zeros[: size - start], start)


Part = tuple[int, tuple[int, ...], DTypeLike]  # where it begins, its shape and its kind of numbers


def _layout(count: int, dimension: int, *, embeddings: bool) -> tuple[Sequence[Part], int]:
    """The arrays of rows in their file, and its size; a multiple of the alignment, never 0."""
    arrays: list[tuple[tuple[int, ...], DTypeLike]] = [
        *(((count,), np.int64), ((count,), np.int64)),
        *(((count, dimension), np.int8), ((count,), np.float32), ((count,), np.float32)),
    ]
    if embeddings:
        arrays.append(((count, dimension), np.float32))
    parts, end = [], 0
    for shape, kind in arrays:
        parts.append((end, shape, kind))
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        end += -(-size // ALIGNMENT) * ALIGNMENT
    return parts, max(end, ALIGNMENT)


def _map(path: Path, count: int, dimension: int, *, embeddings: bool) -> Rows:
    """The rows of a file, shared with all processes that map it. Raises OSError; ValueError, when it is too short."""
    parts, size = _layout(count, dimension, embeddings=embeddings)
    with path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), size)
    arrays: list[NDArray[Any]] = [
        np.frombuffer(memory, kind, int(np.prod(shape)), start).reshape(shape) for start, shape, kind in parts
    ]
    return Rows(arrays[0], arrays[1], Codes(arrays[2], arrays[3], arrays[4]), arrays[5] if embeddings else None)
