"""Faces that passed all checks of an enrolment, and the photos to keep of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from vultus.errors import BadInput, FaceRefused, LowQuality, NoFaceDetected, VultusError
from vultus.records.answers import EnrolledPhoto
from vultus.records.chosen import FaceChoice
from vultus.records.liveness import LivenessMode, LivenessVerdict
from vultus.records.seen import Face, Quality, Template
from vultus.records.stored import NewFace, Photo
from vultus.service.context import Models, ServiceContext, low_quality_sentence
from vultus.service.liveness.frames import read_frames, refuse_repeated
from vultus.service.liveness.judging import Frame, judge, require_live
from vultus.storage.photos import PhotoStore
from vultus.vision.detected_photo import DetectedPhoto
from vultus.vision.face_selection import largest_face, only_face
from vultus.vision.pipeline import Pipeline

WhichFace = Literal["only", "largest"]


@dataclass(frozen=True)
class PhotoToKeep:
    """The JPEG to store. source: sha256 of the bytes sent."""

    jpeg: bytes
    width: int
    height: int
    source: str

    @cached_property
    def stored(self) -> Photo:
        """The photo once its bytes are stored."""
        key = hashlib.sha256(self.jpeg).hexdigest()
        return Photo(key, self.source, self.width, self.height, len(self.jpeg))


@dataclass(frozen=True, eq=False)
class AcceptedFace:
    """A face that passed. photo: None when none is kept. source: sha256 of the bytes sent.

    template: with the face in the pixels of the upright photo, as it is stored. seen: in those of the photo as sent.
    """

    template: Template
    seen: Face
    source: str
    source_size: tuple[int, int]
    photo: PhotoToKeep | None
    choice: FaceChoice
    liveness: LivenessVerdict | None = None

    @property
    def new(self) -> NewFace:
        """The face to enroll, whose photo is stored first: see `store_photos`."""
        photo = None if self.photo is None else self.photo.stored
        return NewFace(self.template, photo, self.source, self.source_size)

    def as_sent(self, stored: EnrolledPhoto) -> EnrolledPhoto:
        """The answer about this face, stored just now, for the caller who has the photo as sent."""
        stored = replace(stored, choice=self.choice, liveness=self.liveness)
        if not (stored.created and self.seen.rotation):
            return stored
        landmarks = tuple((float(x), float(y)) for x, y in self.seen.landmarks)
        face = replace(stored.face, box=self.seen.box, landmarks=landmarks)
        return replace(stored, face=face, rotation=self.seen.rotation)


@dataclass(frozen=True)
class Acceptance:
    """How a photo becomes a face to enroll. pipeline_version: of the model. floor: of quality, 0..100.

    detector: None: the default one. keep_photo: whether a JPEG is made of it. frames: further photos of the moment of
    the photo, for liveness. least_detection: faces of which the detector is less sure, 0..1, are not counted.
    """

    model_id: str
    pipeline_version: int
    floor: float
    face: WhichFace = "only"
    detector: str | None = None
    align: bool = True
    keep_photo: bool = True
    liveness: LivenessMode = "off"
    frames: tuple[bytes, ...] = ()
    least_detection: float = 0.0


Accept = Callable[[bytes, str, Acceptance], AcceptedFace]
"""From a photo, the sha256 of its bytes and the rules to its face, as `accept_photo`."""


Slot = Callable[[], AbstractContextManager[None]]
"""Holds a compute slot, as `Pipeline.slot`."""


Sent = tuple[bytes, str]
"""A photo, and the sha256 of its bytes."""

Found = AcceptedFace | VultusError
"""The face of a photo, or why the photo is refused."""

AcceptSome = Callable[[Sequence[Sent], Acceptance], list[Found]]
"""Photos and the rules to what was found, as `accept_photos`."""


def accept_photo(
    pipeline: Pipeline, models: Models, photo: bytes, source: str, rules: Acceptance, *, slot: Slot | None = None
) -> AcceptedFace:
    """The face of a photo to enroll: all that is computed of it. source: sha256 of its bytes. slot: None: as a request.

    Raises BadInput, FaceRefused: it cannot be enrolled; ModelNotInstalled, ModelInvalid.
    """
    (found,) = accept_photos(pipeline, models, [(photo, source)], rules, slot=slot)
    if isinstance(found, VultusError):
        raise found
    return found


def accept_photos(
    pipeline: Pipeline, models: Models, photos: Sequence[Sent], rules: Acceptance, *, slot: Slot | None = None
) -> list[Found]:
    """The same of several photos, whose faces are embedded together. Raises ModelNotInstalled, ModelInvalid."""
    found: dict[int, Found] = {}
    chosen: dict[int, tuple[DetectedPhoto, Face]] = {}
    with (slot or pipeline.slot)():
        model = models.resolve(rules.model_id).at_version(rules.pipeline_version)
        for i, (photo, _) in enumerate(photos):
            try:
                chosen[i] = _chosen(pipeline, photo, rules)
            except (BadInput, FaceRefused) as refusal:
                found[i] = refusal
        templates = pipeline.embed(list(chosen.values()), model.embedder(), align=rules.align) if chosen else ()
        for (i, one), template in zip(chosen.items(), templates, strict=True):
            try:
                found[i] = _accepted(pipeline, models, one, template, photos[i][1], rules)
            except (BadInput, FaceRefused) as refusal:
                found[i] = refusal
    return [found[i] for i in range(len(photos))]


def _chosen(pipeline: Pipeline, photo: bytes, rules: Acceptance) -> tuple[DetectedPhoto, Face]:
    refuse_repeated(photo, rules.frames)
    detected = _sure(pipeline.detect(photo, detector=rules.detector), rules.least_detection)
    face = only_face(detected) if rules.face == "only" else largest_face(detected)
    detected.closer(face)  # a small face is decoded again, kept for the embedding; what that raises is of this photo
    return detected, face


def _accepted(
    pipeline: Pipeline,
    models: Models,
    chosen: tuple[DetectedPhoto, Face],
    template: Template,
    source: str,
    rules: Acceptance,
) -> AcceptedFace:
    detected, face = chosen
    require_quality(template.quality, rules.floor)
    verdict = _judged(pipeline, models, chosen, template, rules)
    kept = photo_to_keep(pipeline, detected, source) if rules.keep_photo else None
    return accepted_face(detected, face, template, source, kept, pipeline.choice(detected, face), verdict)


def _sure(detected: DetectedPhoto, least: float) -> DetectedPhoto:
    """The photo without the faces that the detector is less sure of. Raises NoFaceDetected, when all are."""
    faces = tuple(face for face in detected.faces if face.score >= least)
    if detected.faces and not faces:
        raise NoFaceDetected(f"no face found with a probability of {least:g} or more")
    return replace(detected, faces=faces, left_out=0) if least else detected


def _judged(
    pipeline: Pipeline, models: Models, seen: Frame, template: Template, rules: Acceptance
) -> LivenessVerdict | None:
    if rules.liveness == "off":
        return None
    model = models.resolve(rules.model_id).at_version(rules.pipeline_version)
    more = read_frames(pipeline, rules.frames, template, model, detector=rules.detector, align=rules.align)
    verdict = judge(models.liveness(), "img", [seen, *more])
    if rules.liveness == "require":
        require_live(verdict)
    return verdict


def accepted_face(
    detected: DetectedPhoto,
    face: Face,
    template: Template,
    source: str,
    photo: PhotoToKeep | None,
    choice: FaceChoice,
    liveness: LivenessVerdict | None = None,
) -> AcceptedFace:
    """A face of a photo that passed. source: sha256 of the bytes sent."""
    upright = replace(template, face=detected.upright(face))
    return AcceptedFace(upright, template.face, source, source_size(detected), photo, choice, liveness)


def photo_to_keep(pipeline: Pipeline, detected: DetectedPhoto, source: str) -> PhotoToKeep:
    """What is kept of a photo: a small JPEG."""
    return PhotoToKeep(*pipeline.stored_photo(detected), source)


def source_size(detected: DetectedPhoto) -> tuple[int, int]:
    """Width and height of the upright original."""
    return detected.photograph.width, detected.photograph.height


def require_quality(quality: Quality, floor: float) -> None:
    """Raises LowQuality."""
    if quality.score < floor:
        raise LowQuality(low_quality_sentence(quality, floor), quality.parts)


def store_photos(context: ServiceContext, faces: Sequence[AcceptedFace]) -> tuple[NewFace, ...]:
    """Store the photos of accepted faces durably, each picture once; the faces to enroll. See `ensure_photos`.

    They are announced first: where the process stops before the faces are stored, they are removed later.
    """
    kept = {face.photo.stored.sha256: face.photo.jpeg for face in faces if face.photo is not None}
    context.gallery.photos.announce({key: len(jpeg) for key, jpeg in kept.items()}, into=context.photos)
    for jpeg in kept.values():
        context.photos.put(jpeg)
    return tuple(face.new for face in faces)


def ensure_photos(photos: PhotoStore, faces: Iterable[AcceptedFace]) -> None:
    """Put back what a deletion of the same picture removed since it was stored."""
    kept = {face.photo.stored.sha256: face.photo.jpeg for face in faces if face.photo is not None}
    for key, jpeg in kept.items():
        if not photos.exists(key):
            photos.put(jpeg)
