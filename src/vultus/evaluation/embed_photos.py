"""Embeds photos, file by file, with the pipeline of the service; a bad file is counted and does not end the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import FILE_FAILED, BadInput, FaceRefused, ModelInvalid
from vultus.evaluation.cache import CachedOutcome, EmbeddingCache
from vultus.matching.reliability import RELIABILITY_FLOOR, ReliabilityModel
from vultus.records.seen import Face, Float32, Template
from vultus.vision.detected_photo import DetectedPhoto
from vultus.vision.embed import Recogniser
from vultus.vision.face_selection import central_face, largest_face
from vultus.vision.pipeline import Pipeline

CHOICES: Mapping[str, Callable[[DetectedPhoto], Face]] = {"central": central_face, "largest": largest_face}
UNDECIDED = "unreliable"  # the decision of the service on such photos


@dataclass(frozen=True, eq=False)
class Outcome:
    """The outcome of one photo: its (D,) embedding, or the code of the reason why there is none.

    reliability: of decisions on the face, 0..100; None where the model does not tell it.
    """

    path: Path
    embedding: Float32 | None
    failure: str | None
    reliability: float | None = None


@dataclass(frozen=True, eq=False)
class PhotoEmbedder:
    """Embeds one file after another. Used by several threads, as many as the pipeline has slots.

    read: returns the bytes of a file. face: a key of CHOICES. detector: None means the default one and its fallback.
    reliability: by which photos are judged, see `EmbeddedPhotos.undecided`; None: they are not.
    """

    pipeline: Pipeline
    model: Recogniser[Any]
    read: Callable[[Path], bytes]
    face: str = "largest"
    detector: str | None = None
    cache: EmbeddingCache | None = None
    reliability: ReliabilityModel | None = None

    def embed(self, path: Path) -> Outcome:
        """The outcome of one file. Raises errors that concern all photos, such as ModelNotInstalled."""
        try:
            photo = self.read(path)
        except OSError:
            return Outcome(path, None, FILE_FAILED)
        except BadInput as refusal:
            return Outcome(path, None, refusal.code)
        found = self._embed_cached(photo)
        return Outcome(path, found.embedding, found.failure, found.reliability)

    def _embed_cached(self, photo: bytes) -> CachedOutcome:
        digest = sha256(photo).hexdigest()
        known = self.cache.find(digest) if self.cache is not None else None
        if known is not None:
            return known
        found = self._embed(photo)
        if self.cache is not None:
            self.cache.add(digest, found)
        return found

    def _embed(self, photo: bytes) -> CachedOutcome:
        try:
            with self.pipeline.slot():
                detected = self.pipeline.detect(photo, detector=self.detector)
                chosen = CHOICES[self.face](detected)
                (template,) = self.pipeline.embed([(detected, chosen)], self.model)
        except (BadInput, FaceRefused, ModelInvalid) as refusal:
            return CachedOutcome(None, refusal.code)
        return CachedOutcome(template.embedding, None, self._reliability(template))

    def _reliability(self, template: Template) -> float | None:
        if self.reliability is None:
            return None
        return self.reliability.reliability(template.embedding, template.quality.parts)


@dataclass(frozen=True, eq=False)
class EmbeddedPhotos:
    """Photos in the order asked for. vectors: (P, D) float32 of unit length, NaN where a photo has no embedding.

    failures: (P,) the code of the reason why a photo has no embedding, None where it has one.
    reliability: (P,) of decisions on each face, 0..100, NaN where it is not known; None: of none.
    """

    paths: tuple[Path, ...]
    vectors: Float32
    failures: tuple[str | None, ...]
    reliability: Float32 | None = None

    @property
    def undecided(self) -> NDArray[np.bool_]:
        """(P,): whether a photo has an embedding, and is too damaged for the service to decide on it."""
        if self.reliability is None:
            return np.zeros(len(self.paths), bool)
        return self.usable & (self.reliability < RELIABILITY_FLOOR)

    def decided(self) -> EmbeddedPhotos:
        """The same photos, those that the service does not decide on as photos without an embedding."""
        left_out = self.undecided
        vectors = np.where(left_out[:, None], np.float32(np.nan), self.vectors)
        failures = tuple(UNDECIDED if out else failure for out, failure in zip(left_out, self.failures, strict=True))
        return replace(self, vectors=vectors, failures=failures)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(P,): whether each photo has an embedding."""
        return np.array([failure is None for failure in self.failures], bool)

    @property
    def reasons(self) -> dict[str, int]:
        """How many photos failed, by reason, the most frequent first."""
        return dict(Counter(failure for failure in self.failures if failure is not None).most_common())


def gather(paths: Sequence[Path], outcomes: Iterable[Outcome], dimension: int) -> EmbeddedPhotos:
    """Outcomes, in any order, as arrays in the order of the paths. A path without an outcome is FILE_FAILED."""
    found = {outcome.path: outcome for outcome in outcomes}
    failures = tuple(found[path].failure if path in found else FILE_FAILED for path in paths)
    vectors = np.full((len(paths), dimension), np.nan, np.float32)
    for row, path in enumerate(paths):
        if path in found and (embedding := found[path].embedding) is not None:
            vectors[row] = embedding
    known = [found[path].reliability if path in found else None for path in paths]
    reliability = np.array([np.nan if one is None else one for one in known], np.float32)
    return EmbeddedPhotos(tuple(paths), vectors, failures, reliability)
