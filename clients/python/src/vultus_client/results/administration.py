"""Results about keys, the audit, re-embedding and the service."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from vultus_client.results.jobs import Job
from vultus_client.results.record import Record


@dataclass(frozen=True, kw_only=True)
class Health(Record):
    """ "ok" or "ready"."""

    status: str


@dataclass(frozen=True, kw_only=True)
class Key(Record):
    """A key as the service remembers it. collections: None: all. requests_per_minute: None: no limit.

    kind: native, or the service whose clients had it before.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    collections: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    requests_per_minute: int | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    kind: str


@dataclass(frozen=True, kw_only=True)
class NewKey(Key):
    """A new key. key: the secret; the service shows it this once, and so its repr and `raw` have to be kept secret."""

    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class RotatedKey(NewKey):
    """A key with a new secret. old_key_until: until then the old one works too."""

    old_key_until: datetime


@dataclass(frozen=True, kw_only=True)
class Decision(Record):
    """What was decided about a face, and why."""

    decision: str
    similarity: float | None
    score: float | None
    threshold: float
    rule: str
    expected: float | None
    model_id: str
    face_ids: tuple[str, ...]
    chosen: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class AuditLine(Record):
    """A line of the audit. outcome: ok, unchanged, or the code of the error."""

    number: int
    at: datetime
    actor: str
    action: str
    outcome: str
    collection: str | None
    objects: tuple[str, ...]
    object_count: int
    request_id: str | None
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, kw_only=True)
class OtherSpace(Record):
    """Embeddings beside those that are searched."""

    model: str
    pipeline_version: int
    state: str
    embedded: int
    missing: int


@dataclass(frozen=True, kw_only=True)
class MissingFace(Record):
    """A face that cannot be embedded again, and why."""

    face_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Reembedding(Record):
    """Where the re-embedding of a collection stands. missing: the first of them; `reembedding.missing` gives all."""

    collection: str
    model: str
    pipeline_version: int
    other: OtherSpace | None
    job: Job | None
    missing: tuple[MissingFace, ...]
    next_cursor: str | None
