"""CompreFace's JSON: boxes in whole pixels, five decimals, what was not asked for or is not known left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vultus.api.dialects.compreface.call_options import Options
from vultus.api.dialects.compreface.similarity import DECIMALS, SIMILARITY, UNDECIDED
from vultus.records.seen import Face, Float32
from vultus.service.plain_scores.photo_scores import Scored, Scores


def face_json(face: Face, embedding: Float32 | None, options: Options) -> dict[str, Any]:
    """Box and plugins of a face. embedding: None where it is not known."""
    x_min, y_min, x_max, y_max = (round(edge) for edge in face.box)
    box = {"probability": round(float(face.score), DECIMALS)}
    answer: dict[str, Any] = {"box": {**box, "x_max": x_max, "y_max": y_max, "x_min": x_min, "y_min": y_min}}
    if "landmarks" in options.plugins and np.isfinite(face.landmarks).all():
        answer["landmarks"] = [[round(float(x)), round(float(y))] for x, y in face.landmarks]
    if "calculator" in options.plugins and embedding is not None:
        answer["embedding"] = [float(number) for number in embedding]
    return answer


def scored_json(scored: Scored, options: Options) -> dict[str, Any]:
    """Box and plugins of a face that was compared."""
    assert scored.template is not None
    return face_json(scored.template.face, scored.template.embedding, options)


def similarities(scores: Scores) -> list[float]:
    """Of the faces with the one that they were compared with."""
    values = SIMILARITY.values([face.score for face in scores.faces], scores.thresholds)
    return [_shown(value, face) for value, face in zip(values, scores.faces, strict=True)]


def subjects_json(scored: Scored, scores: Scores) -> list[dict[str, Any]]:
    """The subjects of a face, best first."""
    values = SIMILARITY.values([line.score for line in scored.lines], scores.thresholds, scores.gallery_faces)
    return [
        {"subject": line.subject, "similarity": _shown(value, scored)}
        for line, value in zip(scored.lines, values, strict=True)
    ]


def with_status(
    answer: dict[str, Any], results: Sequence[dict[str, Any]], options: Options, versions: Mapping[str, str], ms: float
) -> dict[str, Any]:
    """The answer with versions and times, where they were asked for. ms: of the whole call."""
    if options.status:
        for one in results:
            one["execution_time"] = {"total": round(ms, 1)}
        answer["plugins_versions"] = dict(versions)
    return answer


def _shown(value: float, scored: Scored) -> float:
    return round(min(value, UNDECIDED) if scored.unreliable else value, DECIMALS)
