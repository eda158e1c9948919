"""KeyStore: API keys, stored only as hashes and read from the database at each use.

A key is an id with grants. Its secret can be replaced (rotated), and the old one goes on working for an overlap.
Nothing is cached: a revocation, a rotation and an expiry hold from the next request on, in every process.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, exists, insert, null, select, update

from vultus.errors import InvalidApiKey, InvalidRequest, NotFound, VultusError
from vultus.identifiers import ADMIN_BY_COMMAND
from vultus.records.stored import SCOPES, ApiKey, KeyKind, KeyRotation, Scope
from vultus.storage import tables as t
from vultus.storage.audit import Act, record
from vultus.storage.client_keys.aws_secrets import read_secret, store_secret
from vultus.storage.client_keys.client_kinds import NATIVE_PREFIX, check_access_key_id, check_secret, new_secret
from vultus.storage.collections import quoted, require_storable
from vultus.storage.database import CountRequest, Database
from vultus.storage.sealing.seals import require_sound, sound

AWS_ROTATION = (
    "the clients of an AWS access key hold its id too, so it is replaced by another: register the new one by "
    "vultus keys import aws, give it to the clients, and then: "
)
_ANY = select(exists().select_from(t.api_keys))
TOUCH_EVERY = timedelta(minutes=1)  # one write a minute and key at most, not one a request


class KeyStore:
    """Every method is one transaction and may raise StorageFailed. Moments (`now`, `expires_at`) are aware."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._act: Act | None = None

    def acting_as(self, act: Act) -> KeyStore:
        """The same keys for one actor: each change adds an audit line in the same transaction."""
        acting = copy(self)
        acting._act = act
        return acting

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
        returned as it is. Raises: InvalidRequest.
        """
        _require_valid(scopes, expires_at, requests_per_minute)
        secret = secret if secret is not None else new_secret("native")
        values = _new_row(name, scopes, secret)
        values["collections"] = None if collections is None else json.dumps(sorted(set(collections)))
        values |= {"expires_at": expires_at, "requests_per_minute": requests_per_minute}
        with self._database.writing() as connection:
            return _api_key(self._insert(connection, values)), secret

    def create_first(self, name: str, scopes: Sequence[Scope], *, secret: str | None = None) -> str | None:
        """As `create`, unless there ever was a key: then None. Of several servers that start at once, one makes it."""
        _require_valid(scopes, None, None)
        secret = secret if secret is not None else new_secret("native")
        with self._database.writing() as connection:
            if connection.execute(_ANY).scalar_one():
                return None
            self._insert(connection, _new_row(name, scopes, secret))
        return secret

    def register(
        self,
        kind: KeyKind,
        name: str,
        secret: str,
        scopes: Sequence[Scope],
        *,
        access_key_id: str | None = None,
        collections: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        requests_per_minute: int | None = None,
    ) -> ApiKey:
        """The new key for a secret that clients of another service have already.

        access_key_id: of kind aws, whose secret is stored encrypted and opens nothing by itself; all others are stored
        as hashes. Raises: InvalidRequest, also when the secret or the access key is registered already.
        """
        _require_valid(scopes, expires_at, requests_per_minute)
        secret = check_secret(kind, secret)
        values = _new_row(name, scopes, new_secret("native") if kind == "aws" else secret)
        values["collections"] = None if collections is None else json.dumps(sorted(set(collections)))
        values |= {"expires_at": expires_at, "requests_per_minute": requests_per_minute, "kind": kind}
        with self._database.writing() as connection:
            known = _presented(connection, values["secret_sha256"])
            if known is not None:
                raise InvalidRequest(
                    f"this secret is registered already, as key {known.id}; revoke that, or send another"
                )
            row = self._insert(connection, values)
            if kind == "aws":
                access_key_id = check_access_key_id(access_key_id or "")
                store_secret(connection, self._database.installation_key, access_key_id, row.id, secret)
        return _api_key(row)

    def secret_of(self, access_key_id: str, now: datetime) -> tuple[ApiKey, str]:
        """The key of an access key id and its secret, by which a signature is checked. A native key is its own secret.

        Raises: InvalidApiKey, when it is unknown, revoked, expired, or its secret cannot be decrypted; SealBroken.
        """
        if access_key_id.startswith(NATIVE_PREFIX):
            return self.authenticate(access_key_id, now), access_key_id
        with self._database.reading(once=True) as connection:
            key_id, secret = read_secret(connection, self._database.installation_key, access_key_id)
            row = connection.execute(_BY_ID, {"key_id": key_id}).one()
        require_sound(row.sound, f"the stored row of API key {row.id}")
        _require_alive(row, now, InvalidApiKey)
        return _api_key(row), secret

    def _insert(self, connection: Connection, values: dict[str, Any]) -> Row[Any]:
        """The row of the new key, or the one that has its secret already."""
        row = _presented(connection, values["secret_sha256"])
        if row is None:
            row = connection.execute(insert(t.api_keys).values(values).returning(t.api_keys)).one()
            record(connection, self._act, "key.create", objects=[row.id])
        return row

    def authenticate(self, secret: str, now: datetime) -> ApiKey:
        """The key of a secret.

        Raises: InvalidApiKey, when it is unknown, revoked or expired; SealBroken, when its row was changed.
        """
        digest = _sha256(secret)
        with self._database.reading(once=True) as connection:  # present secrets first: a rotation makes them former
            row = _presented(connection, digest)
        if row is not None:
            require_sound(row.sound, f"the stored row of API key {row.id}")
        if row is None or not hmac.compare_digest(row.presented_sha256, digest):
            raise InvalidApiKey("the API key is unknown; check it for typing errors, or ask for a new one")
        _require_alive(row, now, InvalidApiKey)
        if row.works_until is not None and row.works_until <= now:
            raise InvalidApiKey(
                f"the API key was replaced, and the old one ended at {_shown(row.works_until)}; use the new"
            )
        return _api_key(row)

    def keys(self) -> tuple[ApiKey, ...]:
        """All keys, oldest first, the revoked and expired ones too."""
        with self._database.reading() as connection:
            rows = connection.execute(select(t.api_keys).order_by(t.api_keys.c.created_at, t.api_keys.c.id))
            return tuple(_api_key(row) for row in rows)

    def any(self) -> bool:
        """Whether a key was ever made."""
        with self._database.reading(once=True) as connection:
            return bool(connection.execute(_ANY).scalar_one())

    def revoke(self, key_id: str) -> ApiKey:
        """Refuse the key from now on, in every process; a second time changes nothing. Raises: NotFound."""
        c = t.api_keys.c
        with self._database.writing() as connection:
            statement = update(t.api_keys).where(c.id == key_id, c.revoked_at.is_(None))
            revoked = connection.execute(statement.values(revoked_at=datetime.now(UTC))).rowcount
            row = _known(connection, key_id)
            if revoked:
                connection.execute(delete(t.aws_secrets).where(t.aws_secrets.c.key_id == key_id))
                record(connection, self._act, "key.revoke", objects=[key_id])
        return _api_key(row)

    def rotate(self, key_id: str, *, overlap: timedelta, admin_too: bool = True) -> KeyRotation:
        """A new secret for the same key; the old one works until the overlap ends, unless the key itself ends before.

        admin_too: whether the secret of an admin key may be replaced here.
        Raises: NotFound; InvalidRequest, when the key is revoked, expired or not to be rotated here.
        """
        now, c = datetime.now(UTC), t.api_keys.c
        with self._database.writing() as connection:
            row = _known(connection, key_id)
            _require_alive(row, now, InvalidRequest)
            if row.kind == "aws":
                raise InvalidRequest(f"{AWS_ROTATION}vultus keys revoke {key_id}")
            secret = new_secret(row.kind or "native")
            if "admin" in json.loads(row.scopes) and not admin_too:
                raise InvalidRequest(f"{ADMIN_BY_COMMAND}vultus keys rotate {key_id}")
            old = {"secret_sha256": row.secret_sha256, "key_id": key_id, "works_until": now + overlap}
            connection.execute(insert(t.replaced_secrets).values(old))
            connection.execute(update(t.api_keys).where(c.id == key_id).values(secret_sha256=_sha256(secret)))
            record(connection, self._act, "key.rotate", objects=[key_id])
        return KeyRotation(_api_key(row), secret, now + overlap)

    @property
    def count_request(self) -> CountRequest | None:
        """Counts a request of a key for all servers of the database; None: the server counts by itself."""
        return self._database.count_request

    def touch(self, key_id: str, now: datetime) -> None:
        """Store when the key was used, at most once a minute per key. A clock set back is followed."""
        c = t.api_keys.c
        stale = c.last_used_at.is_(None) | (c.last_used_at <= now - TOUCH_EVERY) | (c.last_used_at > now)
        # Asked first without the write lock, and again in the UPDATE: another request may have stored it meanwhile.
        with self._database.reading() as connection:
            due = _row(connection, (c.id == key_id) & stale) is not None
        if due:
            with self._database.adding() as connection:
                connection.execute(update(t.api_keys).where(c.id == key_id, stale).values(last_used_at=now))


def _require_valid(scopes: Sequence[Scope], expires_at: datetime | None, requests_per_minute: int | None) -> None:
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InvalidRequest(f"a key needs scopes out of {', '.join(SCOPES)}; unknown: {quoted(', '.join(unknown))}")
    if expires_at is not None and expires_at.tzinfo is None:
        raise InvalidRequest("expires_at has no time zone; write it like 2027-01-31T00:00:00Z")
    if requests_per_minute is not None and not 0 < requests_per_minute < 2**31:
        raise InvalidRequest(f"requests_per_minute is {requests_per_minute}; it must be between 1 and 2147483647")


def _require_alive(row: Row[Any], now: datetime, refusal: type[VultusError]) -> None:
    if row.revoked_at is not None:
        raise refusal(f"the API key was revoked at {_shown(row.revoked_at)}; ask for a new one")
    if row.expires_at is not None and row.expires_at <= now:
        raise refusal(f"the API key expired at {_shown(row.expires_at)}; ask for a new one")


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _new_row(name: str, scopes: Sequence[Scope], secret: str) -> dict[str, Any]:
    require_storable(name)
    return {
        "id": uuid4().hex,
        "name": name,
        "secret_sha256": _sha256(secret),
        "scopes": json.dumps([scope for scope in SCOPES if scope in scopes]),
        "created_at": datetime.now(UTC),
    }


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _row(connection: Connection, condition: ColumnElement[bool]) -> Row[Any] | None:
    return connection.execute(select(t.api_keys).where(condition)).one_or_none()


def _known(connection: Connection, key_id: str) -> Row[Any]:
    row = _row(connection, t.api_keys.c.id == key_id)
    if row is None:
        raise NotFound(f"there is no API key with the id {quoted(key_id)}; list the keys there are")
    return row


def _presented(connection: Connection, digest: str) -> Row[Any] | None:
    """The key of a secret, with `presented_sha256` and `works_until`, which is None for its present secret."""
    row = connection.execute(_BY_PRESENT_SECRET, {"digest": digest}).one_or_none()
    return row if row is not None else connection.execute(_BY_REPLACED_SECRET, {"digest": digest}).one_or_none()


def _by_present_secret() -> Select[Any]:
    key = t.api_keys
    presented = key.c.secret_sha256.label("presented_sha256"), null().label("works_until")
    found = select(key, *presented, sound(key).label("sound"))
    return found.where(key.c.secret_sha256 == bindparam("digest"))


def _by_replaced_secret() -> Select[Any]:
    key, old = t.api_keys, t.replaced_secrets
    presented = old.c.secret_sha256.label("presented_sha256"), old.c.works_until
    found = select(key, *presented, (sound(key) & sound(old)).label("sound")).join(old)
    return found.where(old.c.secret_sha256 == bindparam("digest"))


def _by_id() -> Select[Any]:
    return select(t.api_keys, sound(t.api_keys).label("sound")).where(t.api_keys.c.id == bindparam("key_id"))


# Run by every request, so made once: to put one together takes as long as to run it.
_BY_PRESENT_SECRET, _BY_REPLACED_SECRET, _BY_ID = _by_present_secret(), _by_replaced_secret(), _by_id()


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
        kind=row.kind or "native",
    )
