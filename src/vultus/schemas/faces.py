"""Faces in a photo: their areas, which one was chosen, and the others. Boxes and points are in pixels of the photo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from vultus.records.chosen import ChoiceRule, FaceChoice, OtherFace
from vultus.records.seen import Box, Face, Quality

Point = tuple[int, int]
EYES = "left_eye is the person's own left eye, the right one in the photo; null when the detector gives none."


class FacialArea(BaseModel):
    x: int
    y: int
    w: int
    h: int
    left_eye: Point | None = Field(description=EYES)
    right_eye: Point | None
    chosen: str | None = Field(
        default=None, exclude_if=lambda chosen: chosen is None, description='How it was chosen, like "largest of 3".'
    )
    rotation: int = Field(
        default=0,
        exclude_if=lambda rotation: not rotation,
        description="Present where the photo had to be turned: by how many degrees, clockwise. The area is that in the "
        "photo as sent, with the eyes named as on the upright face.",
    )


class ChosenFace(BaseModel):
    """Which face of a photo an answer is about, and why this one."""

    rule: ChoiceRule = Field(
        description="only: there is one. largest: also the most prominent. most_prominent: a larger one is blurred, "
        "cut off or far from the middle. usable: a more prominent one has too low a quality. face_index: the caller "
        "said which. all: each face of the photo is enrolled. whole_image: no face was found."
    )
    index: int | None = Field(description="Its place among the faces as /detect lists them, from 0.")
    facial_area: FacialArea
    detail: str = Field(description="How it was chosen, in words.")


class OtherFaceAnswer(BaseModel):
    """A face of the photo that the answer is not about."""

    facial_area: FacialArea
    face_confidence: float
    quality: dict[str, float] = Field(
        description="score and its named parts, 0..100 each, without those that a recognition model adds."
    )
    prominence: float = Field(description="As a share of that of the chosen face: 1 is as prominent.")


FACES_FOUND = "How many faces the photo shows"


# The three fields of an answer about one photo, in which one of several faces may have been chosen.
FOUND: Any = Field(default=None, description=f"{FACES_FOUND}; null when no photo was looked at.")
CHOSEN: Any = Field(
    default=None, description="The face that this is about; null when no photo was looked at, or with faces=all."
)
OTHERS: Any = Field(
    default=[], description="The others, most prominent first; those beyond the limit are counted, not listed."
)


def area(box: Box, landmarks: Sequence[Sequence[float]], chosen: str | None = None, rotation: int = 0) -> FacialArea:
    """Box and eyes in whole pixels. landmarks: in the order of records, eyes as seen in the image."""
    left, top = max(round(box[0]), 0), max(round(box[1]), 0)
    right, bottom = round(box[2]), round(box[3])
    # left and right change sides: records name the eyes as seen in the image, the answer as the person's own
    seen_left, seen_right = (_point(landmarks[0]), _point(landmarks[1])) if len(landmarks) else (None, None)
    return FacialArea(
        x=left,
        y=top,
        w=max(right - left, 0),
        h=max(bottom - top, 0),
        left_eye=seen_right,
        right_eye=seen_left,
        chosen=chosen,
        rotation=rotation,
    )


def _point(xy: Sequence[float]) -> Point | None:
    x, y = float(xy[0]), float(xy[1])
    return (round(x), round(y)) if math.isfinite(x) and math.isfinite(y) else None


def area_of(face: Face, chosen: str | None = None) -> FacialArea:
    """The area of a detected face."""
    return area(face.box, face.landmarks.tolist(), chosen, face.rotation)


def quality_of(quality: Quality) -> dict[str, float]:
    """The score first, then its parts."""
    return {"score": quality.score, **quality.parts}


def chosen_face(choice: FaceChoice | None) -> ChosenFace | None:
    if choice is None:
        return None
    return ChosenFace(rule=choice.rule, index=choice.index, facial_area=area_of(choice.face), detail=choice.sentence)


def other_faces(choice: FaceChoice | None) -> list[OtherFaceAnswer]:
    return [] if choice is None else [_other_face(other) for other in choice.others]


def _other_face(other: OtherFace) -> OtherFaceAnswer:
    return OtherFaceAnswer(
        facial_area=area_of(other.face),
        face_confidence=other.face.score,
        quality=quality_of(other.quality),
        prominence=other.prominence,
    )


def choice_fields(choice: FaceChoice | None, found: int | None = None) -> dict[str, Any]:
    """The three fields, by name. found: how many faces the photo shows, where none was chosen."""
    count = found if choice is None else choice.found
    return {"faces_found": count, "chosen": chosen_face(choice), "other_faces": other_faces(choice)}
