"""Verify (1:1), represent, detect."""

from __future__ import annotations

from vultus.errors import SubjectNotFound
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.matching.decision import similarity
from vultus.records.answers import Metric, Verification
from vultus.records.seen import Face, Quality, Template
from vultus.service.context import ServiceContext, in_one_space
from vultus.vision.face_selection import how_chosen, largest_face


class Recognition:
    """Compares a photo with a photo or a subject, and describes its faces."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def verify(
        self,
        first: bytes,
        second: bytes,
        *,
        model_name: str | None = None,
        detector: str | None = None,
        metric: Metric = "cosine",
        target_fmr: float | None = None,
        threshold: float | None = None,
        enforce_detection: bool = True,
        align: bool = True,
    ) -> Verification:
        """Compare two photos 1:1, the largest face of each.

        threshold: a distance in `metric`; excludes target_fmr (default: the policy's).
        """
        model = self._context.models.resolve(model_name)
        rule = self._context.verification_rule(model, metric, target_fmr, threshold)
        with self._context.pipeline.slot():
            one, two = self._context.pipeline.detect_all([first, second], detector=detector)
            face_one = largest_face(one, which="img1", enforce=enforce_detection)
            face_two = largest_face(two, which="img2", enforce=enforce_detection)
            faces = [(one, face_one), (two, face_two)]
            reference, probe = self._context.pipeline.embed(faces, model.embedder(), align=align)
        score = similarity(reference.embedding, probe.embedding)
        return Verification(
            verified=score >= rule.similarity,
            similarity=score,
            rule=rule,
            metric=metric,
            model_id=model.id,
            detector=one.detector,
            faces=(reference.face, probe.face),
            chosen=(how_chosen(one), how_chosen(two)),
            cautions=self._context.cautions({"img1": reference.quality, "img2": probe.quality}),
        )

    @in_one_space
    def verify_subject(
        self,
        photo: bytes,
        subject: str,
        *,
        collection: str = DEFAULT_COLLECTION,
        model_name: str | None = None,
        detector: str | None = None,
        metric: Metric = "cosine",
        target_fmr: float | None = None,
        threshold: float | None = None,
        enforce_detection: bool = True,
        align: bool = True,
    ) -> Verification:
        """Compare a photo with an enrolled subject: the best of its faces counts. Raises PolicyLoosened."""
        gallery, model = self._context.bound_collection(collection, model_name)
        rule = self._context.verification_rule(model, metric, target_fmr, threshold, gallery.policies)
        face_ids, enrolled = self._context.gallery.embeddings(collection, subject, space=gallery.space)
        if not len(enrolled):
            raise SubjectNotFound(f"the subject has no faces in collection {collection!r}; enroll a photo first")
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            face = largest_face(detected, which="img", enforce=enforce_detection)
            (probe,) = self._context.pipeline.embed([(detected, face)], model.embedder(), align=align)
        score, face_id = max(zip((similarity(probe.embedding, row) for row in enrolled), face_ids, strict=True))
        return Verification(
            verified=score >= rule.similarity,
            similarity=score,
            rule=rule,
            metric=metric,
            model_id=model.id,
            detector=detected.detector,
            faces=(probe.face, None),
            chosen=(how_chosen(detected), None),
            face_id=face_id,
            cautions=self._context.cautions({"img": probe.quality}, gallery.policies),
        )

    def represent(
        self,
        photo: bytes,
        *,
        model_name: str | None = None,
        detector: str | None = None,
        enforce_detection: bool = True,
        align: bool = True,
    ) -> tuple[Template, ...]:
        """The templates of all faces in a photo, largest first."""
        model = self._context.models.resolve(model_name)
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            largest = largest_face(detected, enforce=enforce_detection)
            faces = detected.faces or (largest,)
            return self._context.pipeline.embed([(detected, face) for face in faces], model.embedder(), align=align)

    def detect(self, photo: bytes, *, detector: str | None = None) -> tuple[tuple[Face, Quality], ...]:
        """All faces of a photo in its pixels as sent, most prominent first; empty when there is none."""
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            return tuple(
                (detected.as_sent(face), self._context.pipeline.quality(detected, face)) for face in detected.faces
            )
