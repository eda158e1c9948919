"""Every failure as DeepFace's clients read it: {"error": sentence}, {"exception": ...} or {"message": ...}.

DeepFace has `message` for its token, `exception` for an image that cannot be read, and `error` for the rest, all but
the first with status 400. Statuses that tell a client more are ours: 403, 404, 405, 413, 429, 5xx with Retry-After.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError
from starlette.responses import JSONResponse

from vultus.api.errors import Problem

BAD_REQUEST = 400
KEPT_STATUSES = frozenset({400, 401, 403, 408, 413, 429, 500, 503})
IMAGE_FIELDS = frozenset({"img", "img1", "img2"})
TOKEN_CODES = frozenset({"missing_api_key", "invalid_api_key", "scope_not_allowed", "collection_not_allowed"})
# Clients tell these two from other failures by words of DeepFace's sentences.
KNOWN_WORDS: Mapping[str, str] = {
    "no_face_detected": "Face could not be detected",
    "presentation_attack_suspected": "Spoof detected",
}


def write_error(problem: Problem, request_id: str) -> JSONResponse:
    """The answer of a failure; the request id is in its header. Characters that UTF-8 cannot encode are replaced."""
    words = KNOWN_WORDS.get(problem.code)
    detail = f"{words}: {problem.detail}" if words else problem.detail
    body = {_name(problem): detail.encode("utf-8", "replace").decode("utf-8")}
    return JSONResponse(body, _status(problem), dict(problem.headers))


def _name(problem: Problem) -> str:
    if problem.code in TOKEN_CODES:
        return "message"
    return "exception" if problem.code == "invalid_image" or _is_about_an_image(problem.cause) else "error"


def _is_about_an_image(cause: Exception | None) -> bool:
    findings = cause.__cause__ if cause is not None else None
    if not isinstance(findings, ValidationError):
        return False
    return any(IMAGE_FIELDS.intersection(one["loc"]) for one in findings.errors(include_input=False))


def _status(problem: Problem) -> int:
    """Ours where a client can act on it; a refusal of the library is 400 there, whatever its kind."""
    is_of_path = problem.cause is None and problem.status in (404, 405)
    return problem.status if is_of_path or problem.status in KEPT_STATUSES else BAD_REQUEST
