"""Keys, the audit and re-embedding, for admins; and how the service is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vultus_client.request import (
    Call,
    Defaults,
    Page,
    body_of,
    list_of,
    object_of,
    page_of,
    path_of,
    query_of,
    record_of,
    text_of,
)
from vultus_client.results.administration import (
    AuditLine,
    Health,
    Key,
    MissingFace,
    NewKey,
    Reembedding,
    RotatedKey,
)
from vultus_client.results.jobs import Job
from vultus_client.results.status import Status


def health(defaults: Defaults) -> Call[Health]:
    """Whether the process answers. Needs no key."""
    return Call(method="GET", path="/health", read=record_of(Health))


def readiness(defaults: Defaults) -> Call[Health]:
    """Whether requests will be served; raises NotReady when not. Needs no key."""
    return Call(method="GET", path="/readiness", read=record_of(Health))


def status(defaults: Defaults) -> Call[Status]:
    """How the service is, in words and numbers; without a key only whether it is ready."""
    return Call(method="GET", path="/status", read=record_of(Status))


def capabilities(defaults: Defaults) -> Call[Mapping[str, Any]]:
    """The models and detectors that are served, the defaults, and the limits, also of bulk jobs. Needs no key."""
    return Call(method="GET", path="/capabilities", read=object_of)


def metrics(defaults: Defaults) -> Call[str]:
    """The text for Prometheus. Needs the scope `metrics`."""
    return Call(method="GET", path="/metrics", read=text_of)


def list_keys(defaults: Defaults) -> Call[tuple[Key, ...]]:
    """All keys, revoked ones too; never the secrets."""
    return Call(method="GET", path="/keys", read=list_of(Key, "keys"))


def own_key(defaults: Defaults) -> Call[Key]:
    """The key of this client: its scopes, collections and limits. Any key may ask."""
    return Call(method="GET", path="/keys/self", read=record_of(Key))


def create_key(
    defaults: Defaults,
    name: str,
    *,
    scopes: Sequence[str],
    collections: Sequence[str] | None = None,
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
) -> Call[NewKey]:
    """Make a key, not of scope admin. `key` of the result is the only place where it is ever shown."""
    body = body_of(
        name=name,
        scopes=list(scopes),
        collections=None if collections is None else list(collections),
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
    )
    return Call(method="POST", path="/keys", read=record_of(NewKey), body=body, repeatable=False)


def revoke_key(defaults: Defaults, key_id: str) -> Call[Key]:
    """Revoke a key: from now on it is refused."""
    return Call(method="DELETE", path=path_of("keys", key_id), read=record_of(Key), repeatable=False)


def rotate_key(defaults: Defaults, key_id: str, *, overlap_minutes: int | None = None) -> Call[RotatedKey]:
    """Give a key a new secret. The old one works until the overlap ends (60 minutes by default)."""
    path, body = f"{path_of('keys', key_id)}/rotate", body_of(overlap_minutes=overlap_minutes)
    return Call(method="POST", path=path, read=record_of(RotatedKey), body=body, repeatable=False)


def audit_lines(
    defaults: Defaults,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    key: str | None = None,
    action: str | None = None,
    collection: str | None = None,
    outcome: str | None = None,
    decision: str | None = None,
    request_id: str | None = None,
    face_id: str | None = None,
    subject: str | None = None,
    page_size: int | None = None,
) -> Call[Page[AuditLine]]:
    """The lines of the audit, newest first. key: the id of one. Moments have a time zone."""
    query = query_of(
        since=since,
        until=until,
        key=key,
        action=action,
        collection=collection or (defaults.collection if subject is not None else None),
        outcome=outcome,
        decision=decision,
        request_id=request_id,
        face_id=face_id,
        subject=subject,
        limit=page_size,
    )
    return Call(method="GET", path="/audit", read=page_of(AuditLine, "lines"), query=query)


def audit_csv(
    defaults: Defaults,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    key: str | None = None,
    action: str | None = None,
    collection: str | None = None,
    outcome: str | None = None,
    decision: str | None = None,
    request_id: str | None = None,
    face_id: str | None = None,
    subject: str | None = None,
    limit: int | None = None,
) -> Call[str]:
    """The newest lines of the audit as CSV, with a line of the column names first.

    limit: of lines, 10,000 at most and by default; for older ones ask until= the moment of the last.
    """
    query = query_of(
        since=since,
        until=until,
        key=key,
        action=action,
        collection=collection or (defaults.collection if subject is not None else None),
        outcome=outcome,
        decision=decision,
        request_id=request_id,
        face_id=face_id,
        subject=subject,
        limit=limit,
        format="csv",
    )
    return Call(method="GET", path="/audit", read=text_of, query=query)


def start_reembedding(
    defaults: Defaults, *, collection: str | None = None, model: str | None = None, drop_missing: bool | None = None
) -> Call[Job]:
    """Queue the re-embedding of a collection by another model, or by the newest version of its own."""
    path, body = _reembed(defaults, collection), body_of(model=model, drop_missing=drop_missing)
    return Call(method="POST", path=path, read=record_of(Job), body=body, repeatable=False)


def get_reembedding(defaults: Defaults, *, collection: str | None = None) -> Call[Reembedding]:
    """Where the re-embedding of a collection stands."""
    return Call(method="GET", path=_reembed(defaults, collection), read=record_of(Reembedding))


def missing_faces(
    defaults: Defaults, *, collection: str | None = None, page_size: int | None = None
) -> Call[Page[MissingFace]]:
    """The faces that cannot be embedded again, or that were left out, each with its reason."""
    read, query = page_of(MissingFace, "missing"), query_of(limit=page_size)
    return Call(method="GET", path=_reembed(defaults, collection), read=read, query=query)


def finish_reembedding(defaults: Defaults, *, collection: str | None = None) -> Call[Reembedding]:
    """Erase the former embeddings after the switch; there is no way back then."""
    path = f"{_reembed(defaults, collection)}/finish"
    return Call(method="POST", path=path, read=record_of(Reembedding), repeatable=False)


def abandon_reembedding(defaults: Defaults, *, collection: str | None = None) -> Call[Reembedding]:
    """Give it up before the switch; after it, go back to the former embeddings by a job."""
    path = f"{_reembed(defaults, collection)}/abandon"
    return Call(method="POST", path=path, read=record_of(Reembedding), repeatable=False)


def _reembed(defaults: Defaults, collection: str | None) -> str:
    return f"{path_of('collections', defaults.collection if collection is None else collection)}/reembed"
