"""The installation key: a secret in a file of this installation, by which stored rows and model files are sealed.

A seal is a keyed BLAKE2b (RFC 7693) of a row: whoever changes the row without the key, and every flipped bit, shows. It
does not show that a row was removed, or put back as it was earlier.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from vultus.errors import InstallationKeyMissing, StorageFailed
from vultus.files import open_regular, sync_folder

FILE_NAME = "installation.key"
KEY_BYTES = 32
SEAL_BYTES = 16
_ID_BYTES = 8
_MOST_BYTES = 4096
Value = None | int | float | str | bytes


class InstallationKey:
    """The key in the file `path`, 64 hexadecimal digits, read when it is first used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Whether there is a file; it may hold no key."""
        return self.path.exists()

    def make(self) -> None:
        """Make the file with a new key, readable by this user only, unless it is there. Raises: StorageFailed."""
        if not self.exists():
            self.put(secrets.token_bytes(KEY_BYTES))

    def put(self, key: bytes) -> None:
        """Make the file with this key, of KEY_BYTES, unless it is there by now. Raises: StorageFailed."""
        folder = self.path.parent
        try:
            descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{FILE_NAME}-")  # with mode 600
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(f"{key.hex()}\n".encode("ascii"))
                    file.flush()
                    os.fsync(file.fileno())
                with suppress(FileExistsError):  # another process was first
                    os.link(name, self.path)
            finally:
                os.unlink(name)
            sync_folder(folder)
        except OSError as exc:
            raise StorageFailed(
                f"the installation key cannot be kept at {self.path}: {exc.strerror or exc}; let this user write "
                "there, or name a key file with VULTUS_INSTALLATION_KEY_FILE"
            ) from exc

    @cached_property
    def key(self) -> bytes:
        """The key, KEY_BYTES. Raises: InstallationKeyMissing, without a file; StorageFailed, when it holds no key."""
        try:
            with open_regular(self.path) as file:
                text = file.read(_MOST_BYTES).decode("ascii", "replace").strip()
        except FileNotFoundError:
            raise InstallationKeyMissing(
                f"the installation key {self.path.absolute()} is missing; put it back, or name its file with "
                "VULTUS_INSTALLATION_KEY_FILE. If it is lost: vultus check --seal-anew"
            ) from None
        except OSError as exc:
            problem = f"the installation key {self.path} cannot be read: {exc.strerror or exc}; let this user read it"
            raise StorageFailed(problem) from exc
        if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
            raise StorageFailed(f"{self.path} holds no installation key, which is 64 hexadecimal digits; put it back")
        return bytes.fromhex(text)

    @property
    def id(self) -> str:
        """What tells this key from others without giving it away: 16 hexadecimal digits."""
        return blake2b(b"id", key=self.key, digest_size=_ID_BYTES).hexdigest()

    def derived(self, purpose: bytes) -> bytes:
        """A key of KEY_BYTES for one purpose, which tells nothing of this one. Raises: as `key`."""
        return blake2b(purpose, key=self.key, digest_size=KEY_BYTES).digest()

    def seal(self, *values: Value) -> bytes:
        """SEAL_BYTES for these values in this order, of which no other values give the same."""
        head: list[object] = []
        content = [b""]  # the head's place
        for value in values:
            if type(value) is bytes:  # named by its length, and follows, which is fast
                head.append((len(value),))
                content.append(value)
            else:  # 0.0 and -0.0 are one: SQLite stores one
                head.append(value + 0.0 if type(value) is float else value)
        content[0] = repr(head).encode("utf-8", "surrogatepass")
        seal = self._begun.copy()
        seal.update(b"".join(content))
        return seal.digest()

    @cached_property
    def _begun(self) -> blake2b:
        """A hash that has read the key and nothing else, to be copied."""
        return blake2b(key=self.key, digest_size=SEAL_BYTES)

    def seals_of(self, head: str, numbers: Sequence[int], contents: Sequence[bytes]) -> list[bytes]:
        """The seals of many rows of the values of `head`, a number and bytes: `seal(*head, number, content)` of each.

        head: the first values as `repr` writes them in a list, as in "'codes', 'integerblob'". It takes a fifth of the
        time of `seal`, which is called a million times where a large collection is loaded.
        """
        row = f"[{head}, %d, (%d,)]".encode("ascii")
        seals = []
        for number, content in zip(numbers, contents, strict=True):
            one = self._begun.copy()
            one.update(row % (number, len(content)) + content)
            seals.append(one.digest())
        return seals
