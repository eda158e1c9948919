"""Every failure as CompreFace's clients read it: {"message": sentence, "code": number}.

The numbers are CompreFace's; the HTTP status is its too, but where ours tells a client more: 413, 429 and 503 with
Retry-After, 403, which CompreFace does not have.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse

from vultus.api.errors import Problem

OTHER = 0
FACES_SERVICE = 41
NATIVE_WAY_OUT = ", or ask for face=largest"  # which this protocol does not have
# our code -> CompreFace's number and status
NUMBERS: Mapping[str, tuple[int, int]] = {
    "missing_api_key": (20, 400),
    "invalid_api_key": (10, 404),
    "invalid_image": (28, 400),
    "no_face_detected": (28, 400),
    "low_quality": (28, 400),
    "multiple_faces": (31, 400),
    "subject_not_found": (42, 404),
    "subject_exists": (43, 400),
    "looks_like_another_subject": (43, 400),
    "face_not_found": (44, 404),
    "vector_mismatch": (37, 400),
    "queue_full": (FACES_SERVICE, 503),
    "queue_timeout": (FACES_SERVICE, 503),
    "not_ready": (FACES_SERVICE, 503),
    "model_not_installed": (FACES_SERVICE, 500),
    "internal": (FACES_SERVICE, 500),
}


def write_error(problem: Problem, request_id: str) -> JSONResponse:
    """The answer of a failure; the request id is in its header. Characters that UTF-8 cannot encode are replaced."""
    number, status = NUMBERS.get(problem.code, (OTHER, 404 if problem.status == 405 else problem.status))
    number = getattr(problem.cause, "number", number)
    status = getattr(problem.cause, "status", status)
    headers = {name: value for name, value in problem.headers.items() if name != "WWW-Authenticate"}
    detail = problem.detail.removesuffix(NATIVE_WAY_OUT).encode("utf-8", "replace").decode("utf-8")
    return JSONResponse({"message": detail, "code": number}, status, headers)
