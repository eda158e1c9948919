"""DeepFace's answers, field by field: see docs/deepface.md for those whose meaning differs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from vultus.api.dialects.deepface.confidence import ConfidenceScale
from vultus.api.dialects.deepface.fields import Distance, SearchFields
from vultus.api.dialects.deepface.names import img_name_of
from vultus.matching.decision import ThresholdTable, to_distance
from vultus.records.answers import FindResult, Identification, Match, Verification
from vultus.records.seen import Face, Template
from vultus.records.stored import EnrolledFace
from vultus.schemas.answers import rounded
from vultus.schemas.faces import area_of

# Places among the landmarks, which are in the order as seen in the image; the names are the person's own.
NOSE, MOUTH_RIGHT, MOUTH_LEFT = 2, 3, 4


def facial_area(face: Face) -> dict[str, Any]:
    """Box, eyes, nose and corners of the mouth, in whole pixels; points that are not known are null, or left out."""
    area = area_of(face)
    known = {"x": area.x, "y": area.y, "w": area.w, "h": area.h, "left_eye": area.left_eye, "right_eye": area.right_eye}
    points = {"nose": NOSE, "mouth_left": MOUTH_LEFT, "mouth_right": MOUTH_RIGHT}
    if len(face.landmarks) > MOUTH_LEFT:
        known |= {name: _point(face, place) for name, place in points.items()}
    return known


def _point(face: Face, place: int) -> tuple[int, int] | None:
    x, y = (float(value) for value in face.landmarks[place])
    return (round(x), round(y)) if math.isfinite(x) and math.isfinite(y) else None


def represented(template: Template) -> dict[str, Any]:
    """One face of /represent."""
    return {
        "embedding": template.embedding.tolist(),
        "facial_area": facial_area(template.face),
        "face_confidence": round(template.face.score, 2),
    }


def verified(
    result: Verification, metric: Distance, model_name: str | None, table: ThresholdTable, seconds: float
) -> dict[str, Any]:
    """/verify. table: the thresholds of the model that compared."""
    rule = result.rule
    scale = ConfidenceScale(rule, table)
    one, two = (None if face is None else facial_area(face) for face in result.faces)
    return {
        "verified": result.verified,
        "distance": distance_of(result.similarity, metric),
        "threshold": distance_of(rule.similarity, metric),
        "confidence": scale.value(result.similarity, result.score, verified=result.verified),
        "model": model_name or result.model_id,
        "detector_backend": result.detector,
        "similarity_metric": metric,
        "facial_areas": {"img1": one, "img2": two},
        "time": round(seconds, 2),
    }


def found(result: FindResult, fields: SearchFields, table: ThresholdTable) -> list[list[dict[str, Any]]]:
    """/search: for each face of the image its matches, best first. table: the thresholds of the collection's model."""
    of_result: dict[str, Any] = {
        "model_name": fields.model_name or result.collection.model_id,
        "detector_backend": result.detector,
        "aligned": True,
        "l2_normalized": True,
        "search_method": fields.search_method,
    }
    return [_records(face, fields, ConfidenceScale(face.rule, table), of_result) for face in result.faces]


def _records(
    face: Identification, fields: SearchFields, scale: ConfidenceScale, of_result: dict[str, Any]
) -> list[dict[str, Any]]:
    """The lines of one face."""
    box = {} if face.face is None else facial_area(face.face)
    area = {f"target_{name}": box.get(name) for name in ("x", "y", "w", "h")}
    wanted = (match for match in face.matches if match.above_threshold or fields.similarity_search)
    return [_record(match, fields.distance_metric, scale) | of_result | area for match in wanted]


def _record(match: Match, metric: Distance, scale: ConfidenceScale) -> dict[str, Any]:
    candidate = match.candidate
    return {
        "id": candidate.face_id,
        "img_name": img_name_of(candidate.subject),
        "threshold": distance_of(match.threshold, metric),
        "distance_metric": metric,
        "distance": distance_of(candidate.similarity, metric),
        "confidence": scale.value(candidate.similarity, candidate.score, verified=match.above_threshold),
    }


def registered(face: EnrolledFace) -> dict[str, Any]:
    """One face of the list of registered ones."""
    return {
        "id": face.id,
        "img_name": img_name_of(face.subject),
        "model_name": face.model_id,
        "created_at": face.created_at.isoformat(),
    }


def distance_of(cosine: float, metric: Distance) -> float:
    """The distance in a metric, six decimals. angular: the angle as a share of 180 degrees."""
    in_metric: Callable[[float], float] = _angular if metric == "angular" else lambda one: to_distance(one, metric)
    return rounded(in_metric(cosine))


def _angular(cosine: float) -> float:
    return math.acos(min(max(cosine, -1.0), 1.0)) / math.pi
