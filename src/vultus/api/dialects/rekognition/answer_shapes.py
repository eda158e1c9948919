"""The shapes of answers: faces and their places as AWS clients read them. Percentages are 0..100."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np

from vultus.records.seen import Box, Quality
from vultus.records.stored import Collection, EnrolledFace
from vultus.service.loose_faces.described import DescribedFace
from vultus.service.loose_faces.holders import is_loose

LANDMARKS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")  # left and right in the picture
WEAK_PART = 50  # of 100: a part below it is a reason
# parts of the quality of a face -> AWS's reason
REASONS: Mapping[str, str] = {
    "size": "SMALL_BOUNDING_BOX",
    "sharpness": "LOW_SHARPNESS",
    "brightness": "LOW_BRIGHTNESS",
    "pose": "EXTREME_POSE",
    "detector": "LOW_CONFIDENCE",
}

Json = dict[str, Any]


def model_version(collection: Collection | None) -> str:
    """The version of the model of a collection: digits and dots, as AWS has it."""
    return f"{collection.pipeline_version if collection else 0}.0"


def uuid_of(identifier: str) -> str:
    """32 hex digits as a UUID."""
    return str(UUID(identifier))


def bounding_box(box: Box, size: tuple[int, int]) -> Json:
    """A box in pixels as shares of the picture; beyond its edges below 0 or above 1."""
    (x_min, y_min, x_max, y_max), (width, height) = box, size
    return {
        "Width": (x_max - x_min) / width,
        "Height": (y_max - y_min) / height,
        "Left": x_min / width,
        "Top": y_min / height,
    }


def detail(seen: DescribedFace) -> Json:
    """A FaceDetail, or a ComparedFace, with all that is measured."""
    answer: Json = {
        "BoundingBox": bounding_box(seen.face.box, seen.size),
        "Confidence": seen.face.score * 100,
        "Quality": {
            "Brightness": seen.measures.brightness,
            "Sharpness": seen.quality.parts.get("sharpness", 0.0),
        },
    }
    if np.isfinite(seen.face.landmarks).all():
        width, height = seen.size
        points = zip(LANDMARKS, seen.face.landmarks.tolist(), strict=True)
        answer["Landmarks"] = [{"Type": kind, "X": x / width, "Y": y / height} for kind, (x, y) in points]
    if (pose := seen.measures.pose) is not None:
        answer["Pose"] = {"Roll": pose.roll, "Yaw": pose.yaw, "Pitch": pose.pitch}
    return answer


def face(stored: EnrolledFace, version: str) -> Json:
    """A Face. One that was enrolled by its embedding has no BoundingBox."""
    answer: Json = {"FaceId": uuid_of(stored.id), "IndexFacesModelVersion": version}
    if stored.box is not None and stored.source_size is not None:
        answer["BoundingBox"] = bounding_box(stored.box, stored.source_size)
    if stored.detector_score is not None:
        answer["Confidence"] = stored.detector_score * 100
    if stored.label is not None:
        answer["ImageId"] = uuid_of(stored.label.image_id)
        if stored.label.external_id is not None:
            answer["ExternalImageId"] = stored.label.external_id
    if not is_loose(stored.subject):
        answer["UserId"] = stored.subject
    return answer


def user(user_id: str, faces: int) -> Json:
    """A User: ACTIVE as soon as it has a face."""
    return {"UserId": user_id, "UserStatus": status_of(faces)}


def status_of(faces: int) -> str:
    """ACTIVE, or CREATED for a user without faces."""
    return "ACTIVE" if faces else "CREATED"


def reasons(quality: Quality) -> list[str]:
    """Why a face was left out for its quality, the weakest part first."""
    weak = sorted((score, name) for name, score in quality.parts.items() if score < WEAK_PART)
    named = dict.fromkeys(REASONS.get(name, "LOW_FACE_QUALITY") for _, name in weak)
    return list(named) or ["LOW_FACE_QUALITY"]
