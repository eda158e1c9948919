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
from vultus.service.context import Parts, low_quality_sentence
from vultus.vision.face_selection import largest_face, only_face

FaceChoice = Literal["only", "largest"]


@dataclass(frozen=True, eq=False)
class _Accepted:
    """A photo that passed: its face as a template, the JPEG to store."""

    template: Template
    photo: Photo
    jpeg: bytes


class Enrolment(Parts):
    """Adds templates to subjects."""

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
        """
        existing = self._existing(collection, model_name)
        model_id = existing.model_id if existing else self.models.resolve(model_name)
        floor = self.policy.min_quality if min_quality is None else min_quality
        sources = [hashlib.sha256(photo).hexdigest() for photo in photos]
        known = self._known(collection, subject, sources)
        accepted: dict[int, _Accepted] = {}
        refused: dict[int, VultusError] = {}
        for i, photo in enumerate(photos):
            if sources[i] in known:
                continue
            try:
                accepted[i] = self._accept(photo, sources[i], model_id, detector, face, floor, align)
            except (BadInput, FaceRefused) as refusal:
                refused[i] = refusal
        if refused and not accepted and not known:
            raise _all_refused(refused)
        target = existing or self._collection(collection, model_id)
        for one in accepted.values():
            self.photos.put(one.jpeg)
        owner, stored = self.gallery.add_faces(
            collection,
            subject,
            [NewFace(one.template, one.photo) for one in accepted.values()],
            name=name,
            metadata=metadata,
            before_commit=lambda: self._ensure_photos(accepted.values()),
        )
        faces = _in_order(sources, known, accepted, stored)
        rejected = tuple(RejectedPhoto(i, error.code, str(error)) for i, error in sorted(refused.items()))
        return EnrollResult(owner, target, faces, rejected)

    def _existing(self, collection: str, model_name: str | None) -> Collection | None:
        """The collection, None while it is new. Raises ModelMismatch."""
        try:
            return self.bound_collection(collection, model_name)
        except CollectionNotFound:
            return None

    def _known(self, collection: str, subject: str | None, sources: Sequence[str]) -> dict[str, EnrolledFace]:
        if subject is None:
            return {}
        try:
            return dict(self.gallery.find_faces_by_source(collection, subject, sources))
        except CollectionNotFound:
            return {}

    def _accept(
        self,
        photo: bytes,
        source: str,
        model_id: str,
        detector: str | None,
        choice: FaceChoice,
        floor: float,
        align: bool,
    ) -> _Accepted:
        with self.pipeline.slot():
            detected = self.pipeline.detect(photo, detector=detector)
            face = only_face(detected) if choice == "only" else largest_face(detected)
            (template,) = self.pipeline.embed([(detected, face)], model_id, align=align)
            if template.quality.score < floor:
                raise _too_low(template.quality, floor)
            jpeg, width, height = self.pipeline.stored_photo(detected)
        key = hashlib.sha256(jpeg).hexdigest()
        return _Accepted(template, Photo(key, source, width, height, len(jpeg)), jpeg)

    def _collection(self, name: str, model_id: str) -> Collection:
        collection, _ = self.gallery.create_collection(
            name,
            model_id=model_id,
            pipeline_version=self.models.pipeline_version(model_id),
            dimension=self.models.dimension(model_id),
        )
        return collection

    def _ensure_photos(self, accepted: Sequence[_Accepted] | Any) -> None:
        """Put back what a deletion of the same picture removed since it was stored."""
        for one in accepted:
            if not self.photos.exists(one.photo.sha256):
                self.photos.put(one.jpeg)


def _in_order(
    sources: Sequence[str],
    known: Mapping[str, EnrolledFace],
    accepted: Mapping[int, _Accepted],
    stored: Sequence[tuple[EnrolledFace, bool]],
) -> tuple[EnrolledPhoto, ...]:
    """One line per accepted photo in the order sent."""
    fresh = dict(zip(accepted, stored, strict=True))
    lines = []
    for i, source in enumerate(sources):
        if i in fresh:
            lines.append(EnrolledPhoto(*fresh[i]))
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
