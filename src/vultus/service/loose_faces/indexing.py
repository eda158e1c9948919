"""Enrolls the faces of a photo as loose faces, each under an id of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vultus.records.seen import Box, Face, Template
from vultus.records.stored import Collection, EnrolledFace, ImageLabel, NewFace
from vultus.service.accepted_faces import AcceptedFace, accepted_face, ensure_photos, photo_to_keep, store_photos
from vultus.service.context import ServiceContext, in_one_space
from vultus.service.liveness.checks import liveness_check
from vultus.service.loose_faces.described import DescribedFace, by_area, with_embeddings
from vultus.service.loose_faces.holders import holder
from vultus.storage.adding.additions import Beginning
from vultus.vision.detected_photo import DetectedPhoto
from vultus.vision.face_selection import choice_of

SAME_FACE = 0.5  # overlap of two boxes in one photo, intersection over union, from which on they are of one face


@dataclass(frozen=True, eq=False)
class IndexedFace:
    """A face of a photo as it is enrolled. created: False where it was enrolled from this photo before."""

    seen: DescribedFace
    stored: EnrolledFace
    created: bool


@dataclass(frozen=True, eq=False)
class LeftOut:
    """A face of a photo that was not enrolled. too_many: there are more than asked for; else its quality is low."""

    seen: DescribedFace
    too_many: bool


@dataclass(frozen=True, eq=False)
class Indexed:
    """The faces of a photo, largest first."""

    collection: Collection
    faces: tuple[IndexedFace, ...]
    left_out: tuple[LeftOut, ...]


class FaceIndexing:
    """Adds loose faces to a collection that is there."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    @in_one_space
    def index(
        self, photo: bytes, *, collection: str, external_id: str | None = None, most: int | None = None, floor: float
    ) -> Indexed:
        """Enroll all faces of a photo whose quality is at least `floor`, the `most` largest, in one transaction.

        The same photo with the same external_id again adds no face that is still there, in whatever subject it is now.
        A photo without a face adds nothing. A policy of the collection may raise the floor.
        Raises CollectionNotFound, SubjectErased, and what reading a photo raises; NotLive, where the policy of the
        collection requires live faces and one of the new ones is not.
        """
        gallery = self._context.gallery
        begun = gallery.begin_enrolment(collection, ())
        target, model = self._context.bound_collection(collection, None)
        floor = max(floor, target.policies.min_quality or 0)
        check = liveness_check(self._context, None, target.policies)
        label = ImageLabel(_image_id(photo, external_id), external_id)
        with self._context.pipeline.slot():
            detected = self._context.pipeline.detect(photo)
            faces = by_area(detected)
            seen, templates = with_embeddings(self._context, detected, faces, model)
            good = [place for place, one in enumerate(seen) if one.quality.score >= floor][:most]
            known = _known(detected, faces, gallery.faces_of_image(collection, label.image_id))
            new = [place for place in good if place not in known]
            check.judged(*(("img", [(detected, faces[place])]) for place in new))
            accepted = self._accepted(detected, faces, templates, photo, new, store=target.policies.store_photos)
        stored = self._store(target, label, accepted, begun)
        both = {**{place: (face, False) for place, face in known.items()}, **stored}
        indexed = tuple(IndexedFace(seen[place], *both[place]) for place in good)
        left = (place for place in range(len(seen)) if place not in good)
        return Indexed(
            target, indexed, tuple(LeftOut(seen[place], seen[place].quality.score >= floor) for place in left)
        )

    def _accepted(
        self,
        detected: DetectedPhoto,
        faces: Sequence[Face],
        templates: Sequence[Template],
        photo: bytes,
        places: Sequence[int],
        *,
        store: bool,
    ) -> dict[int, AcceptedFace]:
        source = hashlib.sha256(photo).hexdigest()
        kept = photo_to_keep(self._context.pipeline, detected, source) if store and places else None
        return {
            place: accepted_face(
                detected, faces[place], templates[place], source, kept, choice_of(detected, faces[place], (), "all")
            )
            for place in places
        }

    def _store(
        self, target: Collection, label: ImageLabel, accepted: dict[int, AcceptedFace], begun: Beginning
    ) -> dict[int, tuple[EnrolledFace, bool]]:
        """By place: the stored faces, and whether they are new."""
        if not accepted:
            return {}
        faces = list(accepted.values())
        new: list[NewFace] = [replace(face, label=label) for face in store_photos(self._context, faces)]
        holders = [holder(f"{label.image_id}{place:03}") for place in accepted]
        stored = self._context.gallery.add_faces_of_several(
            target.name,
            list(zip(holders, new, strict=True)),
            space=target.space,
            begun=begun,
            before_commit=lambda: ensure_photos(self._context.photos, faces),
        )
        return {place: (one.face, one.created) for place, one in zip(accepted, stored, strict=True)}


def _image_id(photo: bytes, external_id: str | None) -> str:
    """The same for the same photo and external_id, 32 hex digits."""
    return hashlib.sha256(f"{external_id or ''} ".encode() + photo).hexdigest()[:32]


def _known(detected: DetectedPhoto, faces: Sequence[Face], stored: Iterable[EnrolledFace]) -> dict[int, EnrolledFace]:
    """By place: the stored faces of this image that the faces found in it are."""
    known: dict[int, EnrolledFace] = {}
    for one in stored:
        boxes = [detected.upright(face).box for face in faces]
        overlaps = [_overlap(one.box, box) if one.box else 0.0 for box in boxes]
        place = max(range(len(overlaps)), key=overlaps.__getitem__, default=None)
        if place is not None and overlaps[place] >= SAME_FACE:
            known[place] = one
    return known


def _overlap(first: Box, second: Box) -> float:
    """Intersection over union."""
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    if across <= 0 or down <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return across * down / (sum(areas) - across * down)
