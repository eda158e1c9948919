"""Enroll all faces of one photo, each as a face of another subject, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from vultus.errors import FaceRefused, InvalidRequest, LowQuality, NotLive
from vultus.identifiers import canonical
from vultus.service.accepted_faces import AcceptedFace, accepted_face, photo_to_keep, require_quality
from vultus.service.context import Model, ServiceContext
from vultus.service.liveness.checks import LivenessCheck
from vultus.vision.face_selection import choice_of, largest_face

OfOne = tuple[str | None, AcceptedFace]
"""A subject, None for a new one, and its face."""


def accept_all_faces(
    context: ServiceContext,
    photo: bytes,
    subjects: Sequence[str | None] | None,
    model: Model,
    *,
    detector: str | None,
    floor: float,
    align: bool,
    store_photo: bool,
    check: LivenessCheck,
) -> tuple[dict[int, OfOne], dict[int, FaceRefused]]:
    """By place among the faces of the photo, largest first: those that pass with their subjects, and the refusals.

    Raises NoFaceDetected, InvalidRequest (another number of subjects), and what reading a photo raises.
    """
    source = hashlib.sha256(photo).hexdigest()
    with context.pipeline.slot():
        detected = context.pipeline.detect(photo, detector=detector)
        largest_face(detected)
        owners = _one_each(subjects, len(detected.faces))
        templates = context.pipeline.embed([(detected, face) for face in detected.faces], model.embedder(), align=align)
        kept = photo_to_keep(context.pipeline, detected, source) if store_photo else None
        accepted: dict[int, OfOne] = {}
        refused: dict[int, FaceRefused] = {}
        for place, (owner, template) in enumerate(zip(owners, templates, strict=True)):
            face = detected.faces[place]
            try:
                require_quality(template.quality, floor)
                verdict = next(iter(check.judged(("img", [(detected, face)]))), None)
            except (LowQuality, NotLive) as refusal:
                refused[place] = refusal
                continue
            choice = choice_of(detected, face, (), "all")
            accepted[place] = (owner, accepted_face(detected, face, template, source, kept, choice, verdict))
    return accepted, refused


def check_subjects(subjects: Sequence[str | None]) -> None:
    """Raises InvalidRequest when a subject is named twice: nobody is in a photo twice."""
    named = [canonical(subject) for subject in subjects if subject is not None]
    if len(set(named)) < len(named):
        raise InvalidRequest("subjects names one subject twice; give each face of the photo its own, or null")


def _one_each(subjects: Sequence[str | None] | None, faces: int) -> Sequence[str | None]:
    if subjects is None:
        return [None] * faces
    if len(subjects) != faces:
        raise InvalidRequest(
            f"subjects has {len(subjects)} entries, but {faces} faces are in the photo; send one for each, largest "
            "face first, null for a new subject (POST /detect lists the faces in this order)"
        )
    return subjects
