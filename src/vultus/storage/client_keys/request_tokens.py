"""Request tokens: a caller's own id of a change, by which the same request sent again is known.

Only digests are stored, with the key of the caller in them, and only for a day: neither what was asked for nor for whom
can be read from them, and tokens of two keys never meet.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select

from vultus.storage import tables as t
from vultus.storage.database import Database

KEPT_FOR = timedelta(hours=24)


class RequestTokens:
    """Remembers the tokens of requests that were done. May raise StorageFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, caller: str, token: str, now: datetime) -> str | None:
        """The digest of the request that was done under this token, as `digest` makes it; None: there was none."""
        c = t.request_tokens.c
        statement = select(c.request_sha256).where(c.token_sha256 == digest(caller, token), c.at > now - KEPT_FOR)
        with self._database.reading(once=True) as connection:
            return connection.execute(statement).scalar_one_or_none()

    def add(self, caller: str, token: str, request_sha256: str, now: datetime) -> None:
        """Remember that a request was done; those of which the time is over are removed."""
        row = {"token_sha256": digest(caller, token), "request_sha256": request_sha256, "at": now}
        c = t.request_tokens.c
        with self._database.writing() as connection:
            connection.execute(delete(t.request_tokens).where(c.at <= now - KEPT_FOR))
            connection.execute(delete(t.request_tokens).where(c.token_sha256 == row["token_sha256"]))
            connection.execute(insert(t.request_tokens).values(row))


def digest(*parts: str) -> str:
    """The sha256 of texts, 64 hex digits; no other texts have it."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
