"""The error tree: every refusal of Vultus, each with a stable `code` for programs.

    VultusError
    ├── BadInput                    the caller can mend the request
    │   ├── InvalidRequest          invalid_request
    │   ├── InvalidImage            invalid_image
    │   ├── RequestTooLarge         request_too_large
    │   ├── ModelNameNotAllowed     model_name_not_allowed
    │   ├── DetectorNotAllowed      detector_backend_not_allowed
    │   └── VectorMismatch          vector_mismatch
    ├── FaceRefused                 the photo is readable, the face is not usable
    │   ├── NoFaceDetected          no_face_detected
    │   ├── MultipleFaces           multiple_faces
    │   ├── LowQuality              low_quality
    │   ├── LooksLikeAnotherSubject looks_like_another_subject
    │   ├── NotLive
    │   │   ├── PresentationAttackSuspected presentation_attack_suspected
    │   │   └── LivenessNotJudged   liveness_not_judged
    │   └── FramesDiffer            frames_differ
    ├── Denied                      who asks may not
    │   ├── MissingApiKey           missing_api_key
    │   ├── InvalidApiKey           invalid_api_key
    │   ├── ScopeNotAllowed         scope_not_allowed
    │   ├── CollectionNotAllowed    collection_not_allowed
    │   ├── PolicyLoosened          policy_loosened
    │   ├── HostNotAllowed          host_not_allowed
    │   └── CrossSiteRequest        cross_site_request
    ├── NotFound                    not_found
    │   ├── SubjectNotFound         subject_not_found
    │   ├── CollectionNotFound      collection_not_found
    │   └── FaceNotFound            face_not_found
    ├── Conflict
    │   ├── ModelMismatch           model_mismatch
    │   │   └── SpaceChanged        model_mismatch
    │   ├── CollectionExists        collection_exists
    │   ├── SubjectExists           subject_exists
    │   ├── SubjectErased           subject_erased
    │   ├── UndoNotPossible         undo_not_possible
    │   └── RequestIdConflict       request_id_conflict
    ├── TryLater                    says after how many seconds
    │   ├── RateLimited             rate_limited
    │   ├── QueueFull               queue_full
    │   ├── QueueTimeout            queue_timeout
    │   ├── NotReady                not_ready
    │   └── StorageUnavailable      not_ready
    ├── ModelNotInstalled           model_not_installed
    ├── ModelInvalid                model_invalid: a card or a weight file is not what it must be
    ├── StorageFailed               storage_failed: the database or the disk refused
    │   └── ServedAlready           storage_failed
    └── SettingsInvalid             settings_invalid

The message of each is a sentence for people: what happened, with the values, and what to do.
A message never holds a key, a name, an image or an embedding.
"""

from __future__ import annotations

from collections.abc import Mapping

from vultus.records.liveness import LivenessVerdict

FILE_FAILED = "file_failed"  # the code of an OSError: in --json, and in the counts of an import or an evaluation


class VultusError(Exception):
    """Anything that Vultus refuses or cannot do."""

    code = "internal"


class BadInput(VultusError):
    """The request is wrong; the caller can fix it."""

    code = "invalid_request"


class InvalidRequest(BadInput):
    """A field is missing, unknown or malformed."""


class InvalidImage(BadInput):
    """The bytes are no image that Vultus reads: unknown format, truncated, animated."""

    code = "invalid_image"


class RequestTooLarge(BadInput):
    """More bytes, pixels or parts than the limits allow."""

    code = "request_too_large"


class ModelNameNotAllowed(BadInput):
    """No served model has this name."""

    code = "model_name_not_allowed"


class DetectorNotAllowed(BadInput):
    """No served detector has this name."""

    code = "detector_backend_not_allowed"


class VectorMismatch(BadInput):
    """A vector has the wrong dimension, or is NaN, infinite or zero."""

    code = "vector_mismatch"


class FaceRefused(VultusError):
    """The photo is readable; its face cannot be used."""

    code = "no_face_detected"


class NoFaceDetected(FaceRefused):
    """No detector found a face."""


class MultipleFaces(FaceRefused):
    """More than one face where exactly one is allowed."""

    code = "multiple_faces"


