"""Describes the faces of a photo: where they are, how good and bright, which way turned, and by which embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vultus.records.seen import Face, Float32, Quality, Template
from vultus.records.stored import CollectionPolicies
from vultus.service.context import Model, ServiceContext
from vultus.service.liveness.checks import liveness_check
from vultus.service.loose_faces.face_measures import Measures, measures_of
from vultus.service.policies import NO_POLICIES
from vultus.vision.detected_photo import DetectedPhoto


@dataclass(frozen=True, eq=False)
class DescribedFace:
    """A face in the pixels of the photo as sent, whose width and height are `size`.

    embedding: (D,) float32 of unit length, None where it was not asked for.
    """

    face: Face
    quality: Quality
    measures: Measures
    size: tuple[int, int]
    embedding: Float32 | None = None


class FaceDescriptions:
    """Describes faces; nothing is stored."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def detect(self, photo: bytes) -> tuple[DescribedFace, ...]:
        """The faces of a photo, largest first; none where there are none."""
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo)
            return tuple(
                described(detected, face, self._context.pipeline.quality(detected, face)) for face in by_area(detected)
            )

    def represent(self, photo: bytes, *, collection: str | None = None) -> tuple[DescribedFace, ...]:
        """The same with embeddings, by the model of a collection, or the default one.

        Raises CollectionNotFound; NotLive, where the policy of the collection requires live faces and one is not.
        """
        model, policies = self._model(collection)
        check = liveness_check(self._context, None, policies)
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo)
            check.judged(*(("img", [(detected, face)]) for face in detected.faces))
            return with_embeddings(self._context, detected, by_area(detected), model)[0]

    def _model(self, collection: str | None) -> tuple[Model, CollectionPolicies]:
        if collection is None:
            return self._context.models.resolve(None), NO_POLICIES
        gallery, model = self._context.bound_collection(collection, None)
        return model, gallery.policies


def by_area(detected: DetectedPhoto) -> list[Face]:
    """The faces of a photo, the largest box first."""
    return sorted(detected.faces, key=lambda face: face.area, reverse=True)


def with_embeddings(
    context: ServiceContext, detected: DetectedPhoto, faces: Sequence[Face], model: Model
) -> tuple[tuple[DescribedFace, ...], tuple[Template, ...]]:
    """Faces of a photo with their embeddings, and the templates of these. Needs a compute slot."""
    if not faces:
        return (), ()
    templates = context.pipeline.embed([(detected, face) for face in faces], model.embedder())
    each = zip(faces, templates, strict=True)
    return tuple(described(detected, face, one.quality, one.embedding) for face, one in each), templates


def described(detected: DetectedPhoto, face: Face, quality: Quality, embedding: Float32 | None = None) -> DescribedFace:
    """A face of this photo. Needs a compute slot."""
    size = (detected.photograph.width, detected.photograph.height)
    size = size if detected.rotation % 180 == 0 else (size[1], size[0])
    return DescribedFace(detected.as_sent(face), quality, measures_of(detected, face), size, embedding)
