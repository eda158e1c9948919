"""Find (1:N): search a collection by a photo, by an enrolled face, or by an embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from vultus.identifiers import DEFAULT_COLLECTION
from vultus.matching.decision import explicit_rule, similarity
from vultus.records.answers import Candidate, FindResult, ThresholdRule
from vultus.records.cautions import Caution
from vultus.records.liveness import LivenessMode, LivenessVerdict
from vultus.records.stored import Collection
from vultus.service.chosen_faces import chosen_face, settle, with_choice
from vultus.service.context import Model, ServiceContext, in_one_space
from vultus.service.deciding.search_decisions import SearchOptions, identify
from vultus.service.evidence import Seen, unusual_vectors, weigh
from vultus.service.liveness.checks import liveness_check, refuse_without_picture
from vultus.service.liveness.frames import read_frames, refuse_repeated
from vultus.service.liveness.judging import liveness_cautions
from vultus.service.review.unknown_faces import UnknownFaces
from vultus.vectors import require_embedding
from vultus.vision.face_selection import largest_face

UNKNOWN_QUALITY = (
    "searched without a photo: the quality of the face is not known, and of a bad one the error rates do not hold; "
    "search by a photo where you have one"
)
SEARCHES = 3  # at most for one answer, where the subject of the face searched for changes in the middle of each


class GallerySearch:
    """Searches collections; nothing is stored, but faces of nobody known where a collection asks for it.

    Every search may raise PolicyLoosened: target_fpir and threshold may only be stricter than the collection's policy.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._unknown = UnknownFaces(context)

    @in_one_space
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
        accept_low_quality: bool = False,
        liveness: LivenessMode | None = None,
        frames: Sequence[bytes] = (),
    ) -> FindResult:
        """Search by a photo: one answer for each face asked about, one line for each subject. See SearchOptions.

        frames: further photos of the same moment, for liveness alone, with faces "largest". Raises NotLive where one of
        the faces asked about is not live and has to be; FramesDiffer.
        """
        refuse_repeated(photo, frames)
        options = SearchOptions(top_k, target_fpir, threshold, accept_low_quality)
        gallery, model = self._context.bound_collection(collection, model_name)
        options = self._within_policies(gallery, model, options)
        check = liveness_check(self._context, liveness, gallery.policies, frames=frames)
        pipeline = self._context.pipeline
        with pipeline.slot():
            detected = pipeline.detect(photo, detector=detector)
            largest = largest_face(detected)
            wanted = detected.faces if faces == "all" else (largest,)
            templates = pipeline.embed([(detected, face) for face in wanted], model.embedder())
            choice = None
            if faces != "all":
                template, choice = settle(pipeline, detected, largest, templates[0], model.embedder(), align=True)
                templates, wanted = (template,), (chosen_face(detected, choice, largest),)
            more = read_frames(pipeline, frames, templates[0], model, detector=detector, align=True)
            verdicts = check.judged(*(("img", [(detected, face), *more]) for face in wanted))
        probes = [Seen.of("img", template) for template in templates]
        candidates = self._candidates(gallery, model, probes, options.top_k)
        found = self._answers(gallery, model, detected.detector, probes, candidates, options)
        answer = with_choice(_with_liveness(found, verdicts), detected, choice)
        seen = list(zip(wanted, templates, answer.faces, candidates, strict=True))
        self._unknown.keep(gallery, model, detected, seen, answer.collection.faces)
        return answer

    @in_one_space
    def find_face(
        self,
        face_id: str,
        *,
        top_k: int = 5,
        target_fpir: float | None = None,
        threshold: float | None = None,
        model_name: str | None = None,
        liveness: LivenessMode | None = None,
    ) -> FindResult:
        """Search the collection of an enrolled face for that face; the face itself is never a candidate.

        Other faces of the same subject are. Raises FaceNotFound, ModelMismatch.
        """
        options = SearchOptions(top_k, target_fpir, threshold)
        face, embedding, space = self._context.gallery.face_embedding(face_id)
        gallery, model = self._context.bound_collection(face.collection, model_name)
        gallery = replace(gallery, space=space)  # that of the embedding
        refuse_without_picture(self._context, liveness, gallery.policies, "an enrolled face")
        options = self._within_policies(gallery, model, options)
        probe = Seen("face_id", embedding, face.quality)
        lines = self._beside_itself(gallery, model, probe, face_id, options.top_k)
        return self._answers(gallery, model, None, [probe], [lines[: max(options.top_k + 1, 2)]], options)

    @in_one_space
    def find_embedding(
        self,
        embedding: Sequence[float],
        *,
        model_name: str,
        collection: str = DEFAULT_COLLECTION,
        top_k: int = 5,
        target_fpir: float | None = None,
        threshold: float | None = None,
        liveness: LivenessMode | None = None,
    ) -> FindResult:
        """Search by an embedding that the caller kept. model_name: the model that made it, which must be the
        collection's.

        Raises ModelMismatch; VectorMismatch when it has another dimension, is not finite or not of unit length.
        """
        options = SearchOptions(top_k, target_fpir, threshold)
        gallery, model = self._context.bound_collection(collection, model_name)
        refuse_without_picture(self._context, liveness, gallery.policies, "an embedding")
        options = self._within_policies(gallery, model, options)
        probe = Seen("embedding", require_embedding(embedding, model.dimension, model.id))
        found = self._candidates(gallery, model, [probe], options.top_k)
        return self._answers(gallery, model, None, [probe], found, options)

    def ranked(self, gallery: Collection, model: Model, probes: Sequence[Seen], top_k: int) -> list[list[Candidate]]:
        """The best subjects for each probe, at most top_k, without a decision. Raises SpaceChanged."""
        return [lines[:top_k] for lines in self._candidates(gallery, model, probes, top_k)]

    def _within_policies(self, gallery: Collection, model: Model, options: SearchOptions) -> SearchOptions:
        """The options with the rate or the threshold that holds; called before the work, which a refusal then spares.

        Raises PolicyLoosened.
        """
        asked, policy = options.threshold, gallery.policies.target_fpir
        if asked is None:
            rate = self._context.effective_limit("target_fpir", options.target_fpir, gallery.policies)
            return replace(options, target_fpir=rate)
        if policy is None:
            return options
        if model.reference is not None:
            return options  # the policy's cosine is another one for each candidate: see `_rule`
        templates = self._context.index.size(gallery.name)[1]
        rule = model.thresholds().for_fpir(policy, templates)
        return replace(options, threshold=self._context.effective_threshold(asked, rule))

    def _candidates(
        self, gallery: Collection, model: Model, probes: Sequence[Seen], top_k: int
    ) -> list[list[Candidate]]:
        """One line more for each probe than is asked for: a decision needs the second best, and the answer says whether
        there are more. Raises SpaceChanged."""
        vectors = np.stack([probe.embedding for probe in probes])
        rule = None if model.reference is None else model.reference.rule
        return self._context.index.search(gallery.name, vectors, top_k + 1, rule, space=gallery.space)

    def _beside_itself(
        self, gallery: Collection, model: Model, probe: Seen, face_id: str, top_k: int
    ) -> list[Candidate]:
        """The lines of an enrolled face, best first, with the best other face of its subject in place of itself.

        A subject may be merged, or a face moved, between the search and the look at its faces: then the search is done
        again. Raises FaceNotFound, when the face was erased since.
        """
        others: list[Candidate] = []
        for _ in range(SEARCHES):
            (lines,) = self._candidates(gallery, model, [probe], top_k + 1)
            others = [line for line in lines if line.face_id != face_id]
            itself = next((line for line in lines if line.face_id == face_id), None)
            if itself is None:
                break
            subject, face_ids, rows = self._context.gallery.embeddings_beside(face_id, space=gallery.space)
            if subject == itself.subject:
                alike = [(similarity(probe.embedding, row), other) for other, row in zip(face_ids, rows, strict=True)]
                own = [one for one in alike if one[1] != face_id]
                others += [_of_same_subject(itself, *max(own, key=lambda one: one[0]))] if own else []
                break
        return sorted(others, key=lambda line: -line.score)

    def _answers(
        self,
        gallery: Collection,
        model: Model,
        detector: str | None,
        probes: Sequence[Seen],
        found: Sequence[Sequence[Candidate]],
        options: SearchOptions,
    ) -> FindResult:
        index = self._context.index  # just searched, so its size is at hand; evicted meanwhile, it is loaded again
        subjects, templates = index.held_size(gallery.name) or index.size(gallery.name)
        answers = []
        for probe, lines in zip(probes, found, strict=True):
            rule = self._rule(gallery, model, options, templates, lines)
            evidence = weigh([probe], model.reference, accept_low_quality=options.accept_low_quality)
            answer = identify(probe, lines, options.top_k, rule, evidence)
            answers.append(replace(answer, cautions=(*self._cautions(probe, gallery), *evidence.cautions)))
        return FindResult(replace(gallery, subjects=subjects, faces=templates), detector, tuple(answers))

    def _cautions(self, probe: Seen, gallery: Collection) -> tuple[Caution, ...]:
        if probe.quality is None:
            unusual = unusual_vectors(probe.embedding[None], None, gallery.model_id, image=probe.image)
            return (Caution("no_photo", probe.image, UNKNOWN_QUALITY), *unusual)
        return self._context.cautions({probe.image: probe.quality}, gallery.policies)

    def _rule(
        self, gallery: Collection, model: Model, options: SearchOptions, templates: int, lines: Sequence[Candidate]
    ) -> ThresholdRule:
        """The rule of the decision on these lines. Raises PolicyLoosened."""
        if options.threshold is None:
            assert options.target_fpir is not None  # `_within_policies` sets one of the two
            return model.thresholds().for_fpir(options.target_fpir, templates)
        policy = gallery.policies.target_fpir
        if policy is None or model.reference is None:
            return explicit_rule(model.id, options.threshold)
        by_policy = model.thresholds().for_fpir(policy, templates)
        of_lines = [by_policy.at(line.similarity, line.score) for line in lines]
        highest = max(of_lines, key=lambda rule: rule.similarity, default=None)
        return explicit_rule(model.id, self._context.effective_threshold(options.threshold, highest))


def _of_same_subject(line: Candidate, cosine: float, face_id: str) -> Candidate:
    """Another face of a line's subject. The cohort takes off as much as of the line's own, on both sides."""
    return replace(line, face_id=face_id, similarity=cosine, score=cosine - (line.similarity - line.score))


def _with_liveness(found: FindResult, verdicts: Sequence[LivenessVerdict]) -> FindResult:
    if not verdicts:
        return found
    judged = zip(found.faces, verdicts, strict=True)
    return replace(
        found,
        faces=tuple(
            replace(face, liveness=verdict, cautions=(*face.cautions, *liveness_cautions([verdict])))
            for face, verdict in judged
        ),
    )
