"""Enroll: photos to templates of a subject, all accepted ones in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vultus.errors import BadInput, CollectionNotFound, FaceRefused, LowQuality, VultusError
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records import (
    Collection,
    EnrolledFace,
    EnrolledPhoto,
    EnrollResult,
    NewFace,
    Photo,
    Quality,
    RejectedPhoto,
    Template,
)
from vultus.service.context import Model, ServiceContext, low_quality_sentence
from vultus.service.policies import NO_POLICIES, require_photos_kept
from vultus.vision.face_selection import largest_face, only_face

FaceChoice = Literal["only", "largest"]


@dataclass(frozen=True, eq=False)
class _AcceptedPhoto:
    """A photo that passed: its face as a template, and the JPEG to store. source: sha256 of the bytes sent."""

    template: Template
    source: str
    jpeg: bytes
    width: int
    height: int

    def stored_as(self, key: str) -> NewFace:
        """The face to enroll, its photo stored under this key."""
        return NewFace(self.template, Photo(key, self.source, self.width, self.height, len(self.jpeg)))


class Enrolment:
    """Adds templates to subjects."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def enroll(
        self,
        photos: Sequence[bytes],
        *,
        collection: str = DEFAULT_COLLECTION,
        subject: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        model_name: str | None = None,
        detector: str | None = None,
        face: FaceChoice = "only",
        min_quality: float | None = None,
        align: bool = True,
    ) -> EnrollResult:
        """Add one template per photo to a subject; collection and subject are created when new.

        The same photo bytes for the same subject again cost no inference and add nothing. Of several photos the
        refused ones are listed in `rejected`; when none is left, the first refusal is raised and nothing is written.
        The policies of the collection are read once, at the beginning. Raises PolicyLoosened.
        """
        existing, model = self._existing(collection, model_name)
        policies = existing.policies if existing else NO_POLICIES
        require_photos_kept(policies)
        floor = self._context.effective_limit("min_quality", min_quality, policies)
        sources = [hashlib.sha256(photo).hexdigest() for photo in photos]
        known = self._known(collection, subject, sources)
        accepted: dict[int, _AcceptedPhoto] = {}
        refused: dict[int, VultusError] = {}
        for i, photo in enumerate(photos):
            if sources[i] in known:
                continue
            try:
                accepted[i] = self._accept(photo, sources[i], model, detector, face, floor, align)
            except (BadInput, FaceRefused) as refusal:
                refused[i] = refusal
        if refused and not accepted and not known:
            raise _all_refused(refused)
        target = existing or self._context.create_collection(collection, model)[0]
        new = {
            i: one.stored_as(self._context.photos.put(one.jpeg)) for i, one in accepted.items()
        }  # photos first: see _ensure_photos
        owner, stored = self._context.gallery.add_faces(
            collection,
            subject,
            tuple(new.values()),
            name=name,
            metadata=metadata,
            before_commit=lambda: self._ensure_photos(new, accepted),
        )
        faces = _in_order(sources, known, dict(zip(new, stored, strict=True)))
        rejected = tuple(RejectedPhoto(i, error.code, str(error)) for i, error in sorted(refused.items()))
        return EnrollResult(owner, target, faces, rejected)

    def _existing(self, collection: str, model_name: str | None) -> tuple[Collection | None, Model]:
        """The collection, None while it is new, and its model. Raises ModelMismatch."""
        try:
            return self._context.bound_collection(collection, model_name)
        except CollectionNotFound:
            return None, self._context.models.resolve(model_name)

    def _known(self, collection: str, subject: str | None, sources: Sequence[str]) -> dict[str, EnrolledFace]:
        if subject is None:
            return {}
        try:
            return dict(self._context.gallery.find_faces_by_source(collection, subject, sources))
        except CollectionNotFound:
            return {}

    def _accept(
        self,
        photo: bytes,
        source: str,
        model: Model,
        detector: str | None,
        choice: FaceChoice,
        floor: float,
        align: bool,
    ) -> _AcceptedPhoto:
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo, detector=detector)
            face = only_face(detected) if choice == "only" else largest_face(detected)
            (template,) = self._context.pipeline.embed([(detected, face)], model.embedder(), align=align)
            if template.quality.score < floor:
                raise _too_low(template.quality, floor)
            jpeg, width, height = self._context.pipeline.stored_photo(detected)
        return _AcceptedPhoto(template, source, jpeg, width, height)

    def _ensure_photos(self, new: Mapping[int, NewFace], accepted: Mapping[int, _AcceptedPhoto]) -> None:
        """Put back what a deletion of the same picture removed since it was stored."""
        for i, face in new.items():
            if not self._context.photos.exists(face.photo.sha256):
                self._context.photos.put(accepted[i].jpeg)


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


def _all_refused(refused: Mapping[int, VultusError]) -> VultusError:
    first = refused[min(refused)]
    if len(refused) > 1:
        reasons = "; ".join(f"photo {i}: {error}" for i, error in sorted(refused.items()))
        first.args = (f"none of the {len(refused)} photos was accepted: {reasons}",)
    return first


def _too_low(quality: Quality, floor: float) -> LowQuality:
    return LowQuality(low_quality_sentence(quality, floor), quality.parts)