class LowQuality(FaceRefused):
    """The face is below the quality floor; `parts` holds the named scores that failed, 0..100 each."""

    code = "low_quality"

    def __init__(self, message: str, parts: Mapping[str, float]) -> None:
        super().__init__(message)
        self.parts = dict(parts)

    def __reduce__(self) -> tuple[type[LowQuality], tuple[str, Mapping[str, float]]]:
        """As it goes to another process."""
        return type(self), (str(self), self.parts)


class LooksLikeAnotherSubject(FaceRefused):
    """The face fits another enrolled subject, and the enrolment is strict."""

    code = "looks_like_another_subject"


class NotLive(FaceRefused):
    """Liveness is required, and the face did not pass; `verdict` says more."""

    code = "presentation_attack_suspected"

    def __init__(self, message: str, verdict: LivenessVerdict) -> None:
        super().__init__(message)
        self.verdict = verdict

    def __reduce__(self) -> tuple[type[NotLive], tuple[str, LivenessVerdict]]:
        """As it goes to another process."""
        return type(self), (str(self), self.verdict)


class PresentationAttackSuspected(NotLive):
    """The face is taken for a picture of a face."""


class LivenessNotJudged(NotLive):
    """The face is too small, cut off or grey for the liveness model."""

    code = "liveness_not_judged"


class FramesDiffer(FaceRefused):
    """The frames of one presentation show different faces."""

    code = "frames_differ"


class Denied(VultusError):
    """The caller is not allowed to do this."""

    code = "invalid_api_key"


class MissingApiKey(Denied):
    """No key was sent."""

    code = "missing_api_key"


class InvalidApiKey(Denied):
    """The key is unknown, expired or revoked."""


class ScopeNotAllowed(Denied):
    """The key lacks the scope that the call needs."""

    code = "scope_not_allowed"


class CollectionNotAllowed(Denied):
    """The key is limited to other collections."""

    code = "collection_not_allowed"


class PolicyLoosened(Denied):
    """The request asks for less than the policy of the collection, without the scope for it."""

    code = "policy_loosened"


class HostNotAllowed(Denied):
    """A server without keys was called by a name that its operator does not allow."""

    code = "host_not_allowed"


class CrossSiteRequest(Denied):
    """A web page of another site called a server without keys."""

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

    code = "request_id_conflict"


class ModelMismatch(Conflict):
    """The collection is bound to another recognition model."""

    code = "model_mismatch"


class SpaceChanged(ModelMismatch):
    """The collection was switched to other embeddings in the middle of the work; it is to be done again."""


class CollectionExists(Conflict):
    """The collection exists with other properties."""

    code = "collection_exists"


class SubjectExists(Conflict):
    """The id belongs to another subject of the collection."""

    code = "subject_exists"


class SubjectErased(Conflict):
    """The subject was erased while its photos were analysed."""

    code = "subject_erased"


class UndoNotPossible(Conflict):
    """What would be undone was changed again since."""

    code = "undo_not_possible"


class RequestIdConflict(Conflict):
    """A request with this id is still running."""


class TryLater(VultusError):
    """The service cannot answer now; `retry_after_seconds` says when to ask again."""

    code = "not_ready"

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


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
    """The service has not finished starting, or is stopping."""


class ModelNotInstalled(VultusError):
    """The weights of a known model are not on this machine."""

    code = "model_not_installed"


class ModelInvalid(VultusError):
    """A model card or a weight file is not what it must be; nothing of it was loaded."""

    code = "model_invalid"


class StorageFailed(VultusError):
    """The database or the photo folder refused to read or write."""

    code = "storage_failed"


class StorageUnavailable(StorageFailed, TryLater):
    """The database does not answer now, as while its server starts again; nothing needs to be done here."""

    code = "not_ready"


class SealBroken(StorageFailed):
    """A stored row is not what was sealed: a bit flipped, or somebody changed it without the installation key."""


class InstallationKeyMissing(StorageFailed):
    """The key that the stored rows are sealed with is not there, or another one is."""


class ServedAlready(StorageFailed):
    """Another process serves the data folder."""


class SettingsInvalid(VultusError):
    """The settings contradict each other or this machine."""

    code = "settings_invalid"
