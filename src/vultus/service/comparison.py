"""Compare: a photo or a vector against vectors that the caller keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from vultus.errors import VectorMismatch
from vultus.records.answers import Comparison, Metric
from vultus.records.cautions import Caution
from vultus.records.chosen import FaceChoice
from vultus.records.seen import Float32, Template
from vultus.service.chosen_faces import cautions_about, requested_face, settle
from vultus.service.context import Model, ServiceContext
from vultus.service.deciding.pair_decisions import pair_rule
from vultus.service.evidence import Seen, unusual_vectors, weigh
from vultus.service.unavailable_models import model_of_vectors
from vultus.vectors import has_direction, lengths, unit_length

UNKNOWN_QUALITY = (
    "compared without a photo: the quality of the face is not known, and of a bad one the error rates do not hold; "
    "compare a photo where you have one"
)


class VectorComparison:
    """1:1 comparisons with vectors that the caller keeps; nothing is stored."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def compare(
        self,
        source: bytes | Sequence[float],
        targets: Sequence[Sequence[float]],
        *,
        model_name: str | None = None,
        metric: Metric = "cosine",
        target_fmr: float | None = None,
        threshold: float | None = None,
        detector: str | None = None,
        enforce_detection: bool = True,
        align: bool = True,
        face_index: int | None = None,
        accept_low_quality: bool = False,
    ) -> Comparison:
        """Compare a photo (bytes) or a vector with each target vector, in the order given.

        Vectors are scaled to unit length first. face_index: which face of the photo, largest first; None: the largest.
        Raises VectorMismatch (dimension, NaN, zero), InvalidRequest (no such face), and what `verify` raises.
        """
        lengths = {len(target) for target in targets}
        model, instead = model_of_vectors(self._context, model_name, threshold, lengths)
        asked = pair_rule(self._context, model, metric, target_fmr, threshold)
        rows, unusual = unit_vectors(targets, model.dimension, model.id, what="target vector")
        choice = None
        if isinstance(source, bytes):
            template, choice = self._photo_template(source, model, detector, enforce_detection, align, face_index)
            probe = Seen.of("img", template)
        else:
            (vector,), odd = unit_vectors([source], model.dimension, model.id, what="source vector")
            probe, unusual = Seen("source_vector", vector), (*odd, *unusual)
        evidence = weigh([probe], model.reference, accept_low_quality=accept_low_quality)
        similarities = np.clip(rows @ probe.embedding, -1, 1)
        scores = similarities if model.reference is None else model.reference.score(probe.embedding, rows)
        return Comparison(
            tuple(similarities.tolist()),
            tuple(scores.tolist()),
            evidence.applied(asked.rule),
            metric,
            model.id,
            evidence.unreliable if asked.rule.kind != "explicit" else None,
            (*instead, *self._cautions(probe, choice), *evidence.cautions, *unusual),
            evidence.no_face and asked.rule.kind != "explicit",
            evidence.beyond,
            choice,
        )

    def _cautions(self, probe: Seen, choice: FaceChoice | None) -> Iterator[Caution]:
        if probe.quality is None:
            yield Caution("no_photo", probe.image, UNKNOWN_QUALITY)
        else:
            yield from self._context.cautions({probe.image: probe.quality})
        if probe.quality is not None and choice is not None:
            yield from cautions_about(probe.image, choice, probe.quality, how=", or send face_index")

    def _photo_template(
        self, photo: bytes, model: Model, detector: str | None, enforce: bool, align: bool, face_index: int | None
    ) -> tuple[Template, FaceChoice]:
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            face = requested_face(detected, face_index, which="img", field="face_index", enforce=enforce)
            embedder, pipeline = model.embedder(), self._context.pipeline
            (template,) = pipeline.embed([(detected, face)], embedder, align=align)
            requested = face_index is not None
            return settle(pipeline, detected, face, template, embedder, align=align, requested=requested)


def unit_vectors(
    vectors: Sequence[Sequence[float]], dimension: int, model_id: str, *, what: str
) -> tuple[Float32, tuple[Caution, ...]]:
    """(N, D) float32 of unit length, and cautions about those that look like no embedding.

    Raises VectorMismatch naming the first vector that cannot be compared.
    """
    for i, vector in enumerate(vectors):
        if len(vector) != dimension:
            raise VectorMismatch(
                f"{what} {i} has {len(vector)} numbers, {model_id} has {dimension}; send embeddings of that model"
            )
    rows = np.asarray(vectors, np.float64).reshape(len(vectors), dimension)
    norms = lengths(rows)
    useless = np.flatnonzero(~has_direction(norms))
    if useless.size:
        raise VectorMismatch(f"{what} {useless[0]} is zero or holds NaN or infinity; send an embedding")
    unit = unit_length(rows).astype(np.float32)
    return unit, unusual_vectors(unit, norms, model_id, image=what.replace(" ", "_"))
