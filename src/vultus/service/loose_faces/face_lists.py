"""Searches that list single faces, or the subjects that callers made, with similarities as percentages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vultus.matching.decision import similarity
from vultus.matching.percent_scale import UNDECIDED, PercentScale, pair_scale, search_scale
from vultus.records.answers import Candidate
from vultus.records.seen import Float32, Quality
from vultus.records.stored import Collection, EnrolledFace
from vultus.service.context import Model, ServiceContext, in_one_space
from vultus.service.evidence import is_reliable
from vultus.service.liveness.checks import refuse_without_picture
from vultus.service.loose_faces.described import DescribedFace
from vultus.service.loose_faces.holders import is_loose
from vultus.service.policies import default_fmr

FIRST_LINES = 64  # of a search; more are asked for while the last of them is still alike enough
MORE = 4  # times as many
MOST_LINES = 16_384  # where a percentage near 0 asks for everybody: the answer to a search is held in memory


@dataclass(frozen=True)
class FaceLine:
    """A face that was found. percent: 0..100, see `matching/percent_scale.py`."""

    face: EnrolledFace
    percent: float


@dataclass(frozen=True)
class SubjectLine:
    """A subject that was found, by the best of its faces. percent: 0..100."""

    subject: str
    percent: float


class FaceLists:
    """Searches and compares; nothing is stored."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    @in_one_space
    def faces_like(self, probe: DescribedFace, *, collection: str, least: float, most: int) -> tuple[FaceLine, ...]:
        """The faces most alike to one that was described by the collection's model, best first. least: a percentage.

        A face that is too damaged to decide on is at most UNDECIDED alike. Raises CollectionNotFound.
        """
        gallery, model = self._context.bound_collection(collection, None)
        return self._faces(gallery, model, _embedding(probe), probe.quality, least, most)

    @in_one_space
    def faces_like_face(self, face_id: str, *, collection: str, least: float, most: int) -> tuple[FaceLine, ...]:
        """The same for an enrolled face, which is not listed itself. Raises CollectionNotFound, FaceNotFound."""
        gallery, model, embedding, quality = self._enrolled(face_id, collection)
        lines = self._faces(gallery, model, embedding, quality, least, most + 1)
        return tuple(line for line in lines if line.face.id != face_id)[:most]

    @in_one_space
    def subjects_like(
        self, probe: DescribedFace, *, collection: str, least: float, most: int
    ) -> tuple[SubjectLine, ...]:
        """The subjects most alike to a described face, holders of loose faces left out, best first."""
        gallery, model = self._context.bound_collection(collection, None)
        return self._subjects(gallery, model, _embedding(probe)[None], probe.quality, least, most)

    @in_one_space
    def subjects_like_face(self, face_id: str, *, collection: str, least: float, most: int) -> tuple[SubjectLine, ...]:
        """The same for an enrolled face. Raises CollectionNotFound, FaceNotFound."""
        gallery, model, embedding, quality = self._enrolled(face_id, collection)
        return self._subjects(gallery, model, embedding[None], quality, least, most)

    @in_one_space
    def subjects_like_subject(
        self, subject: str, *, collection: str, least: float, most: int
    ) -> tuple[SubjectLine, ...]:
        """The same for a subject, by all its faces; it is not listed itself.

        Raises CollectionNotFound, SubjectNotFound.
        """
        gallery, model = self._context.bound_collection(collection, None)
        refuse_without_picture(self._context, None, gallery.policies, "a subject")
        _, embeddings = self._context.gallery.embeddings(collection, subject, space=gallery.space)
        if not len(embeddings):
            return ()
        lines = self._subjects(gallery, model, embeddings, None, least, most + 1)
        return tuple(line for line in lines if line.subject != subject)[:most]

    def compare(self, source: DescribedFace, targets: Sequence[DescribedFace]) -> tuple[float, ...]:
        """How alike a face is to each of the others, described by the default model: see `faces_like`."""
        percents = self.pairs(_embedding(source), [_embedding(one) for one in targets])
        return tuple(
            percent if is_reliable(source.quality) and is_reliable(one.quality) else min(percent, UNDECIDED)
            for percent, one in zip(percents, targets, strict=True)
        )

    def pairs(self, first: Float32, others: Sequence[Float32], *, collection: str | None = None) -> tuple[float, ...]:
        """How alike a (D,) embedding is to each of the others, as percentages.

        collection: of whose model they are; None: of the default one.
        """
        if not others:
            return ()
        if collection is None:
            model = self._context.models.resolve(None)
        else:
            model = self._context.bound_collection(collection, None)[1]
        rows, table = np.stack(others), model.thresholds()
        rate = self._context.policy.target_fmr or default_fmr(table)
        scale = pair_scale(table, rate)
        scores = rows @ first if model.reference is None else model.reference.score(first, rows)
        return tuple(scale.percent(float(score)) for score in scores)

    def _enrolled(self, face_id: str, collection: str) -> tuple[Collection, Model, Float32, Quality | None]:
        """The collection in the space of the embedding, and the face's quality.

        Raises FaceNotFound, also for a face of another collection.
        """
        gallery, model = self._context.bound_collection(collection, None)
        refuse_without_picture(self._context, None, gallery.policies, "an enrolled face")
        face = self._context.face_of(collection, face_id)
        _, embedding, space = self._context.gallery.face_embedding(face_id)
        return replace(gallery, space=space), model, embedding, face.quality

    def _faces(
        self, gallery: Collection, model: Model, embedding: Float32, quality: Quality | None, least: float, most: int
    ) -> tuple[FaceLine, ...]:
        scale = self._scale(gallery, model, quality)
        lines = self._candidates(gallery, model, embedding[None], scale, least, most, subjects_only=False)
        percents: dict[str, float] = {}
        for line in lines:
            percents[line.face_id] = scale.percent(line.score)
            if not is_loose(line.subject):
                percents |= self._other_faces(gallery, embedding, line, scale)
        wanted = [one for one, percent in percents.items() if percent >= least]
        faces = self._context.gallery.faces_by_id(gallery.name, wanted)
        found = sorted((FaceLine(face, percents[one]) for one, face in faces.items()), key=lambda one: -one.percent)
        return tuple(found[:most])

    def _other_faces(
        self, gallery: Collection, embedding: Float32, line: Candidate, scale: PercentScale
    ) -> dict[str, float]:
        """The faces of a subject that are not its best one, with what the cohort takes off that one."""
        taken_off = line.similarity - line.score
        _, ids, rows = self._context.gallery.embeddings_beside(line.face_id, space=gallery.space)
        scores = {one: similarity(embedding, row) - taken_off for one, row in zip(ids, rows, strict=True)}
        return {one: scale.percent(min(score, line.score)) for one, score in scores.items() if one != line.face_id}

    def _subjects(
        self, gallery: Collection, model: Model, embeddings: Float32, quality: Quality | None, least: float, most: int
    ) -> tuple[SubjectLine, ...]:
        scale = self._scale(gallery, model, quality)
        lines = self._candidates(gallery, model, embeddings, scale, least, most, subjects_only=True)
        best: dict[str, float] = {}
        for line in sorted(lines, key=lambda line: -line.score):
            if not is_loose(line.subject):
                best.setdefault(line.subject, scale.percent(line.score))
        return tuple(SubjectLine(one, percent) for one, percent in best.items() if percent >= least)[:most]

    def _candidates(
        self,
        gallery: Collection,
        model: Model,
        embeddings: Float32,
        scale: PercentScale,
        least: float,
        most: int,
        *,
        subjects_only: bool,
    ) -> list[Candidate]:
        """The lines of all probes that may be among the best: more are asked for until the last is too unlike."""
        rule = None if model.reference is None else model.reference.rule
        wanted = FIRST_LINES
        while True:
            found = self._context.index.search(gallery.name, embeddings, wanted, rule, space=gallery.space)
            whole = all(_is_whole(lines, wanted, scale, least, most, subjects_only) for lines in found)
            if whole or wanted >= MOST_LINES:
                return [line for lines in found for line in lines]
            wanted *= MORE

    def _scale(self, gallery: Collection, model: Model, quality: Quality | None) -> PercentScale:
        """quality: of the probe."""
        rate = self._context.effective_limit("target_fpir", None, gallery.policies)
        scale = search_scale(model.thresholds(), rate, self._context.index.size(gallery.name)[1])
        return scale if is_reliable(quality) else scale.at_most(UNDECIDED)


def _embedding(face: DescribedFace) -> Float32:
    assert face.embedding is not None  # `FaceDescriptions.represent` makes it
    return face.embedding


def _is_whole(
    lines: Sequence[Candidate], wanted: int, scale: PercentScale, least: float, most: int, subjects_only: bool
) -> bool:
    """Whether no line that was left out can be among those wanted."""
    counted = sum(1 for line in lines if not (subjects_only and is_loose(line.subject)))
    return len(lines) < wanted or counted >= most or scale.percent(lines[-1].score) < least
