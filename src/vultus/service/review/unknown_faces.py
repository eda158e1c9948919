"""Faces that searches found to be of nobody known: kept where a collection asks for it, looked at, assigned, erased.

A face is kept only of a photo, and only where it is good enough to enroll it: above the quality floor of the
collection, not too damaged to decide on, and live where that was judged. A person seen again within REPEAT is not kept
again, nor is one who is ignored while a face of theirs is kept: nothing is added, so the days do not begin again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from vultus.errors import InvalidRequest, VultusError
from vultus.records.answers import Candidate, EnrolledPhoto, Identification
from vultus.records.review import KeptFace, UnknownFace, UnknownGroup
from vultus.records.seen import Face, Template
from vultus.records.stored import Collection, NewFace, Photo, Subject
from vultus.service.context import Model, ServiceContext
from vultus.service.evidence import is_reliable
from vultus.service.review.same_person import SamePerson, grouped
from vultus.storage.review.unknown_faces import ASSIGN
from vultus.vision.detected_photo import DetectedPhoto

log = logging.getLogger(__name__)

REPEAT = timedelta(minutes=10)
RECENT_FACES = 500  # of a collection, that a new one is compared with


class UnknownFaces:
    """What is kept of unknown faces. Raises CollectionNotFound where a collection is not there."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def keep(
        self,
        gallery: Collection,
        model: Model,
        detected: DetectedPhoto,
        seen: Sequence[tuple[Face, Template, Identification, Sequence[Candidate]]],
        templates: int,
    ) -> None:
        """Keep those of the faces of a photo that are of nobody known, if the collection asks for it.

        seen: each face, with the best candidates. templates: of the collection. A search succeeds also where this does
        not.
        """
        if gallery.policies.keep_unknown_days is None:
            return
        for face, template, found, lines in seen:
            try:
                if self._is_wanted(gallery, model, template, found, lines, templates):
                    self._keep(gallery, detected, face, template)
            except VultusError as exc:
                log.warning("an unknown face of collection %s was not kept: %s", gallery.name, type(exc).__name__)

    def groups(self, collection: str, *, ignored: bool = False) -> tuple[UnknownGroup, ...]:
        """All that are kept, those that are ignored or the others, by person as far as that can be told.

        Raises InvalidRequest, ModelMismatch.
        """
        bound = self._context.gallery.binding(collection)
        faces = self._context.gallery.unknown_faces.faces(collection, ignored=ignored)
        return grouped(self._context.model_of(bound), faces)

    def ignored_count(self, collection: str) -> int:
        """How many of the kept faces are ignored."""
        return self._context.gallery.unknown_faces.ignored_count(collection)

    def ignore(self, collection: str, face_ids: Sequence[str], *, ignored: bool = True) -> int:
        """Do not list these faces, and keep none of their persons again while they are kept; or take that back.

        Their time stays: when it is over they are erased, and their persons are strangers again. How many there were.
        """
        return self._context.gallery.unknown_faces.ignore(collection, face_ids, ignored=ignored)

    def crop(self, collection: str, face_id: str) -> bytes:
        """The picture of a face, a JPEG. Raises NotFound."""
        return self._context.gallery.unknown_faces.crop(collection, face_id)

    def assign(
        self, collection: str, face_ids: Sequence[str], subject: str | None, *, name: str | None = None
    ) -> tuple[Subject, tuple[EnrolledPhoto, ...]]:
        """Enroll these faces for a subject, made when new (with an id of ours when None); they are unknown no more.

        Raises NotFound, when one is not kept any more; then none is enrolled.
        """
        gallery = self._context.gallery
        begun = gallery.begin_enrolment(collection, [subject])
        ids = list(dict.fromkeys(face_ids))
        found = gallery.unknown_faces.to_assign(collection, ids)
        if not found:
            raise InvalidRequest("no face to assign was named; send the ids of some")
        bound = gallery.binding(collection)
        new = [_new_face(bound, face, crop) for face, crop in found]
        crops = {_digest(crop): crop for _, crop in found if crop is not None}
        gallery.photos.announce({key: len(crop) for key, crop in crops.items()}, into=self._context.photos)

        def store() -> None:
            for crop in crops.values():
                self._context.photos.put(crop)

        store()
        options = {"space": found[0][0].space, "begun": begun, "before_commit": store}
        owner, added = gallery.add_faces(collection, subject, new, name=name, **options)  # type: ignore[arg-type]
        gallery.unknown_faces.erase(collection, ids, action=ASSIGN)
        return owner, added

    def erase(self, collection: str, face_ids: Sequence[str] | None = None) -> int:
        """Erase these faces (None: all of the collection); how many there were."""
        return self._context.gallery.unknown_faces.erase(collection, face_ids)

    def erase_old(self, now: datetime) -> bool:
        """Erase those that their collections keep no longer; whether there may be more."""
        return self._context.gallery.unknown_faces.erase_old(now)

    def _is_wanted(
        self,
        gallery: Collection,
        model: Model,
        template: Template,
        found: Identification,
        lines: Sequence[Candidate],
        templates: int,
    ) -> bool:
        floor = self._context.effective_limit("min_quality", None, gallery.policies)
        poor = template.quality.score < floor or not is_reliable(template.quality)
        if found.decision != "unknown" or poor or (found.liveness is not None and found.liveness.decision != "live"):
            return False
        # By the default rate: a stricter threshold of the caller's makes nobody a stranger.
        rate = self._context.effective_limit("target_fpir", None, gallery.policies)
        rule = model.thresholds().for_fpir(rate, max(templates, 1))
        if any(rule.reached(line.similarity, line.score) for line in lines):
            return False
        now, kept = datetime.now(UTC), self._context.gallery.unknown_faces
        recent = kept.embeddings_since(gallery.name, now - REPEAT, limit=RECENT_FACES)
        known = np.concatenate([recent, kept.ignored_embeddings(gallery.name, now)])
        return not SamePerson(model).is_among(template.embedding, known)

    def _keep(self, gallery: Collection, detected: DetectedPhoto, face: Face, template: Template) -> None:
        crop, side, inside = self._context.pipeline.kept_crop(detected, face)
        kept = KeptFace(replace(template, face=inside), crop if gallery.policies.store_photos else None, side)
        self._context.gallery.unknown_faces.keep(gallery.name, kept, space=gallery.space, seen_at=datetime.now(UTC))


def _new_face(collection: Collection, face: UnknownFace, crop: bytes | None) -> NewFace:
    template, size = Template(face.embedding, collection.model_id, face.face, face.quality), (face.crop_side,) * 2
    if crop is None:
        return NewFace(template, None, hashlib.sha256(face.embedding.tobytes()).hexdigest(), size)
    key = _digest(crop)
    return NewFace(template, Photo(key, key, *size, len(crop)), key, size)


def _digest(crop: bytes) -> str:
    return hashlib.sha256(crop).hexdigest()
