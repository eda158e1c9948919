"""What psycopg raises, as our errors: by SQLSTATE, or, where a connection could not be made, by the server's sentence.

None of our sentences quotes the driver's, nor is it chained: it quotes the values of a row. PostgreSQL logs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from vultus.errors import InvalidRequest, SettingsInvalid, StorageFailed, StorageUnavailable, VultusError

RETRY_SECONDS = 5.0
URL = "VULTUS_DATABASE_URL"
AWAY = f"the database does not answer; see that PostgreSQL runs and that {URL} names its host and port"
LOST = "the connection to the database was lost, so whether the change was stored is not known; send it again"

# By the beginning of the SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
_UNAVAILABLE = {
    "40": "other writes were in the way; try again",
    "53300": "the database has no connection left; raise max_connections of PostgreSQL, or run fewer processes",
    "55P03": "other writes took too long; try again",
    "57014": "the database took too long over a statement, so it was stopped; try again",
    "57P": LOST,
    "25P03": LOST,
    "08": LOST,
    "25006": "the database is read-only, as a standby is: nothing was stored; name the primary, or promote this one",
}
_FAILED = {
    "53100": "the disk of the database is full: nothing was stored; free some space and try again",
    "53": "the database lacks memory or another resource: nothing was stored; see PostgreSQL's log",
    "42501": "the user of the database may not do this; let it own the schema, or grant it the rights",
    "42P01": "the database has no tables of Vultus yet, or not all; start the server once",
    "58": "PostgreSQL failed to read or write its files; see its log and check the disk",
    "XX": "PostgreSQL found its data damaged; see its log and restore a backup",
}
# By what the server or libpq says where no connection was made. Each: settings that cannot work, so a start is refused.
_REFUSED = (
    (r"password authentication failed|no password supplied", f"the database refused the password; correct it in {URL}"),
    (r'database ".*" does not exist', f"there is no such database on the server; make it, or correct it in {URL}"),
    (r'role ".*" does not exist', f"the database server knows no such user; make it, or correct it in {URL}"),
    (r"no pg_hba.conf entry", "the database server lets this user in from here by no rule; add one to its pg_hba.conf"),
    (
        r"could not translate host name|failed to resolve host",
        f"the host of the database is unknown; correct it in {URL}",
    ),
    (r"server does not support SSL", f"the database server does not speak TLS; turn it on there, or off in {URL}"),
    (r"certificate verify failed", f"the certificate of the database server is not trusted; see sslrootcert in {URL}"),
    (r"permission denied for database", f"the user of the database may not connect to it; grant it, or correct {URL}"),
    (r"invalid (connection option|.* value)|invalid port number", f"an option in {URL} is not one of PostgreSQL's"),
)
_REFUSED_FOR_NOW = (
    (r"too many clients|remaining connection slots|too many connections", _UNAVAILABLE["53300"]),
    (r"session is read-only|server is in hot standby", _UNAVAILABLE["25006"]),
    (
        r"the database system is (starting up|shutting down|in recovery|not accepting)",
        "the database is starting or stopping",
    ),
)


@contextmanager
def driver_errors() -> Iterator[None]:
    """Raise ours in place of those of the driver and of SQLAlchemy."""
    try:
        yield
    except UnicodeEncodeError:  # its own message quotes the text, so it is not chained
        raise InvalidRequest("an id or a name holds a lone surrogate, which is no Unicode text; remove it") from None
    except PoolTimeout as exc:
        raise StorageUnavailable("all database connections of this process stayed in use; try again") from exc
    except DBAPIError as exc:
        raise _ours(exc.orig) from None
    except psycopg.Error as exc:
        raise _ours(exc) from None
    except StatementError as exc:  # SQLAlchemy wraps what a column type of `tables.py` raises
        if isinstance(exc.orig, UnicodeEncodeError):
            raise InvalidRequest(
                "an id or a name holds a lone surrogate, which is no Unicode text; remove it"
            ) from None
        if isinstance(exc.orig, VultusError):
            raise exc.orig from None
        raise


def _ours(exc: BaseException | None) -> VultusError:
    state, said = getattr(exc, "sqlstate", None), str(exc)
    if state is None:
        return _without_state(exc, said)
    if "audit is append-only" in said:
        return StorageFailed("the audit is append-only: nothing was changed")
    for beginning, sentence in _UNAVAILABLE.items():
        if state.startswith(beginning):
            return StorageUnavailable(sentence, RETRY_SECONDS)
    for beginning, sentence in _FAILED.items():
        if state.startswith(beginning):
            return StorageFailed(sentence)
    return StorageFailed(f"the database refused (SQLSTATE {state}); see the log of PostgreSQL")


def _without_state(exc: BaseException | None, said: str) -> VultusError:
    """Of an error before the server answered, after it was gone, or of a value that the driver cannot send."""
    if isinstance(exc, psycopg.DataError):
        return InvalidRequest("an id or a name holds the character NUL, which the database cannot store; remove it")
    refusals = [_refusal(one) for one in _attempts(said)]
    if refusals[0] is not None and None not in refusals:
        return SettingsInvalid(refusals[0])
    for pattern, sentence in _REFUSED_FOR_NOW:
        if re.search(pattern, said):
            return StorageUnavailable(sentence, RETRY_SECONDS)
    if isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError):
        return StorageUnavailable(AWAY, RETRY_SECONDS)
    return StorageFailed(f"the database refused ({type(exc).__name__}); see the log of PostgreSQL")


def _attempts(said: str) -> list[str]:
    """What is said of each host; psycopg tries those of a URL one after the other."""
    return said.split("\n- ")[1:] or [said]


def _refusal(said: str) -> str | None:
    """The sentence for an attempt that cannot succeed with these settings; None: it may succeed later."""
    if "Temporary failure in name resolution" in said:
        return None
    return next((sentence for pattern, sentence in _REFUSED if re.search(pattern, said)), None)
