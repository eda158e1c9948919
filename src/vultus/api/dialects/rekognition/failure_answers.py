"""Every failure as AWS clients read it: {"__type": name, "Message": sentence}.

The names are those of Rekognition's model and of AWS's common errors. The status is 400, but for what clients should
try again: 500 and 503, by which every AWS client does so by itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse

from vultus.api.errors import Problem
from vultus.service.loose_faces.face_groups import GroupFull

CONTENT_TYPE = "application/x-amz-json-1.1"
INVALID = "InvalidParameterException"
# our code -> the name and status of AWS
NAMES: Mapping[str, tuple[str, int]] = {
    "missing_api_key": ("MissingAuthenticationTokenException", 400),
    "invalid_api_key": ("UnrecognizedClientException", 400),
    "scope_not_allowed": ("AccessDeniedException", 400),
    "collection_not_allowed": ("AccessDeniedException", 400),
    "policy_loosened": ("AccessDeniedException", 400),
    "host_not_allowed": ("AccessDeniedException", 400),
    "cross_site_request": ("AccessDeniedException", 400),
    "not_found": ("ResourceNotFoundException", 400),
    "collection_not_found": ("ResourceNotFoundException", 400),
    "subject_not_found": ("ResourceNotFoundException", 400),
    "collection_exists": ("ResourceAlreadyExistsException", 400),
    "subject_exists": ("ConflictException", 400),
    "subject_erased": ("ConflictException", 400),
    "request_id_conflict": ("ConflictException", 400),
    "model_mismatch": ("ConflictException", 400),
    "invalid_image": ("InvalidImageFormatException", 400),
    "request_too_large": ("ImageTooLargeException", 400),
    "rate_limited": ("ProvisionedThroughputExceededException", 400),
    "queue_full": ("ThrottlingException", 500),
    "queue_timeout": ("ThrottlingException", 500),
    "not_ready": ("ServiceUnavailableException", 503),
    "model_not_installed": ("InternalServerError", 500),
    "internal": ("InternalServerError", 500),
}


class AwsAnswer(JSONResponse):
    """JSON with the content type of the protocol."""

    media_type = CONTENT_TYPE


def write_error(problem: Problem, request_id: str) -> AwsAnswer:
    """The answer of a failure; the request id is in its header. Characters that UTF-8 cannot encode are replaced."""
    name, status = NAMES.get(problem.code, (INVALID, 400))
    name = getattr(problem.cause, "aws_name", name)
    if isinstance(problem.cause, GroupFull):
        name = "ServiceQuotaExceededException"
    headers = {key: value for key, value in problem.headers.items() if key != "WWW-Authenticate"}
    detail = problem.detail.encode("utf-8", "replace").decode("utf-8")
    return AwsAnswer({"__type": name, "Message": detail}, status, headers)
