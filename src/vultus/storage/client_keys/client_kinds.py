"""The kinds of keys that clients of other services send: what one looks like, and what follows it in a rotation."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from vultus.errors import InvalidRequest
from vultus.records.stored import KeyKind, Scope

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TOKEN = re.compile(r"[\x21-\x7e]{16,256}")
_AWS_SECRET = re.compile(r"[A-Za-z0-9/+=]{16,128}")
ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9_]{16,128}")
NATIVE_PREFIX = "vk_"
SECRET_BYTES = 32


@dataclass(frozen=True)
class ClientKind:
    """One kind. shape, pattern: of its secret. scopes: for what its service allows with such a key."""

    shape: str
    pattern: re.Pattern[str]
    scopes: tuple[Scope, ...]


CLIENT_KINDS: Mapping[KeyKind, ClientKind] = {
    "compreface-recognition": ClientKind(
        "a UUID, like 123e4567-e89b-12d3-a456-426614174000",
        UUID,
        ("enroll", "verify", "find", "represent", "read", "erase"),
    ),
    "compreface-detection": ClientKind("a UUID, like 123e4567-e89b-12d3-a456-426614174000", UUID, ("represent",)),
    "compreface-verification": ClientKind(
        "a UUID, like 123e4567-e89b-12d3-a456-426614174000", UUID, ("verify", "represent")
    ),
    "deepface": ClientKind(
        "16 to 256 visible ASCII characters", _TOKEN, ("enroll", "verify", "find", "represent", "read", "erase")
    ),
    "aws": ClientKind(
        "16 to 128 of A-Z, a-z, 0-9, / + and =",
        _AWS_SECRET,
        ("enroll", "verify", "find", "represent", "read", "erase"),
    ),
}


def check_secret(kind: KeyKind, secret: str) -> str:
    """The secret as it is stored: a UUID in lower case. Raises: InvalidRequest, which does not repeat it."""
    known = CLIENT_KINDS[kind]
    if not known.pattern.fullmatch(secret):
        raise InvalidRequest(f"a key of kind {kind} is {known.shape}; the one given has {len(secret)} characters")
    return secret.lower() if known.pattern is UUID else secret


def check_access_key_id(access_key_id: str) -> str:
    """Raises: InvalidRequest."""
    if not ACCESS_KEY_ID.fullmatch(access_key_id):
        raise InvalidRequest("an access key id is 16 to 128 letters, digits and _, like AKIAIOSFODNN7EXAMPLE")
    return access_key_id


def new_secret(kind: KeyKind) -> str:
    """A secret of the shape that the clients of this kind accept."""
    return str(uuid4()) if kind.startswith("compreface-") else NATIVE_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
