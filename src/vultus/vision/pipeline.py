"""A photo to templates, the steps in order; bounds how many photos are worked on at once and how many may wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vultus.errors import DetectorNotAllowed, QueueFull, QueueTimeout
from vultus.records import RGB, Face, Photograph, Quality, Template
from vultus.vision.detect import Detector
from vultus.vision.embed import Recogniser
from vultus.vision.image import MAX_PIXELS, decode, encode_jpeg
from vultus.vision.quality import assess, with_recognisability

PHOTO_SIDE = 512  # pixels: long side of a stored photo


@dataclass(frozen=True, eq=False)
class Sighting:
    """A photo and the faces found in it, largest first, in the pixels of the decoded photograph."""

    photograph: Photograph
    faces: tuple[Face, ...]
    detector: str

    def upright(self, face: Face) -> Face:
        """A face of this photo in the pixels of the upright original."""
        r = self.photograph.reduction
        x_min, y_min, x_max, y_max = face.box
        return replace(face, box=(x_min * r, y_min * r, x_max * r, y_max * r), landmarks=face.landmarks * np.float32(r))


class Slots:
    """A bounded number of places and a bounded queue before them."""

    def __init__(self, places: int, *, queue: int, wait_seconds: float) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._queue, self._wait_seconds = queue, wait_seconds
        self._waiting = 0
        self._lock = threading.Lock()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one place. Raises QueueFull at once, QueueTimeout after the longest wait."""
        if not self._places.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._places.release()

    def _wait(self) -> None:
        with self._lock:
            if self._waiting >= self._queue:
                raise QueueFull(f"{self._waiting} requests wait already, as many as may; try again in a second")
            self._waiting += 1
        try:
            if not self._places.acquire(timeout=self._wait_seconds):
                raise QueueTimeout(f"no compute slot came free within {self._wait_seconds:g} s; try again later")
        finally:
            with self._lock:
                self._waiting -= 1


class Pipeline:
    """Decode, detect, assess, embed. Every step expects the caller to hold `slot()`."""

    def __init__(
        self,
        detectors: Mapping[str, Detector],
        embedder: Callable[[str], Recogniser[Any]],
        *,
        default_detector: str,
        fallback: str | None = None,
        stood_in_for: Collection[str] = (),
        slots: Slots | None = None,
        max_pixels: int = MAX_PIXELS,
        max_faces: int = 64,
    ) -> None:
        """embedder: the model of an id. fallback: the detector tried when the default one finds nothing.

        stood_in_for: names of other detectors that clients ask for; the default one answers for them.
        """
        self._detectors, self._embedder = dict(detectors), embedder
        self._default, self._fallback = default_detector, fallback
        self._stood_in_for = frozenset(stood_in_for) - set(detectors)
        self._slots = slots or Slots(1, queue=0, wait_seconds=1)
        self._max_pixels, self._max_faces = max_pixels, max_faces

    @contextmanager
    def slot(self) -> Iterator[None]:
        """A place to work in. Raises QueueFull, QueueTimeout."""
        with self._slots.place():
            yield

    def detector_name(self, wanted: str | None) -> str:
        """The served detector of a name; None, or a name it stands in for, means the default.

        Raises DetectorNotAllowed.
        """
        name = self._default if self._means_default(wanted) else (wanted or "").lower()
        if name not in self._detectors:
            served = ", ".join(sorted(self._detectors))
            raise DetectorNotAllowed(f"detector_backend {wanted!r} is not served; use one of: {served}")
        return name

    def _means_default(self, wanted: str | None) -> bool:
        return wanted is None or wanted.lower() in self._stood_in_for

    def look(self, photo: bytes, *, detector: str | None = None) -> Sighting:
        """Decode a photo and find its faces. Raises InvalidImage, RequestTooLarge, DetectorNotAllowed."""
        name = self.detector_name(detector)
        photograph = decode(photo, max_pixels=self._max_pixels)
        faces = self._detectors[name].detect(photograph.pixels)
        if not faces and self._means_default(detector) and self._fallback is not None:
            name = self._fallback
            faces = self._detectors[name].detect(photograph.pixels)
        largest = sorted(faces, key=lambda face: face.area * face.score, reverse=True)
        return Sighting(photograph, tuple(largest[: self._max_faces]), name)

    def quality(self, sighting: Sighting, face: Face) -> Quality:
        """The quality of a face of this photo."""
        return assess(sighting.photograph.pixels, face, reduction=sighting.photograph.reduction)

    def embed(
        self, faces: Sequence[tuple[Sighting, Face]], model_id: str, *, align: bool = True
    ) -> tuple[Template, ...]:
        """Templates of faces, also of several photos, in one batch."""
        model = self._embedder(model_id)
        crops = [model.crop(sighting.photograph.pixels, face, align=align) for sighting, face in faces]
        vectors, told = model.look(crops)
        return tuple(
            Template(vector, model_id, sighting.upright(face), with_recognisability(self.quality(sighting, face), seen))
            for vector, seen, (sighting, face) in zip(vectors, told, faces, strict=True)
        )

    def warm_up(self, pixels: RGB) -> None:
        """Run every detector once."""
        for detector in self._detectors.values():
            detector.detect(pixels)

    def stored_photo(self, sighting: Sighting) -> tuple[bytes, int, int]:
        """The JPEG to store, at most PHOTO_SIDE pixels on the long side, with its width and height."""
        return encode_jpeg(sighting.photograph.pixels, max_side=PHOTO_SIDE)


def whole_picture(pixels: RGB) -> Face:
    """The whole picture as a face of score 0, for callers who do not insist on a detection."""
    height, width = pixels.shape[:2]
    return Face((0.0, 0.0, float(width), float(height)), np.full((5, 2), np.nan, np.float32), 0.0)
