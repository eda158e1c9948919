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
    "model_not_installed",
    "model_not_calibrated",
]


@dataclass(frozen=True)
class Caution:
    """Why an answer deserves less trust. image: what in the request it is about: an image, an embedding, model_name."""

    code: CautionCode
    image: str
    detail: str
