"""Whom an enrolment resembles: other subjects that a new face fits, and other ids that a new id looks like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

import numpy as np

from vultus.errors import CollectionNotFound, InvalidRequest, LooksLikeAnotherSubject
from vultus.identifiers import canonical
from vultus.records.answers import Candidate, ThresholdRule
from vultus.records.cautions import Caution
from vultus.records.stored import Collection
from vultus.service.context import Model, ServiceContext
from vultus.service.evidence import Seen, weigh
from vultus.storage.audit import Act
from vultus.storage.collections import quoted
from vultus.storage.gallery_reader import GalleryReader

LINES = 3  # of a search: the subject itself, the other one, and one more for the order of close scores
IF_ONE_PERSON = "if both are one person, merge them or enroll under that id; if not, compare the photos of both"


@dataclass(frozen=True, eq=False)
class NewSeen:
    """A face to enroll. owner: its subject, None for a new one. index: of its photo; face: its place in it, or None."""

    owner: str | None
    seen: Seen
    index: int
    face: int | None = None


def face_cautions(
    context: ServiceContext, gallery: Collection | None, model: Model, faces: Sequence[NewSeen]
) -> tuple[Caution, ...]:
    """One for each face that fits another subject of its collection (None: new) as /find would decide by default.

    A face that is too damaged to decide on, or a model without thresholds, gives none. Raises SpaceChanged.
    """
    if gallery is None or not faces:
        return ()
    with suppress(CollectionNotFound):  # erased meanwhile, which the enrolment itself finds out
        found, rule = _search(context, gallery, model, faces)
        each = zip(faces, found, strict=True)
        return tuple(caution for face, lines in each for caution in _of_face(context.act, model, face, lines, rule))
    return ()


@contextmanager
def compared(
    context: ServiceContext, gallery: Collection | None, model: Model, faces: Sequence[NewSeen], *, strict: bool
) -> Iterator[tuple[Caution, ...]]:
    """The cautions of `face_cautions`, around what stores the faces.

    strict: the first is raised, and no other strict enrolment is stored meanwhile. Raises LooksLikeAnotherSubject.
    """
    with context.strictly if strict else nullcontext():
        cautions = face_cautions(context, gallery, model, faces)
        if strict:
            _refuse(cautions)
        yield cautions


def _refuse(cautions: Sequence[Caution]) -> None:
    if cautions:
        first = cautions[0]
        where = f"photo {first.index}: " if first.index else ""
        raise LooksLikeAnotherSubject(f"{where}{first.detail}. Nothing was enrolled, as strict=true asks for")


def id_cautions(gallery: GalleryReader, act: Act | None, collection: str, ids: Iterable[str]) -> tuple[Caution, ...]:
    """One for each of the new ids that looks like another subject's. act: on behalf of whom; None: the operator."""
    alike = ((one, gallery.look_alikes(collection, one)) for one in ids)
    return tuple(_of_id(act, one, others) for one, others in alike if others)


def all_id_cautions(gallery: GalleryReader, act: Act | None, collection: str, ids: Sequence[str]) -> dict[str, Caution]:
    """The same by id, for many at once."""
    alike = gallery.all_look_alikes(collection, ids) if ids else {}
    return {one: _of_id(act, one, others) for one, others in alike.items()}


def _search(
    context: ServiceContext, gallery: Collection, model: Model, faces: Sequence[NewSeen]
) -> tuple[list[list[Candidate]], ThresholdRule | None]:
    vectors = np.stack([face.seen.embedding for face in faces])
    cohort = None if model.reference is None else model.reference.rule
    found = context.index.search(gallery.name, vectors, LINES, cohort, space=gallery.space)
    templates = (context.index.held_size(gallery.name) or context.index.size(gallery.name))[1]
    rate = context.effective_limit("target_fpir", None, gallery.policies)
    with suppress(InvalidRequest):
        return found, model.thresholds().for_fpir(rate, max(templates, 1))
    return found, None


def _of_face(
    act: Act | None, model: Model, face: NewSeen, lines: Sequence[Candidate], rule: ThresholdRule | None
) -> list[Caution]:
    own = None if face.owner is None else canonical(face.owner)
    others = [line for line in lines if canonical(line.subject) != own]
    if rule is None or not others or not rule.reached(others[0].similarity, others[0].score):
        return []
    if weigh([face.seen], model.reference).unreliable is not None:
        return []
    best = others[0]
    if act is not None and not act.may_find:
        detail = f"the face fits another subject of the collection, which this key may not read; {IF_ONE_PERSON}"
        return [Caution("looks_like_another_subject", face.seen.image, detail, index=face.index, face=face.face)]
    threshold = rule.at(best.similarity, best.score).similarity
    detail = (
        f"the face fits subject {quoted(best.subject)} with similarity {best.similarity:.3f} "
        f"(threshold {threshold:.3f}); {IF_ONE_PERSON}"
    )
    return [
        Caution(
            "looks_like_another_subject",
            face.seen.image,
            detail,
            subject=best.subject,
            similarity=best.similarity,
            index=face.index,
            face=face.face,
        )
    ]


def _of_id(act: Act | None, subject: str, others: Sequence[str]) -> Caution:
    if act is not None and not act.may_read:
        detail = f"the new id {quoted(subject)} looks like that of another subject, which this key may not read"
        return Caution("looks_like_another_id", "subject", detail)
    named = ", ".join(quoted(other) for other in others)
    detail = f"the new id {quoted(subject)} looks like {named}, but is another subject; if not so meant, merge them"
    return Caution("looks_like_another_id", "subject", detail, subject=others[0])
