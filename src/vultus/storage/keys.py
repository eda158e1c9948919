"""KeyStore: API keys, remembered only as hashes and read from the database each time they are shown."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, Row, exists, insert, select, update

from vultus.errors import InvalidApiKey, InvalidRequest, NotFound
from vultus.records import SCOPES, ApiKey, Scope
from vultus.storage import tables as t
from vultus.storage.collections import shown
from vultus.storage.database import reading, writing

SECRET_BYTES = 32
TOUCH_EVERY = timedelta(minutes=1)


class KeyStore:
    """Every method is one transaction and may raise StorageFailed. Moments (`now`, `expires_at`) are aware."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        name: str,
        scopes: Sequence[Scope],
        *,
        collections: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        requests_per_minute: int | None = None,
        secret: str | None = None,
    ) -> tuple[ApiKey, str]:
        """The new key and its secret, which is not stored and cannot be shown again.

        collections: None means all. secret: one chosen by the operator; when it is stored already, that key is
        answered as it is. Raises: InvalidRequest.
        """
        _require_valid(scopes, expires_at, requests_per_minute)
        secret = secret if secret is not None else "vk_" + secrets.token_urlsafe(SECRET_BYTES)
        values = {
            "id": uuid4().hex,
            "name": name,
            "secret_sha256": _sha256(secret),
            "scopes": json.dumps([scope for scope in SCOPES if scope in scopes]),
            "collections": None if collections is None else json.dumps(sorted(set(collections))),
            "created_at": datetime.now(UTC),
            "expires_at": expires_at,
            "requests_per_minute": requests_per_minute,
        }
        with writing(self._engine) as connection:
            row = _row(connection, t.api_keys.c.secret_sha256 == values["secret_sha256"])
            if row is None:
                row = connection.execute(insert(t.api_keys).values(values).returning(t.api_keys)).one()
        return _api_key(row), secret

    def authenticate(self, secret: str, now: datetime) -> ApiKey:
        """The key of a secret. Raises: InvalidApiKey, when it is unknown, revoked or expired."""
        digest = _sha256(secret)
        with reading(self._engine) as connection:
            row = _row(connection, t.api_keys.c.secret_sha256 == digest)
        if row is None or not hmac.compare_digest(row.secret_sha256, digest):
            raise InvalidApiKey("the API key is unknown; check it for typing errors, or ask for a new one")
        if row.revoked_at is not None:
            raise InvalidApiKey(f"the API key was revoked at {row.revoked_at:%Y-%m-%d %H:%M} UTC; ask for a new one")
        if row.expires_at is not None and row.expires_at <= now:
            raise InvalidApiKey(f"the API key expired at {row.expires_at:%Y-%m-%d %H:%M} UTC; ask for a new one")
        return _api_key(row)

    def keys(self) -> tuple[ApiKey, ...]:
        """All keys, oldest first, the revoked and expired ones too."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(t.api_keys).order_by(t.api_keys.c.created_at, t.api_keys.c.id))
            return tuple(_api_key(row) for row in rows)

    def any(self) -> bool:
        """Whether a key was ever made."""
        with reading(self._engine) as connection:
            return bool(connection.execute(select(exists().select_from(t.api_keys))).scalar_one())

    def revoke(self, key_id: str) -> ApiKey:
        """Refuse the key from now on, in every process; a second time changes nothing. Raises: NotFound."""
        c = t.api_keys.c
        with writing(self._engine) as connection:
            statement = update(t.api_keys).where(c.id == key_id, c.revoked_at.is_(None))
            connection.execute(statement.values(revoked_at=datetime.now(UTC)))
            row = _row(connection, c.id == key_id)
        if row is None:
            raise NotFound(f"there is no API key with the id {shown(key_id)}; list the keys there are")
        return _api_key(row)

    def touch(self, key_id: str, now: datetime) -> None:
        """Remember that the key was used; written at most once a minute per key."""
        c = t.api_keys.c
        stale = c.last_used_at.is_(None) | (c.last_used_at <= now - TOUCH_EVERY)
        with reading(self._engine) as connection:
            due = _row(connection, (c.id == key_id) & stale) is not None
        if due:
            with writing(self._engine) as connection:
                connection.execute(update(t.api_keys).where(c.id == key_id, stale).values(last_used_at=now))


def _require_valid(scopes: Sequence[Scope], expires_at: datetime | None, requests_per_minute: int | None) -> None:
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InvalidRequest(f"a key needs scopes out of {', '.join(SCOPES)}; unknown: {shown(', '.join(unknown))}")
    if expires_at is not None and expires_at.tzinfo is None:
        raise InvalidRequest("expires_at has no time zone; write it like 2027-01-31T00:00:00Z")
    if requests_per_minute is not None and not 0 < requests_per_minute < 2**31:
        raise InvalidRequest(f"requests_per_minute is {requests_per_minute}; it must be between 1 and 2147483647")


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _row(connection: Connection, condition: ColumnElement[bool]) -> Row[Any] | None:
    return connection.execute(select(t.api_keys).where(condition)).one_or_none()


def _api_key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=tuple(json.loads(row.scopes)),
        collections=None if row.collections is None else tuple(json.loads(row.collections)),
        created_at=row.created_at,
        expires_at=row.expires_at,
        requests_per_minute=row.requests_per_minute,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
