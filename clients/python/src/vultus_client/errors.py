"""The error tree of the client: one class for each code of the service, and for answers that did not come from it.

    VultusError                     code, detail, request_id, status
    ├── BadInput                    the request is wrong
    ├── FaceRefused                 the photo is readable, the face is not usable
    ├── Denied                      the key may not do this
    ├── NotFound
    ├── Conflict                    the request contradicts what is stored
    ├── TryLater                    retry_after: in how many seconds
    ├── ModelNotInstalled
    ├── ServerFault                 the service failed; its log has the cause under request_id
    └── NoAnswer                    no answer of a Vultus server came
        ├── Unreachable             nothing answered
        └── UnexpectedAnswer        something else answered, like a proxy with a page of its own

A code that this version does not know is raised as the group of its HTTP status, with the code of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class VultusError(Exception):
    """Anything that the service refuses, or that kept it from answering. `detail` is a sentence for people.

    report: what `enroll_folder` had done when this error stopped it (a `Report`), else None.
    """

    code = ""

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        request_id: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        """retry_after: seconds, as the answer says. code: of the answer, where the class has none or another one."""
        super().__init__(detail)
        self.detail, self.request_id, self.status, self.retry_after = detail, request_id, status, retry_after
        self.code = code or type(self).code
        self.report: Any = None

    def __str__(self) -> str:
        known = [self.code, f"request {self.request_id}" if self.request_id else ""]
        shown = ", ".join(one for one in known if one)
        return f"{self.detail} ({shown})" if shown else self.detail


class BadInput(VultusError):
    """The request is wrong; the caller can fix it."""


class InvalidRequest(BadInput):
    """A field is missing, unknown or malformed."""

    code = "invalid_request"


class InvalidImage(BadInput):
    """What was given is no image that can be sent, or that the service reads."""

    code = "invalid_image"


class RequestTooLarge(BadInput):
    """More bytes, pixels or parts than the service takes."""

    code = "request_too_large"


class ModelNameNotAllowed(BadInput):
    """No served model has this name."""

    code = "model_name_not_allowed"


class DetectorNotAllowed(BadInput):
    """No served detector has this name."""

    code = "detector_backend_not_allowed"


class VectorMismatch(BadInput):
    """A vector has the wrong dimension or length, or is NaN or zero."""

    code = "vector_mismatch"


class FaceRefused(VultusError):
    """The photo is readable; its face cannot be used."""


class NoFaceDetected(FaceRefused):
    """No face was found in the photo."""

    code = "no_face_detected"


class MultipleFaces(FaceRefused):
    """More than one face where exactly one is allowed."""

    code = "multiple_faces"


class LowQuality(FaceRefused):
    """The face is below the lowest quality."""

    code = "low_quality"


class PresentationAttackSuspected(FaceRefused):
    """The face was taken for a picture of a face, and had to be live."""

    code = "presentation_attack_suspected"


class LivenessNotJudged(FaceRefused):
    """Whether the face is live cannot be judged: it is too small, cut off or grey."""

    code = "liveness_not_judged"


class FramesDiffer(FaceRefused):
    """The frames of one presentation show several people."""

    code = "frames_differ"


class LooksLikeAnotherSubject(FaceRefused):
    """The face fits another enrolled subject, and the enrolment is strict."""

    code = "looks_like_another_subject"


class Denied(VultusError):
    """The caller is not allowed to do this."""


class MissingApiKey(Denied):
    """No key was sent."""

    code = "missing_api_key"


class InvalidApiKey(Denied):
    """The key is unknown, expired or revoked."""

    code = "invalid_api_key"


class ScopeNotAllowed(Denied):
    """The key lacks the scope that the call needs."""

    code = "scope_not_allowed"


class CollectionNotAllowed(Denied):
    """The key is limited to other collections."""

    code = "collection_not_allowed"


class PolicyLoosened(Denied):
    """The request asks for less than the policy of the collection."""

    code = "policy_loosened"


class HostNotAllowed(Denied):
    """A server without keys was called by a name that its operator does not allow."""

    code = "host_not_allowed"


class CrossSiteRequest(Denied):
    """A server without keys took the call for one of a web page of another site."""

    code = "cross_site_request"


class NotFound(VultusError):
    """What was asked for does not exist."""

    code = "not_found"


class SubjectNotFound(NotFound):
    """The collection has no such subject."""

    code = "subject_not_found"


class CollectionNotFound(NotFound):
    """There is no such collection."""

    code = "collection_not_found"


class FaceNotFound(NotFound):
    """There is no such face."""

    code = "face_not_found"


class Conflict(VultusError):
    """The request contradicts what is stored."""


class ModelMismatch(Conflict):
    """The collection is bound to another recognition model."""

    code = "model_mismatch"


class CollectionExists(Conflict):
    """The collection exists with other policies."""

    code = "collection_exists"


class SubjectExists(Conflict):
    """The id belongs to another subject of the collection."""

    code = "subject_exists"


class SubjectErased(Conflict):
    """The subject was erased while its photos were analysed; nothing was enrolled."""

    code = "subject_erased"


class UndoNotPossible(Conflict):
    """What would be undone was changed again since."""

    code = "undo_not_possible"


class RequestIdConflict(Conflict):
    """A request with this id is still running."""

    code = "request_id_conflict"


class TryLater(VultusError):
    """The service cannot answer now; `retry_after` says in how many seconds to ask again."""


class RateLimited(TryLater):
    """The key has used up its requests for now."""

    code = "rate_limited"


class QueueFull(TryLater):
    """The queue of waiting requests is full."""

    code = "queue_full"


class QueueTimeout(TryLater):
    """The request waited in the queue for longer than the limit."""

    code = "queue_timeout"


class NotReady(TryLater):
    """The service is starting or stopping, or its database does not answer."""

    code = "not_ready"


class ModelNotInstalled(VultusError):
    """The weights of a known model are not on the server."""

    code = "model_not_installed"


class ServerFault(VultusError):
    """The service failed; nothing is wrong with the request."""

    code = "internal"


class NoAnswer(VultusError):
    """No answer of a Vultus server came."""


class Unreachable(NoAnswer):
    """Nothing answered. sent: whether the request may have reached a server, and may have been done."""

    code = "unreachable"

    def __init__(self, detail: str, *, sent: bool = False, **known: Any) -> None:
        super().__init__(detail, **known)
        self.sent = sent


class UnexpectedAnswer(NoAnswer):
    """Something answered that is not a Vultus server, or one of another version."""

    code = "unexpected_answer"


GROUPS: dict[int, type[VultusError]] = {
    **dict.fromkeys((400, 405, 408, 413, 431), BadInput),
    **dict.fromkeys((401, 403), Denied),
    **dict.fromkeys((429, 503), TryLater),
    404: NotFound,
    409: Conflict,
    422: FaceRefused,
}


def error_class(code: str, status: int) -> type[VultusError]:
    """The class of a code; of one that is not known the group of the HTTP status."""
    known = next((kind for kind in subclasses(VultusError) if kind.code == code), None)
    return known or GROUPS.get(status, ServerFault if status >= 500 else VultusError)


def subclasses(kind: type[VultusError]) -> Iterator[type[VultusError]]:
    """All classes below one, at any depth."""
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)
