"""Verify (1:1), represent, detect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from vultus.errors import SubjectNotFound
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.matching.decision import similarity
from vultus.matching.reference_faces import ReferenceFaces
from vultus.records.answers import Candidate, ComparedFace, Metric, Verification
from vultus.records.chosen import PhotoFaces
from vultus.records.liveness import LivenessMode
from vultus.records.seen import Face, Float32, Quality, Template
from vultus.records.stored import Collection
from vultus.service.chosen_faces import cautions_about, chosen_face, requested_face, settle
from vultus.service.context import Model, ServiceContext, in_one_space
from vultus.service.deciding.pair_decisions import pair_rule, verdict
from vultus.service.evidence import Seen, weigh
from vultus.service.liveness.checks import liveness_check
from vultus.service.liveness.frames import read_frames, refuse_repeated
from vultus.service.liveness.judging import liveness_cautions
from vultus.service.unavailable_models import bound_model, deciding_model, embedding_model
from vultus.vision.face_selection import largest_face

Judged = Sequence[Literal["img1", "img2"]]
SEARCHES = 3  # at most for one answer, where the subject changes in the middle of each


class Recognition:
    """Compares a photo with a photo or a subject, and describes its faces."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    @in_one_space
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
        cohort: str | None = None,
        face_indexes: tuple[int | None, int | None] = (None, None),
        accept_low_quality: bool = False,
        liveness: LivenessMode = "off",
        liveness_of: Judged = ("img1", "img2"),
    ) -> Verification:
        """Compare two photos 1:1, the most prominent face of each, or those of face_indexes, as `detect` lists them.

        threshold: a distance in `metric`; excludes target_fmr (default: the policy's). cohort: a collection that the
        score is relative to, in place of the mean faces of the model. accept_low_quality: decide on a photo that is too
        bad all the same. liveness_of: which of the photos are judged, img1 and img2. Raises CollectionNotFound,
        ModelMismatch, for the cohort; NotLive, ModelNotInstalled, for liveness; InvalidRequest, for an index.
        """
        check = liveness_check(self._context, liveness)
        model, instead = deciding_model(self._context, model_name, threshold)
        others = None if cohort is None else self._context.bound_collection(cohort, model.id)[0]
        faces = 0 if others is None else self._context.index.size(others.name)[1]
        asked = pair_rule(self._context, model, metric, target_fmr, threshold, faces=faces)
        with self._context.pipeline.slot():
            one, two = self._context.pipeline.detect_all([first, second], detector=detector)
            face_one, face_two = (
                requested_face(photo, index, which=image, field=f"{image}_face_index", enforce=enforce_detection)
                for image, photo, index in zip(("img1", "img2"), (one, two), face_indexes, strict=True)
            )
            both = [(one, face_one), (two, face_two)]
            embedder = model.embedder()
            both_templates = self._context.pipeline.embed(both, embedder, align=align)
            (reference, choice_one), (probe, choice_two) = (
                settle(self._context.pipeline, *seen, template, embedder, align=align, requested=index is not None)
                for seen, template, index in zip(both, both_templates, face_indexes, strict=True)
            )
            shown = {
                "img1": (one, chosen_face(one, choice_one, face_one)),
                "img2": (two, chosen_face(two, choice_two, face_two)),
            }
            verdicts = check.judged(*((image, [shown[image]]) for image in liveness_of))
        alike = similarity(reference.embedding, probe.embedding)
        score = alike - self._taken_off(model, others, reference, probe)
        evidence = weigh(
            [Seen.of("img1", reference), Seen.of("img2", probe)], model.reference, accept_low_quality=accept_low_quality
        )
        rule = evidence.applied(asked.at(alike, score))
        decision, reason = verdict(rule, evidence, alike, score)
        return Verification(
            decision=decision,
            reason=reason,
            similarity=alike,
            score=score,
            rule=rule,
            metric=metric,
            model_id=model.id,
            detector=one.detector,
            faces=(reference.face, probe.face),
            choices=(choice_one, choice_two),
            beyond=evidence.beyond,
            cautions=(
                *instead,
                *self._context.cautions({"img1": reference.quality, "img2": probe.quality}),
                *evidence.cautions,
                *cautions_about("img1", choice_one, reference.quality, how=", or send img1_face_index"),
                *cautions_about("img2", choice_two, probe.quality, how=", or send img2_face_index"),
                *liveness_cautions(verdicts),
            ),
            liveness=verdicts,
        )

    def _taken_off(self, model: Model, others: Collection | None, *templates: Template) -> float:
        """What the cohort takes off the similarity of two faces: the faces of a collection, or the mean faces alone."""
        if model.reference is None:
            return 0.0
        vectors, rule = np.stack([template.embedding for template in templates]), model.reference.rule
        if others is None:
            return rule.weight * float(model.reference.terms(vectors).sum())
        return rule.weight * float(self._context.index.terms(others.name, vectors, rule, space=others.space).sum())

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
        face_index: int | None = None,
        accept_low_quality: bool = False,
        liveness: LivenessMode | None = None,
        frames: Sequence[bytes] = (),
    ) -> Verification:
        """Compare a photo with an enrolled subject: the best of its faces counts.

        face_index: which face of the photo, as `detect` lists them; None: the most prominent. frames: further photos of
        the same moment, for liveness alone. Raises PolicyLoosened; NotLive, FramesDiffer; InvalidRequest, as `verify`.
        """
        refuse_repeated(photo, frames)
        gallery, model, instead = bound_model(self._context, collection, model_name, threshold)
        index, reference = self._context.index, model.reference
        enrolled = 0 if reference is None else index.size(gallery.name)[1]
        asked = pair_rule(self._context, model, metric, target_fmr, threshold, gallery.policies, enrolled)
        check = liveness_check(self._context, liveness, gallery.policies, frames=frames)
        self._require_faces(gallery, subject)
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            face = requested_face(detected, face_index, which="img", field="face_index", enforce=enforce_detection)
            embedder = model.embedder()
            (template,) = self._context.pipeline.embed([(detected, face)], embedder, align=align)
            requested = face_index is not None
            probe, choice = settle(
                self._context.pipeline, detected, face, template, embedder, align=align, requested=requested
            )
            more = read_frames(self._context.pipeline, frames, probe, model, detector=detector, align=align)
            verdicts = check.judged(("img", [(detected, chosen_face(detected, choice, face)), *more]))
        best, compared = self._compared(gallery, subject, probe, reference)
        evidence = weigh([Seen.of("img", probe)], reference, accept_low_quality=accept_low_quality)
        rule = evidence.applied(asked.at(best.similarity, best.score))
        decision, reason = verdict(rule, evidence, best.similarity, best.score)
        return Verification(
            decision=decision,
            reason=reason,
            similarity=best.similarity,
            score=best.score,
            rule=rule,
            metric=metric,
            model_id=model.id,
            detector=detected.detector,
            faces=(probe.face, None),
            choices=(choice, None),
            enrolled=compared,
            beyond=evidence.beyond,
            cautions=(
                *instead,
                *self._context.cautions({"img": probe.quality}, gallery.policies),
                *evidence.cautions,
                *cautions_about("img", choice, probe.quality, how=", or send face_index"),
                *liveness_cautions(verdicts),
            ),
            liveness=verdicts,
        )

    def _require_faces(self, gallery: Collection, subject: str) -> None:
        """Raises SubjectNotFound, before the work on the photo."""
        if not self._context.gallery.subject(gallery.name, subject).faces:
            raise _without_faces(gallery.name)

    def _best_face(
        self, gallery: Collection, subject: str, probe: Template, reference: ReferenceFaces | None
    ) -> Candidate:
        """The face of the subject with the best score. Raises SubjectNotFound, SpaceChanged."""
        if reference is None:
            face_ids, rows = self._context.gallery.embeddings(gallery.name, subject, space=gallery.space)
            lines = [Candidate(subject, *one) for one in zip(face_ids, _cosines(probe, rows), strict=True)]
            best = max(lines, key=lambda line: line.similarity, default=None)
        else:
            number = self._context.gallery.subject_number(gallery.name, subject)
            vectors = probe.embedding[None]
            (best,) = self._context.index.search_subject(
                gallery.name, vectors, number, reference.rule, space=gallery.space
            )
        if best is None:
            raise _without_faces(gallery.name)
        return best

    def _compared(
        self, gallery: Collection, subject: str, probe: Template, reference: ReferenceFaces | None
    ) -> tuple[Candidate, ComparedFace]:
        """The face with the best score, and its place among those of the subject.

        Raises SubjectNotFound, SpaceChanged.
        """
        for _ in range(SEARCHES):  # again, where a face was erased or moved in the middle
            best = self._best_face(gallery, subject, probe, reference)
            ids = self._context.gallery.face_ids(gallery.name, subject)
            if best.face_id in ids:
                return best, ComparedFace(subject, best.face_id, ids.index(best.face_id), len(ids))
        raise _without_faces(gallery.name)

    def represent(
        self,
        photo: bytes,
        *,
        model_name: str | None = None,
        detector: str | None = None,
        enforce_detection: bool = True,
        align: bool = True,
        max_faces: int | None = None,
        liveness: LivenessMode = "off",
    ) -> PhotoFaces[Template]:
        """The templates of all faces in a photo, most prominent first. max_faces: of so many at most; None: of all.

        Raises NotLive, ModelNotInstalled, for liveness.
        """
        model, instead = embedding_model(self._context, model_name)
        check = liveness_check(self._context, liveness)
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            largest = largest_face(detected, enforce=enforce_detection)
            faces = (detected.faces or (largest,))[:max_faces]
            pairs = [(detected, face) for face in faces]
            check.judged(*(("img", [pair]) for pair in pairs))
            templates = self._context.pipeline.embed(pairs, model.embedder(), align=align)
            return PhotoFaces(templates, detected.found, instead)

    def detect(self, photo: bytes, *, detector: str | None = None) -> PhotoFaces[tuple[Face, Quality]]:
        """All faces of a photo in its pixels as sent, most prominent first; empty when there is none."""
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            each = tuple(
                (detected.as_sent(face), self._context.pipeline.quality(detected, face)) for face in detected.faces
            )
        return PhotoFaces(each, detected.found)


def _cosines(probe: Template, rows: Float32) -> list[float]:
    return [similarity(probe.embedding, row) for row in rows]


def _without_faces(collection: str) -> SubjectNotFound:
    return SubjectNotFound(f"the subject has no faces in collection {collection!r}; enroll a photo first")
