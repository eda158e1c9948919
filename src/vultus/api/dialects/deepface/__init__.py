"""The REST protocol of DeepFace 0.0.103, at /deepface: what its clients send, and the answers that they read."""

from __future__ import annotations

from vultus.api.dialect import Dialect, no_request_id
from vultus.api.dialects.deepface import gallery_routes, photo_routes
from vultus.api.dialects.deepface.bearer_tokens import authenticate
from vultus.api.dialects.deepface.refusal_answers import write_error
from vultus.api.unread_input import refuse_repeated

DEEPFACE = Dialect(
    authenticate,
    write_error,
    no_request_id,
    "x-request-id",
    refuse_repeated,
    prefix=photo_routes.PREFIX,
    routers=(photo_routes.router, gallery_routes.router),
    name="deepface",
)
