"""The key of an erasure ledger, in a file beside it: by it alone a line can be compared with who is enrolled."""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b
from pathlib import Path

from vultus.errors import StorageFailed
from vultus.files import PRIVATE, read_regular, write_whole

SUFFIX = ".key"
KEY_BYTES = 32
HASH_BYTES = 16
_ID_BYTES = 8


class LedgerKey:
    """Hashes what a ledger names: keyed BLAKE2b (RFC 7693), of 16 bytes, in hexadecimal."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = blake2b(b"id", key=key, digest_size=_ID_BYTES).hexdigest()

    def hash(self, *values: str) -> str:
        """The hash of these texts in this order, of which no other texts give the same."""
        data = repr(values).encode("utf-8", "surrogatepass")
        return blake2b(data, key=self._key, digest_size=HASH_BYTES).hexdigest()


def key_file_of(ledger: Path) -> Path:
    """The file of a ledger's key."""
    return ledger.with_name(ledger.name + SUFFIX)


def read_or_make_key(ledger: Path, *, may_make: bool) -> LedgerKey:
    """The key of a ledger, whose lock the caller holds; made where it is missing and may be.

    Raises StorageFailed, when it is missing or is none; OSError.
    """
    file = key_file_of(ledger)
    if may_make and not file.exists():
        write_whole(file, f"{secrets.token_hex(KEY_BYTES)}\n".encode("ascii"), mode=PRIVATE)
    try:
        text = read_regular(file).decode("ascii", "replace").strip()
    except FileNotFoundError:
        raise StorageFailed(
            f"the key of the erasure ledger, {file}, is missing, so nobody can say whom it names; put it back"
        ) from None
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise StorageFailed(f"{file} holds no key, which is 64 hexadecimal digits; put the key of the ledger back")
    return LedgerKey(bytes.fromhex(text))
