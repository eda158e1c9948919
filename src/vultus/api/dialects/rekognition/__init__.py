"""The protocol of AWS Rekognition's face operations: POST / by X-Amz-Target, signed by version 4."""

from __future__ import annotations

from vultus.api.dialect import Dialect, no_request_id
from vultus.api.dialects.rekognition import (
    collection_operations,
    face_operations,
    image_operations,
    search_operations,
    unknown_operations,
    user_operations,
)
from vultus.api.dialects.rekognition.failure_answers import write_error
from vultus.api.dialects.rekognition.operations import NAME, claims
from vultus.api.dialects.rekognition.signed_requests import authenticate

_PARTS = (
    *(collection_operations, face_operations, image_operations, search_operations, user_operations),
    unknown_operations,  # the last: what no other takes
)
REKOGNITION = Dialect(
    authenticate,
    write_error,
    no_request_id,
    "x-amzn-requestid",
    routers=tuple(part.router for part in _PARTS),
    claims=claims,
    name=NAME,
)
