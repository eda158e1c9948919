"""The protocol of CompreFace, at /api/v1: what its clients send, and the answers that they read."""

from __future__ import annotations

from vultus.api.dialect import Dialect, no_request_id
from vultus.api.dialects.compreface import comparison_routes, example_routes, subject_routes
from vultus.api.dialects.compreface.authentication import authenticate
from vultus.api.dialects.compreface.error_answers import write_error
from vultus.api.dialects.compreface.prefix import PREFIX
from vultus.api.unread_input import refuse_repeated

COMPREFACE = Dialect(
    authenticate,
    write_error,
    no_request_id,
    "x-request-id",
    refuse_repeated,
    prefix=PREFIX,
    routers=(subject_routes.router, example_routes.router, comparison_routes.router),
    name="compreface",
)
