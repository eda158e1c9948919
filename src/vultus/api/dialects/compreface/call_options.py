"""The options of CompreFace's calls, as its SDK and Double Take write them into the query."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from vultus.api.dialects.compreface.refusals import InvalidValue, WrongArgument, WrongPredictionCount
from vultus.service.plain_scores.photo_scores import Choice

MOST_PREDICTIONS = 100
MOST_FACES_A_PAGE = 1000
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


@dataclass(frozen=True)
class Options:
    """limit: faces, 0 for all. predictions: subjects a face. plugins: those asked for, by name; unknown ones too.

    detect_faces: False where the photo is a face already.
    """

    limit: int = 0
    predictions: int = 1
    least_detection: float = 0.0
    plugins: frozenset[str] = frozenset()
    status: bool = False
    detect_faces: bool = True

    @property
    def choice(self) -> Choice:
        """The faces that are meant."""
        return Choice(self.least_detection, self.limit or None, not self.detect_faces)


def read_options(query: Mapping[str, str]) -> Options:
    """The options of a call; a parameter that it does not have is ignored.

    Raises WrongArgument, InvalidValue, WrongPredictionCount.
    """
    predictions = whole_number(query, "prediction_count", 1)
    if predictions < 1:
        raise WrongPredictionCount(f"prediction_count is {predictions}; it must be 1 or more")
    return Options(
        limit=at_least(whole_number(query, "limit", 0), "limit", 0),
        predictions=min(predictions, MOST_PREDICTIONS),
        least_detection=_share(query, "det_prob_threshold"),
        plugins=frozenset(part.strip() for part in query.get("face_plugins", "").split(",")),
        status=_flag(query, "status", False),
        detect_faces=_flag(query, "detect_faces", True),
    )


def whole_number(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of the query. Raises WrongArgument."""
    text = query.get(name, "").strip()
    if not text:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise WrongArgument(f"{name} must be a whole number")
    return int(text)


def at_least(number: int, name: str, least: int) -> int:
    """Raises InvalidValue."""
    if number < least:
        raise InvalidValue(f"{name} is {number}; it must be {least} or more")
    return number


def face_id_of(image_id: str) -> str:
    """Our face id of CompreFace's image id, which is a UUID. Raises WrongArgument."""
    try:
        return UUID(image_id).hex
    except ValueError:
        raise WrongArgument("the image_id must be a UUID, as it was answered when the example was added") from None


def image_id_of(face_id: str) -> str:
    """CompreFace's image id of a face."""
    return str(UUID(face_id))


def _share(query: Mapping[str, str], name: str) -> float:
    try:
        share = float(query.get(name, "").strip() or 0)
    except ValueError:
        raise WrongArgument(f"{name} must be a number") from None
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise InvalidValue(f"{name} must be between 0 and 1")
    return share


def _flag(query: Mapping[str, str], name: str, default: bool) -> bool:
    text = query.get(name)
    if text is None:
        return default
    if text.strip().lower() not in (*TRUE, *FALSE):
        raise WrongArgument(f"{name} must be true or false")
    return text.strip().lower() in TRUE
