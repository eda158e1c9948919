"""Verify (1:1), find (1:N), represent, detect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from vultus.errors import InvalidRequest, SubjectNotFound
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.matching.decision import decide, similarity
from vultus.records import (
    Candidate,
    Face,
    FindResult,
    Identification,
    Match,
    Metric,
    Quality,
    Subject,
    Template,
    ThresholdRule,
    Verification,
)
from vultus.service.context import ServiceContext
from vultus.vision.face_selection import how_chosen, largest_face


class Recognition:
    """Compares what is presented with a photo, a subject, or a collection."""

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
        model_id = self._context.models.resolve(model_name)
        rule = self._context.verification_rule(model_id, metric, target_fmr, threshold)
        with self._context.pipeline.slot():
            one, two = self._context.pipeline.detect_all([first, second], detector=detector)
            face_one = largest_face(one, which="img1", enforce=enforce_detection)
            face_two = largest_face(two, which="img2", enforce=enforce_detection)
            reference, probe = self._context.pipeline.embed([(one, face_one), (two, face_two)], model_id, align=align)
        score = similarity(reference.embedding, probe.embedding)
        return Verification(
            verified=score >= rule.similarity,
            similarity=score,
            rule=rule,
            metric=metric,
            model_id=model_id,
            detector=one.detector,
            faces=(reference.face, probe.face),
            chosen=(how_chosen(one), how_chosen(two)),
            cautions=self._context.cautions({"img1": reference, "img2": probe}),
        )

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
        """Compare a photo with an enrolled subject: the best of its faces counts."""
        model_id = self._context.bound_collection(collection, model_name).model_id
        rule = self._context.verification_rule(model_id, metric, target_fmr, threshold)
        face_ids, enrolled = self._context.gallery.embeddings(collection, subject)
        if not len(enrolled):
            raise SubjectNotFound(f"the subject has no faces in collection {collection!r}; enroll a photo first")
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            face = largest_face(detected, which="img", enforce=enforce_detection)
            (probe,) = self._context.pipeline.embed([(detected, face)], model_id, align=align)
        score, face_id = max(zip((similarity(probe.embedding, row) for row in enrolled), face_ids, strict=True))
        return Verification(
            verified=score >= rule.similarity,
            similarity=score,
            rule=rule,
            metric=metric,
            model_id=model_id,
            detector=detected.detector,
            faces=(probe.face, None),
            chosen=(how_chosen(detected), None),
            face_id=face_id,
            cautions=self._context.cautions({"img": probe}),
        )

    def find(
        self,
        photo: bytes,
        *,
        collection: str = DEFAULT_COLLECTION,
        top_k: int = 5,
        faces: Literal["largest", "all"] = "largest",
        target_fpir: float | None = None,
        threshold: float | None = None,
        model_name: str | None = None,
        detector: str | None = None,
    ) -> FindResult:
        """Search a collection 1:N, one answer per face asked about, one line per subject.

        threshold: a cosine similarity; excludes target_fpir (default: the policy's).
        """
        if threshold is not None and target_fpir is not None:
            raise InvalidRequest("threshold and target_fpir are both given; give one of them")
        gallery = self._context.bound_collection(collection, model_name)
        model_id = gallery.model_id
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            largest = largest_face(detected)
            wanted = detected.faces if faces == "all" else (largest,)
            probes = self._context.pipeline.embed([(detected, face) for face in wanted], model_id)
        found = self._context.index.search(collection, np.stack([probe.embedding for probe in probes]), max(top_k, 2))
        subjects, templates = self._context.index.size(collection)
        rule = self._find_rule(model_id, target_fpir, threshold, templates)
        known = self._context.gallery.subjects_by_id(
            collection, sorted({line.subject for lines in found for line in lines})
        )
        answers = []
        for probe, lines in zip(probes, found, strict=True):
            answer = _identify(probe, lines, top_k, rule, known)
            answers.append(replace(answer, cautions=self._context.cautions({"img": probe})))
        return FindResult(replace(gallery, subjects=subjects, faces=templates), detected.detector, tuple(answers))

    def _find_rule(
        self, model_id: str, target_fpir: float | None, threshold: float | None, templates: int
    ) -> ThresholdRule:
        table = self._context.models.thresholds(model_id)
        if threshold is not None:
            return table.explicit(threshold)
        return table.for_fpir(self._context.policy.target_fpir if target_fpir is None else target_fpir, templates)

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
        model_id = self._context.models.resolve(model_name)
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            largest = largest_face(detected, enforce=enforce_detection)
            faces = detected.faces or (largest,)
            return self._context.pipeline.embed([(detected, face) for face in faces], model_id, align=align)

    def detect(self, photo: bytes, *, detector: str | None = None) -> tuple[tuple[Face, Quality], ...]:
        """All faces of a photo in its upright pixels, largest first; empty when there is none."""
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            return tuple(
                (detected.upright(face), self._context.pipeline.quality(detected, face)) for face in detected.faces
            )


def _identify(
    probe: Template, lines: Sequence[Candidate], top_k: int, rule: ThresholdRule, known: Mapping[str, Subject]
) -> Identification:
    """The answer for one face. A candidate whose subject was erased since the search is left out."""
    present = [line for line in lines if line.subject in known]
    decision, reason = decide([line.similarity for line in present], rule)
    matches = tuple(
        Match(line, known[line.subject].name, known[line.subject].metadata, line.similarity >= rule.similarity)
        for line in present[:top_k]
    )
    return Identification(probe.face, probe.quality, decision, reason, rule, matches)
