"""Enroll photos of a subject, all faces of a photo, or embeddings: what is accepted is stored in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from vultus.errors import BadInput, CollectionNotFound, FaceRefused, VultusError
from vultus.identifiers import DEFAULT_COLLECTION, canonical
from vultus.records.answers import EnrolledPhoto, EnrollResult, RejectedPhoto
from vultus.records.cautions import Caution
from vultus.records.liveness import LivenessMode
from vultus.records.seen import ModelEmbedding
from vultus.records.stored import Collection, CollectionPolicies, EnrolledFace, NewFace
from vultus.service.accepted_faces import (
    Accept,
    Acceptance,
    AcceptedFace,
    WhichFace,
    accept_photo,
    ensure_photos,
    store_photos,
)
from vultus.service.chosen_faces import cautions_about
from vultus.service.context import Model, ServiceContext, in_one_space
from vultus.service.evidence import Seen, unusual_vectors
from vultus.service.group_enrolment import accept_all_faces, check_subjects
from vultus.service.likeness import NewSeen, compared, id_cautions
from vultus.service.liveness.checks import liveness_check, note, of_liveness, refuse_without_picture, verdicts_of
from vultus.service.liveness.judging import liveness_cautions
from vultus.service.policies import NO_POLICIES, USE_OVERRIDE
from vultus.storage.adding.additions import Beginning
from vultus.vectors import require_embedding, unit_length

NO_PHOTO = Caution(
    "no_photo",
    "embedding",
    "enrolled without a photo: the quality of the face is not known, it cannot be shown, and no other model can embed "
    "it again; enroll photos where you have them",
)


class Enrolment:
    """Adds templates to subjects."""

    def __init__(self, context: ServiceContext, accept: Accept | None = None) -> None:
        """accept: computes the faces of `enroll`; None: here."""
        self._context = context
        self._accept = accept or partial(accept_photo, context.pipeline, context.models)

    @in_one_space
    def enroll(
        self,
        photos: Sequence[bytes],
        *,
        collection: str = DEFAULT_COLLECTION,
        subject: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expires_at: datetime | None = None,
        model_name: str | None = None,
        detector: str | None = None,
        face: WhichFace = "only",
        min_quality: float | None = None,
        align: bool = True,
        store_photo: bool = True,
        strict: bool = False,
        liveness: LivenessMode | None = None,
        frames: Sequence[bytes] = (),
        least_detection: float = 0.0,
        asked_after: int | None = None,
        begun_with: Beginning | None = None,
    ) -> EnrollResult:
        """Add one template per photo to a subject; collection and subject are created when new.

        The same photo bytes for the same subject again cost no inference and add nothing. Of several photos the
        refused ones are listed in `rejected`; when none is left, the first refusal is raised and nothing is written.
        store_photo: whether the photos are kept, if the policy of the collection keeps them; without, their faces can
        neither be shown nor embedded again. expires_at: when the subject is to be erased; None leaves that as it is.
        strict: see `likeness.compared`. frames: further pictures of the moment of the one photo, for liveness; they are
        not enrolled. least_detection: see `Acceptance`. asked_after: the number of the last erasure when this was asked
        for; None: it was just now. begun_with: what a batch began with that it was part of. Raises PolicyLoosened;
        SubjectErased, for who was erased since.
        """
        begun = self._context.gallery.begin_enrolment(collection, [subject])
        if asked_after is not None:
            begun = replace(begun, erasure=min(begun.erasure, asked_after))
        if begun_with is not None:
            begun = begun.not_after(begun_with)
        existing, model, policies = self._binding(collection, model_name)
        store_photo = store_photo and policies.store_photos
        floor = self._context.effective_limit("min_quality", min_quality, policies)
        mode = liveness_check(self._context, liveness, policies, frames=frames).mode
        rules = Acceptance(
            *(model.id, model.pipeline_version, floor, face, detector, align, store_photo, mode, tuple(frames)),
            least_detection=least_detection,
        )
        sources = [hashlib.sha256(photo).hexdigest() for photo in photos]
        known = self._known(collection, subject, sources)
        accepted: dict[int, AcceptedFace] = {}
        refused: dict[int, VultusError] = {}
        for i, photo in enumerate(photos):
            if sources[i] in known:
                continue
            try:
                accepted[i] = self._accept(photo, sources[i], rules)
            except (BadInput, FaceRefused) as refusal:
                refused[i] = refusal
        if refused and not accepted and not known:
            note(self._context.act, verdicts_of((), refused.values()))
            raise _all_refused(refused, "photo")
        seen = [NewSeen(subject, Seen.of("img", one.template), i) for i, one in accepted.items()]
        with compared(self._context, existing, model, seen, strict=strict) as cautions:
            target = existing or self._context.create_collection(collection, model)[0]
            passed = tuple(accepted.values())
            new = store_photos(self._context, passed)
            owner, stored = self._context.gallery.add_faces(
                collection,
                subject,
                new,
                name=name,
                metadata=metadata,
                expires_at=expires_at,
                space=target.space,
                begun=begun,
                known_faces=[face.id for face in known.values()],
                decisions=of_liveness(verdicts_of(accepted.values(), refused.values())),
                before_commit=lambda: ensure_photos(self._context.photos, passed),
            )
        fresh = {i: accepted[i].as_sent(photo) for i, photo in zip(accepted, stored, strict=True)}
        faces = _in_order(sources, known, fresh)
        rejected = tuple(RejectedPhoto(i, error.code, str(error)) for i, error in sorted(refused.items()))
        cautions = (*_cautions(accepted, len(photos)), *cautions, *self._new_ids(collection, [subject], begun))
        return EnrollResult(owner, target, faces, rejected, cautions)

    @in_one_space
    def enroll_all_faces(
        self,
        photo: bytes,
        *,
        collection: str = DEFAULT_COLLECTION,
        subjects: Sequence[str | None] | None = None,
        model_name: str | None = None,
        detector: str | None = None,
        min_quality: float | None = None,
        align: bool = True,
        store_photo: bool = True,
        strict: bool = False,
        liveness: LivenessMode | None = None,
    ) -> EnrollResult:
        """Add each face of a photo to a subject of its own, all in one transaction.

        subjects: one for each face, largest first, None for a new one; absent: all are new. A face below the quality
        floor, or that is not live and has to be, is listed in `rejected`; when none is left, the first refusal is
        raised and nothing is written. A subject that has this photo already keeps the face that it has of it.

        Raises NoFaceDetected, LowQuality, InvalidRequest (a subject twice, another number of subjects than faces).
        """
        check_subjects(subjects or ())
        begun = self._context.gallery.begin_enrolment(collection, subjects or ())
        existing, model, policies = self._binding(collection, model_name)
        accepted, refused = accept_all_faces(
            self._context,
            photo,
            subjects,
            model,
            detector=detector,
            floor=self._context.effective_limit("min_quality", min_quality, policies),
            align=align,
            store_photo=store_photo and policies.store_photos,
            check=liveness_check(self._context, liveness, policies),
        )
        if not accepted:
            note(self._context.act, verdicts_of((), refused.values()))
            raise _all_refused(refused, "face")
        seen = [NewSeen(owner, Seen.of("img", one.template), 0, place) for place, (owner, one) in accepted.items()]
        with compared(self._context, existing, model, seen, strict=strict) as cautions:
            target = existing or self._context.create_collection(collection, model)[0]
            faces = [face for _, face in accepted.values()]
            new = store_photos(self._context, faces)
            stored = self._context.gallery.add_faces_of_several(
                collection,
                [(owner, face) for (owner, _), face in zip(accepted.values(), new, strict=True)],
                space=target.space,
                begun=begun,
                decisions=of_liveness(verdicts_of(faces, refused.values())),
                before_commit=lambda: ensure_photos(self._context.photos, faces),
            )
        rejected = tuple(RejectedPhoto(0, error.code, str(error), face) for face, error in sorted(refused.items()))
        answers = tuple(face.as_sent(photo) for face, photo in zip(faces, stored, strict=True))
        ids = [owner for owner, _ in accepted.values()]
        judged = (one.liveness for one in faces if one.liveness is not None)
        cautions = (
            *cautions_about("img", faces[0].choice, faces[0].template.quality),
            *liveness_cautions(judged),
            *cautions,
            *self._new_ids(collection, ids, begun),
        )
        return EnrollResult(None, target, answers, rejected, cautions)

    @in_one_space
    def enroll_embeddings(
        self,
        embeddings: Sequence[Sequence[float]],
        *,
        model_name: str,
        collection: str = DEFAULT_COLLECTION,
        subject: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expires_at: datetime | None = None,
        strict: bool = False,
        liveness: LivenessMode | None = None,
    ) -> EnrollResult:
        """Add embeddings that the caller kept to a subject; all or none. model_name: the model that made them, which
        must be the collection's.

        Such a face has no photo, box or quality: it can neither be shown nor embedded again by another model. The same
        embedding again adds nothing.

        Raises ModelMismatch; VectorMismatch when one has another dimension, is not finite or not of unit length.
        """
        begun = self._context.gallery.begin_enrolment(collection, [subject])
        existing, model, policies = self._binding(collection, model_name)
        refuse_without_picture(self._context, liveness, policies, "an embedding")
        if policies.min_quality is not None:
            self._context.require_override(
                f"the policy of the collection is a min_quality of at least {policies.min_quality:g}, and an embedding "
                f"has no quality; enroll photos, {USE_OVERRIDE}"
            )
        new = tuple(_bare_face(values, model.dimension, model.id) for values in embeddings)
        seen = [NewSeen(subject, Seen("embedding", one.template.embedding), i) for i, one in enumerate(new)]
        with compared(self._context, existing, model, seen, strict=strict) as cautions:
            target = existing or self._context.create_collection(collection, model)[0]
            owner, stored = self._context.gallery.add_faces(
                collection,
                subject,
                new,
                name=name,
                metadata=metadata,
                expires_at=expires_at,
                space=target.space,
                begun=begun,
            )
        vectors = np.stack([one.template.embedding for one in new])
        unusual = unusual_vectors(vectors, None, model.id, image="embedding")
        cautions = (NO_PHOTO, *unusual, *cautions, *self._new_ids(collection, [subject], begun))
        return EnrollResult(owner, target, stored, (), cautions)

    def _new_ids(self, collection: str, ids: Sequence[str | None], begun: Beginning) -> tuple[Caution, ...]:
        """The cautions about ids that were new."""
        new = [canonical(one) for one in ids if one is not None and one not in begun.subjects]
        return id_cautions(self._context.gallery, self._context.act, collection, new)

    def _binding(self, collection: str, model_name: str | None) -> tuple[Collection | None, Model, CollectionPolicies]:
        """The collection, None while it is new; its model; its policies, read once at the beginning.

        Raises ModelMismatch.
        """
        try:
            existing, model = self._context.bound_collection(collection, model_name)
        except CollectionNotFound:
            return None, self._context.models.resolve(model_name), NO_POLICIES
        return existing, model, existing.policies

    def _known(self, collection: str, subject: str | None, sources: Sequence[str]) -> dict[str, EnrolledFace]:
        if subject is None:
            return {}
        try:
            return dict(self._context.gallery.find_faces_by_source(collection, subject, sources))
        except CollectionNotFound:
            return {}


def _in_order(
    sources: Sequence[str], known: Mapping[str, EnrolledFace], fresh: Mapping[int, EnrolledPhoto]
) -> tuple[EnrolledPhoto, ...]:
    """One line per accepted photo in the order sent."""
    lines = []
    for i, source in enumerate(sources):
        if i in fresh:
            lines.append(fresh[i])
        elif source in known:
            lines.append(EnrolledPhoto(known[source], created=False))
    return tuple(lines)


def _cautions(accepted: Mapping[int, AcceptedFace], photos: int) -> Iterator[Caution]:
    """What to say of the faces that were not chosen, by photo."""
    for i, one in accepted.items():
        image = "img" if photos == 1 else f"img[{i}]"
        yield from cautions_about(image, one.choice, one.template.quality)
        if one.liveness is not None:
            yield from liveness_cautions([replace(one.liveness, image=image)])


def _all_refused(refused: Mapping[int, VultusError], what: str) -> VultusError:
    first = refused[min(refused)]
    if len(refused) > 1:
        reasons = "; ".join(f"{what} {i}: {error}" for i, error in sorted(refused.items()))
        first.args = (f"none of the {len(refused)} {what}s was accepted: {reasons}",)
    return first


def _bare_face(values: Sequence[float], dimension: int, model_id: str) -> NewFace:
    """A face to enroll that is known by its embedding only; its source is the embedding as float32."""
    sent = require_embedding(values, dimension, model_id)
    # Stored at exactly unit length, as the models make it: what is sent may be off by LENGTH_TOLERANCE.
    (embedding,) = unit_length(sent[None].astype(np.float64)).astype(np.float32)
    return NewFace(ModelEmbedding(embedding, model_id), digest=hashlib.sha256(sent.astype("<f4").tobytes()).hexdigest())
