"""The secrets of AWS access keys, encrypted by the installation key: who checks a signature needs the secret itself.

AES-256-GCM (NIST SP 800-38D): a nonce of 12 random bytes, then the text and its tag. The ids of both keys are
authenticated with it, so that a secret cannot be put beside another id.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Select, bindparam, insert, select

from vultus.errors import InstallationKeyMissing, InvalidApiKey, InvalidRequest
from vultus.files import make_folders
from vultus.installation_key import InstallationKey
from vultus.storage import tables as t
from vultus.storage.sealing.seals import require_sound, sound

_PURPOSE = b"secrets of access keys"
_NONCE_BYTES = 12


def store_secret(
    connection: Connection, installation_key: InstallationKey, access_key_id: str, key_id: str, secret: str
) -> None:
    """Add the secret of an access key. Raises: InvalidRequest, when the access key is registered already."""
    known = connection.execute(_key_ids(), {"access_key_id": access_key_id}).scalar_one_or_none()
    if known is not None:
        raise InvalidRequest(f"this access key is registered already, as key {known}; revoke that, or send another")
    make_folders(installation_key.path.parent)
    installation_key.make()  # PostgreSQL's rows have no seals, and there may be no key yet
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _cipher(installation_key).encrypt(nonce, secret.encode("utf-8"), _bound_to(access_key_id, key_id))
    row = {"access_key_id": access_key_id, "key_id": key_id, "secret": nonce + sealed}
    connection.execute(insert(t.aws_secrets).values(row))


def read_secret(connection: Connection, installation_key: InstallationKey, access_key_id: str) -> tuple[str, str]:
    """The id of the key with this access key id, and its secret.

    Raises: InvalidApiKey, when it is unknown or was encrypted by another installation key; SealBroken.
    """
    secrets = t.aws_secrets
    statement = select(secrets.c.key_id, secrets.c.secret, sound(secrets).label("sound"))
    row = connection.execute(statement.where(secrets.c.access_key_id == access_key_id)).one_or_none()
    if row is None:
        raise InvalidApiKey("the access key is unknown; check it for typing errors, or register it: vultus keys import")
    require_sound(row.sound, f"the stored secret of key {row.key_id}")
    try:
        return row.key_id, _decrypted(installation_key, row.secret, _bound_to(access_key_id, row.key_id))
    except (InvalidTag, InstallationKeyMissing) as exc:
        raise InvalidApiKey(
            f"the secret of key {row.key_id} was encrypted by another installation key; put that back, or revoke the "
            "key and register the access key again: vultus keys import"
        ) from exc


def unreadable_secrets(connection: Connection, installation_key: InstallationKey) -> list[str]:
    """The ids of the keys whose secret this installation key does not decrypt."""
    rows = connection.execute(select(t.aws_secrets.c.access_key_id, t.aws_secrets.c.key_id, t.aws_secrets.c.secret))
    return [row.key_id for row in rows if not _is_readable(installation_key, *row)]


def _is_readable(installation_key: InstallationKey, access_key_id: str, key_id: str, secret: bytes) -> bool:
    try:
        _decrypted(installation_key, secret, _bound_to(access_key_id, key_id))
    except (InvalidTag, InstallationKeyMissing):
        return False
    return True


def _decrypted(installation_key: InstallationKey, stored: bytes, bound_to: bytes) -> str:
    text = _cipher(installation_key).decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], bound_to)
    return text.decode("utf-8")


def _cipher(installation_key: InstallationKey) -> AESGCM:
    return AESGCM(installation_key.derived(_PURPOSE))


def _bound_to(access_key_id: str, key_id: str) -> bytes:
    return f"{access_key_id}\n{key_id}".encode()


def _key_ids() -> Select[tuple[str]]:
    return select(t.aws_secrets.c.key_id).where(t.aws_secrets.c.access_key_id == bindparam("access_key_id"))
