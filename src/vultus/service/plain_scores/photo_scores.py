"""The scores of all faces of a photo against a collection, an enrolled face or another photo, and what they mean.

For callers that decide by thresholds of their own, on a scale of their own; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from vultus.errors import CollectionNotFound
from vultus.matching.decision import ThresholdTable
from vultus.records.answers import Candidate
from vultus.records.seen import Face, Float32, Template
from vultus.records.stored import EnrolledFace
from vultus.service.comparison import unit_vectors
from vultus.service.context import Model, ServiceContext, in_one_space
from vultus.service.evidence import Seen, weigh
from vultus.service.identification import GallerySearch
from vultus.service.liveness.checks import LivenessCheck, liveness_check, refuse_without_picture
from vultus.vision.detected_photo import DetectedPhoto
from vultus.vision.face_selection import largest_face, only_face

Vectors = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Choice:
    """Which faces of a photo: those that the detector is so sure of, 0..1; at most so many, None for all.

    whole: a photo without any face is taken for one.
    """

    least_detection: float = 0.0
    most: int | None = None
    whole: bool = False

    def of(self, detected: DetectedPhoto) -> tuple[Face, ...]:
        """The faces that are meant, most prominent first. Raises NoFaceDetected."""
        faces = tuple(face for face in detected.faces if face.score >= self.least_detection)
        return faces[: self.most] or (largest_face(replace(detected, faces=()), enforce=not self.whole),)


ALL = Choice()


@dataclass(frozen=True, eq=False)
class Scored:
    """A face of a photo, None for an embedding that the caller kept.

    lines: subjects of a collection, best first. score: against one other face. unreliable: too damaged to decide on.
    """

    template: Template | None
    lines: tuple[Candidate, ...] = ()
    score: float = 0.0
    unreliable: bool = False


@dataclass(frozen=True, eq=False)
class Scores:
    """One answer for each face, most prominent first. thresholds, gallery_faces: what the scores mean.

    source: the face of the other photo. enrolled: the enrolled face.
    """

    faces: tuple[Scored, ...]
    thresholds: ThresholdTable
    model_id: str
    gallery_faces: int = 0
    source: Template | None = None
    enrolled: EnrolledFace | None = None


class PhotoScores:
    """Compares each face of a photo, or embeddings that the caller kept; nothing is stored."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def thresholds(self) -> ThresholdTable:
        """Of the default model. Raises InvalidRequest, when it is not calibrated."""
        return self._context.models.resolve(None).thresholds()

    def templates(
        self, photo: bytes, *, collection: str | None = None, choice: Choice = ALL
    ) -> tuple[tuple[Template, ...], Model]:
        """The faces of a photo, by the model of a collection, or the default where it is not there. Raises
        NoFaceDetected."""
        model = self._context.models.resolve(None)
        with suppress(CollectionNotFound):
            model = model if collection is None else self._context.bound_collection(collection, None)[1]
        with self._context.pipeline.slot():
            return self._embedded(self._context.pipeline.detect(photo), model, choice), model

    @in_one_space
    def search(self, photo: bytes, collection: str, *, top_k: int, choice: Choice = ALL) -> Scores:
        """The best subjects of a collection for each face. Raises NoFaceDetected, CollectionNotFound; NotLive."""
        gallery, model = self._context.bound_collection(collection, None)
        thresholds, check = model.thresholds(), liveness_check(self._context, None, gallery.policies)
        with self._context.pipeline.slot():
            templates = self._embedded(self._context.pipeline.detect(photo), model, choice, check)
        seen = [Seen.of("img", template) for template in templates]
        ranked = GallerySearch(self._context).ranked(gallery, model, seen, top_k)
        faces = tuple(
            Scored(template, tuple(lines), unreliable=_is_unreliable(model, [probe]))
            for template, lines, probe in zip(templates, ranked, seen, strict=True)
        )
        return Scores(faces, thresholds, model.id, self._context.index.size(collection)[1])

    @in_one_space
    def search_embeddings(self, embeddings: Vectors, collection: str, *, top_k: int) -> Scores:
        """The same for embeddings of the collection's model. Raises CollectionNotFound, VectorMismatch."""
        gallery, model = self._context.bound_collection(collection, None)
        refuse_without_picture(self._context, None, gallery.policies, "an embedding")
        rows, _ = unit_vectors(embeddings, model.dimension, model.id, what="embedding")
        ranked = GallerySearch(self._context).ranked(gallery, model, [Seen("embedding", row) for row in rows], top_k)
        faces = tuple(Scored(None, tuple(lines)) for lines in ranked)
        return Scores(faces, model.thresholds(), model.id, self._context.index.size(collection)[1])

    @in_one_space
    def with_face(self, photo: bytes, face_id: str, *, choice: Choice = ALL) -> Scores:
        """The faces of a photo against an enrolled face. Raises NoFaceDetected, FaceNotFound; NotLive."""
        enrolled, embedding, _ = self._context.gallery.face_embedding(face_id)
        gallery, model = self._context.bound_collection(enrolled.collection, None)
        check = liveness_check(self._context, None, gallery.policies)
        with self._context.pipeline.slot():
            templates = self._embedded(self._context.pipeline.detect(photo), model, choice, check)
        faces = _scored(model, embedding, templates)
        return Scores(faces, model.thresholds(), model.id, enrolled=enrolled)

    @in_one_space
    def embeddings_with_face(self, embeddings: Vectors, face_id: str) -> Scores:
        """The same for embeddings of the model of the face's collection. Raises FaceNotFound, VectorMismatch."""
        enrolled, embedding, _ = self._context.gallery.face_embedding(face_id)
        gallery, model = self._context.bound_collection(enrolled.collection, None)
        refuse_without_picture(self._context, None, gallery.policies, "an embedding")
        rows, _ = unit_vectors(embeddings, model.dimension, model.id, what="embedding")
        faces = tuple(Scored(None, score=score) for score in _scores(model, embedding, rows))
        return Scores(faces, model.thresholds(), model.id, enrolled=enrolled)

    def with_photo(self, source: bytes, target: bytes, *, choice: Choice = ALL) -> Scores:
        """The faces of a photo, target, against the one face of another, source; by the default model.

        Raises NoFaceDetected; MultipleFaces, when the source has several.
        """
        model, pipeline = self._context.models.resolve(None), self._context.pipeline
        with pipeline.slot():
            one, other = pipeline.detect_all([source, target])
            face = only_face(replace(one, faces=choice.of(one), left_out=0))
            (template,) = pipeline.embed([(one, face)], model.embedder())
            templates = self._embedded(other, model, choice)
        faces = _scored(model, template.embedding, templates, Seen.of("source", template))
        return Scores(faces, model.thresholds(), model.id, source=template)

    def _embedded(
        self, detected: DetectedPhoto, model: Model, choice: Choice, check: LivenessCheck | None = None
    ) -> tuple[Template, ...]:
        pairs = [(detected, face) for face in choice.of(detected)]
        if check is not None:
            check.judged(*(("img", [pair]) for pair in pairs))
        return self._context.pipeline.embed(pairs, model.embedder())


def _scored(model: Model, embedding: Float32, templates: Sequence[Template], *others: Seen) -> tuple[Scored, ...]:
    scores = _scores(model, embedding, np.stack([template.embedding for template in templates]))
    return tuple(
        Scored(template, score=score, unreliable=_is_unreliable(model, [Seen.of("img", template), *others]))
        for template, score in zip(templates, scores, strict=True)
    )


def _scores(model: Model, embedding: Float32, rows: Float32) -> list[float]:
    """Of (N, D) embeddings with one, by which the model decides."""
    cosines = np.clip(rows @ embedding, -1, 1)
    scores = cosines if model.reference is None else model.reference.score(embedding, rows)
    return [float(score) for score in scores]


def _is_unreliable(model: Model, seen: Sequence[Seen]) -> bool:
    return weigh(seen, model.reference).unreliable is not None
