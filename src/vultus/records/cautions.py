"""Why an answer deserves less trust."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CautionCode = Literal[
    "low_quality",
    "no_photo",
    "no_face_detected",
    "looks_like_a_child",
    "several_faces",
    "faces_left_out",
    "unusual_vector",
    "looks_like_another_subject",
    "looks_like_another_id",
    "model_not_installed",
    "model_not_calibrated",
    "presentation_attack_suspected",
    "liveness_not_judged",
    "liveness_uncertain",
]


@dataclass(frozen=True)
class Caution:
    """Why an answer deserves less trust.

    image: what in the request it is about: an image, an embedding, an id, model_name. subject: the other one that a
    face or an id resembles, None where the caller may not read it; similarity: of its face, a cosine. index: of the
    photo; face: its place in the photo, largest first; None where there is one only.
    """

    code: CautionCode
    image: str
    detail: str
    subject: str | None = None
    similarity: float | None = None
    index: int | None = None
    face: int | None = None
