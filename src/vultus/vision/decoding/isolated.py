"""Decodes images that could take long or much memory in processes of their own, which are killed at a deadline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from threading import Lock, Timer
from typing import IO, Any, Protocol, Self

import numpy as np

from vultus.caller import CallerGone, ended_by_caller
from vultus.errors import InvalidImage, RequestTooLarge, VultusError
from vultus.records.seen import Photograph
from vultus.vision.decoding.decode import REDUCED_SIDE, decode
from vultus.vision.decoding.formats import recognise
from vultus.vision.decoding.jpeg_header import read_jpeg_header
from vultus.vision.decoding.limits import DecodeLimits, check_memory, check_size
from vultus.vision.decoding.png_chunks import png_size
from vultus.vision.decoding.webp_size import webp_size

QUICK_PIXELS = 4_000_000  # PNG and WebP: 0.2 s and 80 MB at most
QUICK_JPEG_PIXELS = 130_000_000  # times its scans: 12 megapixels of 10 scans
KEPT_WORKERS = 4  # idle ones; each holds 40 MB
LONGEST_ANSWER_BYTES = 10_000
LATE, UNWANTED = "late", "unwanted"  # why a process was ended in the middle of an image
WORKER = "vultus.vision.decoding.worker"
ERRORS: dict[str, type[VultusError]] = {kind.code: kind for kind in (InvalidImage, RequestTooLarge)}


class Decode(Protocol):
    """Decodes an image file to at least reduced_side pixels on the long side, where it has so many."""

    def __call__(self, data: bytes, *, reduced_side: int = REDUCED_SIDE) -> Photograph: ...


class IsolatedDecoder:
    """A `Decode` within limits. Used by many threads at once; ordinary photos are decoded in the thread that calls."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._idle: list[_Worker] = []
        self._closed = False
        self._lock = Lock()  # guards _idle and _closed

    def __call__(self, data: bytes, *, reduced_side: int = REDUCED_SIDE) -> Photograph:
        """As `decode`. Raises InvalidImage too when the decoder fails, or takes longer than the limit."""
        if is_quick(data, self._limits):
            return decode(data, limits=self._limits, reduced_side=reduced_side)
        worker = self._take()
        try:
            return worker.decode(data, reduced_side)
        finally:
            self._give_back(worker)

    @property
    def idle_processes(self) -> tuple[int, ...]:
        """The ids of the processes that wait for an image."""
        with self._lock:
            return tuple(worker.process_id for worker in self._idle)

    def close(self) -> None:
        """End the idle processes; those at work end with their image."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> _Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Worker(self._limits)

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            if worker.usable and not self._closed and len(self._idle) < KEPT_WORKERS:
                self._idle.append(worker)
                return
        worker.end()


def is_quick(data: bytes, limits: DecodeLimits) -> bool:
    """Whether an image is bounded by its header to little time and memory.

    Raises InvalidImage, RequestTooLarge for what its header alone forbids.
    """
    kind = recognise(data)
    if kind == "JPEG":
        header = read_jpeg_header(data)
        check_size(header.width, header.height, limits)
        check_memory(kind, header.width, header.height, header.coefficient_bytes, limits)
        return header.coefficient_bytes == 0 or header.width * header.height * header.scans <= QUICK_JPEG_PIXELS
    if kind not in ("PNG", "WEBP"):
        return False
    width, height = png_size(data) if kind == "PNG" else webp_size(data)
    check_size(width, height, limits)
    check_memory(kind, width, height, 0, limits)
    return width * height <= QUICK_PIXELS


class _Worker:
    """A process that decodes one image at a time. usable: whether it may be given another."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self.usable = True
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER, str(limits.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries print what they find in a file
            env={"PYTHONPATH": os.pathsep.join(sys.path), "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        self._requests: IO[bytes] = self._process.stdin  # type: ignore[assignment]
        self._answers: Any = self._process.stdout

    @property
    def process_id(self) -> int:
        return self._process.pid

    def decode(self, data: bytes, reduced_side: int) -> Photograph:
        """The photograph; after InvalidImage by a lost process, or any other error, the worker is not usable."""
        ended: list[str] = []

        def end(why: str) -> None:
            ended.append(why)
            self._process.kill()

        deadline = Timer(self._limits.seconds, end, (LATE,))
        deadline.daemon = True
        deadline.start()
        self.usable = False
        try:
            with ended_by_caller(partial(end, UNWANTED)):
                answer = self._ask(data, reduced_side)
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise self._lost(ended) from exc
        finally:
            deadline.cancel()
        self.usable = not ended
        if isinstance(answer, VultusError):
            raise answer
        return answer

    def _ask(self, data: bytes, reduced_side: int) -> Photograph | VultusError:
        """Raises OSError when the process has ended; ValueError, KeyError, TypeError when it answers nonsense."""
        request = {"size": len(data), "reduced_side": reduced_side}
        limits = {"pixels": self._limits.pixels, "memory_bytes": self._limits.memory_bytes}
        self._requests.write(json.dumps({**request, **limits}).encode("ascii") + b"\n")
        self._requests.write(data)
        self._requests.flush()
        answer: dict[str, Any] = json.loads(self._answers.readline(LONGEST_ANSWER_BYTES))
        if "error" in answer:
            return ERRORS.get(answer["error"], InvalidImage)(str(answer["detail"]))
        height, width = answer["shape"]
        if not 0 < height * width <= self._limits.pixels:
            raise ValueError("the pixels are more than were asked for")
        pixels = np.empty((height, width, 3), np.uint8)
        if self._answers.readinto(pixels.reshape(-1).data) != pixels.nbytes:
            raise ValueError("the pixels are cut short")
        return Photograph(pixels, int(answer["width"]), int(answer["height"]), float(answer["reduction"]))

    def _lost(self, ended: Sequence[str]) -> Exception:
        if UNWANTED in ended:
            return CallerGone()
        if LATE in ended:
            return InvalidImage(
                f"the image was not decoded within {self._limits.seconds:g} s; send it as an ordinary JPEG"
            )
        return InvalidImage("the decoder failed on this image, which is damaged or hostile; save it as a JPEG")

    def end(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._answers):
            with suppress(OSError):  # the other end is gone, perhaps with data on the way
                pipe.close()
