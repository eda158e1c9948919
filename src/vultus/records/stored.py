"""What is stored: collections, subjects, faces, API keys, jobs and the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from vultus.records.decisions import Decision
from vultus.records.liveness import LivenessMode
from vultus.records.seen import Box, ModelEmbedding, Quality

Scope = Literal["enroll", "verify", "find", "represent", "read", "erase", "override", "metrics", "admin"]
SubjectOrder = Literal["id", "name", "newest"]
KeyKind = Literal[
    "native", "compreface-recognition", "compreface-detection", "compreface-verification", "deepface", "aws"
]
SCOPES: tuple[Scope, ...] = ("enroll", "verify", "find", "represent", "read", "erase", "override", "metrics", "admin")


@dataclass(frozen=True)
class CollectionPolicies:
    """Limits that a collection sets to its requests, in place of the server's defaults; None: no limit.

    A request may be stricter; a looser one needs the scope `override`. min_quality: the lowest floor of an enrolment,
    0..100. target_fmr, target_fpir: the highest error rates of /verify and /find, in (0, 1). store_photos: whether the
    photos of its faces are kept. retention_days: a subject is erased so many days after the last enrolment of a face
    of it; None: never. liveness: what is at least done about it, see `records.liveness`. keep_unknown_days: how long
    faces that searches find to be of nobody known are kept for review; None: none is kept.
    """

    min_quality: float | None = None
    target_fmr: float | None = None
    target_fpir: float | None = None
    store_photos: bool = True
    retention_days: int | None = None
    liveness: LivenessMode | None = None
    keep_unknown_days: int | None = None


@dataclass(frozen=True)
class Collection:
    """One named gallery, bound to one recognition model and preprocessing version.

    revision: raised by every change of its faces, in the same transaction. space: raised by each switch to other
    embeddings; those of two spaces do not compare.
    """

    name: str
    model_id: str
    pipeline_version: int
    dimension: int
    revision: int
    created_at: datetime
    subjects: int = 0
    faces: int = 0
    policies: CollectionPolicies = CollectionPolicies()
    space: int = 0
    unknown_faces: int = 0


@dataclass(frozen=True)
class Subject:
    """A person in a collection. `id` is the caller's own identifier, or one made by us.

    expires_at: when the subject is erased; None: never. photos: how many different ones are kept. cover_face: the id of
    the face that shows it: that chosen, or of the best quality; None where no photo is kept.
    """

    id: str
    collection: str
    name: str | None
    metadata: Mapping[str, Any]
    created_at: datetime
    faces: int = 0
    expires_at: datetime | None = None
    photos: int = 0
    cover_face: str | None = None


@dataclass(frozen=True)
class SubjectPlace:
    """Where a subject stands in a list. key: what the list is sorted by: the id, the name without its letter case, or
    the moment when the subject was made, ISO 8601."""

    order: SubjectOrder
    key: str
    id: str


@dataclass(frozen=True)
class Undo:
    """How long a change of subjects can be undone, and by which id."""

    id: str
    until: datetime


@dataclass(frozen=True)
class Photo:
    """One stored photo. sha256: of the stored JPEG, its key. source_sha256: of the bytes the caller sent.

    A face that moved to a subject with a face of the same photo has another source_sha256: see
    storage/corrections/face_moves.py.
    """

    sha256: str
    source_sha256: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True)
class ImageLabel:
    """What a caller calls the image of a face. image_id: 32 hex digits, of all faces of one image.

    external_id: the caller's own name of the image or its person.
    """

    image_id: str
    external_id: str | None = None


@dataclass(frozen=True)
class EnrolledFace:
    """A face in the gallery. box and landmarks: pixels of the upright original photo.

    photo: None when no photo is kept. box, detector_score, quality: None for a face that was enrolled by its embedding;
    it has no landmarks. source_size: width and height of the upright original photo, None where they are not known.
    label: of its image, where its caller gave one.
    """

    id: str
    collection: str
    subject: str
    photo: Photo | None
    box: Box | None
    landmarks: tuple[tuple[float, float], ...]
    detector_score: float | None
    quality: Quality | None
    model_id: str
    created_at: datetime
    source_size: tuple[int, int] | None = None
    label: ImageLabel | None = None


@dataclass(frozen=True)
class NewFace:
    """What `Gallery.add_faces` stores: an embedding, with its face and quality when it is a `Template`.

    photo: None when no photo is kept; then `digest` identifies what the caller sent. source_size: width and height of
    the upright original photo. label: of its image, None for none.
    """

    template: ModelEmbedding
    photo: Photo | None = None
    digest: str = ""
    source_size: tuple[int, int] | None = None
    label: ImageLabel | None = None

    @property
    def source_sha256(self) -> str:
        """The sha256 of what the caller sent: a subject has each source once."""
        return self.photo.source_sha256 if self.photo else self.digest


@dataclass(frozen=True)
class ApiKey:
    """An API key as it is stored: never the key itself. collections: None means all.

    kind: native, or what clients of another service had already; see `storage/client_keys/`.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    collections: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    requests_per_minute: int | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    kind: KeyKind = "native"


@dataclass(frozen=True)
class KeyRotation:
    """A key with its new secret, which is shown this once; the old one works until `old_until`."""

    key: ApiKey
    secret: str
    old_until: datetime


JobState = Literal["queued", "running", "waiting", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Job:
    """Work in the background. number: its place in the order of their making.

    state: waiting: it ended short of its end, and somebody must decide how it goes on. cancelling: it runs, and will
    stop. done, total: its progress, in a unit of its kind. problem: why it failed or waits, as a sentence. creator: the
    id of the key that made it, or an actor as in the audit; None: of a release that did not keep it.
    """

    id: str
    number: int
    kind: str
    collection: str | None
    parameters: Mapping[str, Any]
    state: JobState
    done: int
    total: int
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    problem: str | None = None
    cancelling: bool = False
    creator: str | None = None


ItemOutcome = Literal["enrolled", "already_enrolled", "refused"]


@dataclass(frozen=True)
class JobItem:
    """What became of one photo of a job. number: its place, from 0. file: its name in the archive, or its address.

    subject: None where none could be told. error, detail: the code and the sentence of a refusal. cautions: codes.
    """

    number: int
    file: str
    subject: str | None
    outcome: ItemOutcome
    face_id: str | None = None
    error: str | None = None
    detail: str | None = None
    cautions: tuple[str, ...] = ()


WebhookState = Literal["waiting", "delivered", "given_up"]


@dataclass(frozen=True)
class Webhook:
    """An address that is told when a job has ended. attempts: how often it was tried. next_at: when it is tried next.

    status: of its last answer, None where there was none. problem: why the last attempt failed.
    """

    address: str
    state: WebhookState = "waiting"
    attempts: int = 0
    next_at: datetime | None = None
    status: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class ChainPlace:
    """The place of an audit line in the chain of its writer. previous, digest: SHA-256 in hex, "" before the first."""

    writer: str
    number: int
    previous: str
    digest: str


@dataclass(frozen=True)
class AuditLine:
    """One line of the audit. outcome: "ok" or the code of an error. number: its place, 0 before it is stored.

    decisions: what a comparison or a search decided about each face. chain: None before it is stored, and for lines of
    releases without chains.
    """

    actor: str
    action: str
    collection: str | None = None
    objects: tuple[str, ...] = ()
    object_count: int = 0
    outcome: str = "ok"
    request_id: str | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    number: int = 0
    decisions: tuple[Decision, ...] = ()
    chain: ChainPlace | None = field(default=None, compare=False)
