"""Error code -> HTTP status, and the one JSON shape of every failure.

`{"error": code, "detail": sentence, "request_id": uuid}` answers every exception that is raised below the error
boundary middleware. Two failures of code `invalid_request` do not have status 400, because HTTP has a status of its own
for them: 405 for a method that the path does not have (with Allow), 408 for a body that arrives too slowly.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from vultus.errors import LowQuality, ModelNotInstalled, StorageUnavailable, TryLater, VultusError
from vultus.findings import Steps, Wording, sentence_of

log = logging.getLogger(__name__)

STATUS: Mapping[str, int] = {
    "missing_api_key": 401,
    "invalid_api_key": 401,
    "scope_not_allowed": 403,
    "collection_not_allowed": 403,
    "policy_loosened": 403,
    "host_not_allowed": 403,
    "cross_site_request": 403,
    "not_found": 404,
    "subject_not_found": 404,
    "collection_not_found": 404,
    "face_not_found": 404,
    "model_mismatch": 409,
    "collection_exists": 409,
    "subject_exists": 409,
    "subject_erased": 409,
    "looks_like_another_subject": 409,
    "undo_not_possible": 409,
    "request_id_conflict": 409,
    "request_too_large": 413,
    "invalid_request": 400,
    "invalid_image": 400,
    "model_name_not_allowed": 400,
    "detector_backend_not_allowed": 400,
    "vector_mismatch": 400,
    "no_face_detected": 422,
    "multiple_faces": 422,
    "low_quality": 422,
    "presentation_attack_suspected": 422,
    "liveness_not_judged": 422,
    "frames_differ": 422,
    "model_not_installed": 501,
    "rate_limited": 429,
    "queue_full": 503,
    "queue_timeout": 503,
    "not_ready": 503,
    "internal": 500,
    # faults of the server, answered as "internal": their sentences go to the operator's log only
    "model_invalid": 500,
    "storage_failed": 500,
    "settings_invalid": 500,
}
HTTP_CODES = {404: "not_found", 413: "request_too_large"}
INTERNAL_SENTENCE = "the server failed; nothing is wrong with the request. Its log has the cause under this request_id"
UNAVAILABLE_SENTENCE = "the database does not answer now; send the request again. What was sent may have been stored"
FOLDER = re.compile(r"(?<= )/[^\s;,]*/")  # replaced in sentences: callers must not learn the folders of the server
MOST_FINDINGS = 5  # in one sentence
REQUEST_WORDING = Wording(
    place=lambda steps: f'field "{_names(steps)}"' if steps else "",
    missing="{place} is missing",
    unknown="unknown parameter {path!a}; see /docs for the known ones",
    wrong="{place}: {message}",
    said="{place}: {message}",
    skipped=("path", "query", "body"),  # where FastAPI found the field
)
UNKNOWN_PATH = "nothing is at this path; /docs lists the calls that there are"


@dataclass(frozen=True)
class Problem:
    """A failure as the caller sees it, before it is written in the shape of an answer.

    cause: the exception, by whose type a dialect may tell more of its own codes apart; not to be shown.
    """

    status: int
    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    cause: Exception | None = field(default=None, compare=False, repr=False)


INTERNAL = Problem(500, "internal", INTERNAL_SENTENCE)


def describe(exc: Exception) -> Problem:
    """The problem that answers an exception; INTERNAL for faults of the server and foreign exceptions."""
    if isinstance(exc, VultusError):
        return replace(_refusal(exc), cause=exc)
    if isinstance(exc, HTTPException):
        return _http_problem(exc)
    if isinstance(exc, RequestValidationError):
        return Problem(400, "invalid_request", request_sentence(exc.errors()))
    return INTERNAL


def _refusal(exc: VultusError) -> Problem:
    status = STATUS.get(exc.code, 500)
    if status == 500:
        return INTERNAL
    headers, detail = {}, _sentence(exc)
    if isinstance(exc, StorageUnavailable):
        detail = UNAVAILABLE_SENTENCE
    if isinstance(exc, TryLater):
        headers["Retry-After"] = str(max(1, math.ceil(exc.retry_after_seconds)))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 413:
        headers["Connection"] = "close"  # the rest of the body is not read
    return Problem(status, exc.code, detail, headers)


def _sentence(exc: VultusError) -> str:
    text = str(exc) or (type(exc).__doc__ or "").strip()
    if isinstance(exc, LowQuality) and not all(part in text for part in exc.parts):
        text += "; parts that failed: " + ", ".join(f"{part} {score:.0f}" for part, score in exc.parts.items())
    return FOLDER.sub("MODEL_DIR/", text) if isinstance(exc, ModelNotInstalled) else text


def _http_problem(exc: HTTPException) -> Problem:
    if exc.status_code >= 500:
        return INTERNAL
    code = HTTP_CODES.get(exc.status_code, "invalid_request")
    detail = UNKNOWN_PATH if exc.status_code == 404 else exc.detail
    return Problem(exc.status_code, code, detail, dict(exc.headers or {}))


def request_sentence(errors: Sequence[Any]) -> str:
    """pydantic's findings as one sentence that names the fields and never repeats what was sent in them."""
    sentence, more = sentence_of(errors, REQUEST_WORDING, at_most=MOST_FINDINGS), len(errors) - MOST_FINDINGS
    return f"{sentence}; and {more} more faults, which are named when these are gone" if more > 0 else sentence


def _names(steps: Steps) -> str:
    """The names that lead to a field; not its positions in a list, and what follows them."""
    return ".".join(str(step) for step in takewhile(lambda step: isinstance(step, str), steps))


def error_response(problem: Problem, request_id: str) -> JSONResponse:
    """The answer of a failure. Characters that UTF-8 cannot encode are replaced."""
    detail = problem.detail.encode("utf-8", "replace").decode("utf-8")
    body = {"error": problem.code, "detail": detail, "request_id": request_id}
    return JSONResponse(body, status_code=problem.status, headers=dict(problem.headers))
