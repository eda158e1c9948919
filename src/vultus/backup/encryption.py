"""Encryption of a backup as an age file (https://age-encryption.org/v1), which the `age` tool opens too.

Streams through a pipe in pieces, so memory does not grow with the file, and nothing is on disk in the clear. The only
importer of pyrage.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

import pyrage
from pyrage.x25519 import Identity, Recipient

from vultus.errors import InvalidRequest, StorageFailed
from vultus.files import CHUNK_BYTES, open_regular

HEAD = b"age-encryption.org/v1"
MOST_BYTES = 1 << 20  # of a file of recipients or identities


def read_recipients(given: Sequence[str], file: Path | None = None) -> tuple[Recipient, ...]:
    """The recipients, `age1...`, that are given and those of a file, one a line; lines that begin with # are comments.

    Raises InvalidRequest; OSError, when the file cannot be read.
    """
    found = [_recipient(text.strip(), f"--recipient number {number}") for number, text in enumerate(given, 1)]
    if file is not None:
        found += [_recipient(line, f"line {number} of {file}") for number, line in _lines(file)]
        if len(found) == len(given):
            raise InvalidRequest(f"{file} holds no recipient; write one like age1... a line")
    return tuple(found)


def read_identities(file: Path) -> tuple[Identity, ...]:
    """The identities, `AGE-SECRET-KEY-1...`, of a file as `age-keygen` writes it.

    Raises InvalidRequest; OSError, when the file cannot be read.
    """
    found = []
    for number, line in _lines(file):
        try:
            found.append(Identity.from_str(line))
        except pyrage.IdentityError:  # not chained: it may quote the key
            raise InvalidRequest(
                f"line {number} of {file} is no identity, which begins with AGE-SECRET-KEY-1; name the file that "
                "age-keygen wrote, decrypted if it is encrypted itself"
            ) from None
    if not found:
        raise InvalidRequest(f"{file} holds no identity; name the file that age-keygen wrote")
    return tuple(found)


def new_identity() -> tuple[Identity, Recipient]:
    """An identity in memory alone, and its recipient."""
    identity = Identity.generate()
    return identity, identity.to_public()


def is_encrypted(file: IO[bytes]) -> bool:
    """Whether an age file begins here; the position stays."""
    begun = file.read(len(HEAD))
    file.seek(-len(begun), os.SEEK_CUR)
    return begun == HEAD


@contextmanager
def encrypting(file: IO[bytes], recipients: Sequence[Recipient]) -> Iterator[IO[bytes]]:
    """Yields a file to write to; what is written goes to `file`, encrypted for these recipients. Raises OSError."""
    target = _Target(file)
    source, sink = _pipe()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(_closing, source, partial(pyrage.encrypt_io, source, target, list(recipients)))
        with suppress(BrokenPipeError), sink:  # the pipe is broken where the thread has failed: it has the reason
            yield sink
        problem = done.exception()
    if problem is not None:
        raise target.problem or problem


@contextmanager
def decrypting(file: IO[bytes], identities: Sequence[Identity], name: str) -> Iterator[IO[bytes]]:
    """Yields a file to read from: what `file` holds for one of these identities. It is whole only at the end of `with`.

    name: of the file, for sentences. Raises StorageFailed, when no identity fits, or the file was altered or is cut.
    """
    source, sink = _pipe()
    target = _Target(sink)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(_closing, sink, partial(pyrage.decrypt_io, file, target, list(identities)))
        try:
            with source:
                yield source
                while source.read(CHUNK_BYTES):  # to the end: only there age shows that nothing is missing
                    pass
        except Exception:
            problem = done.exception()
            if target.problem is None:  # the decryption ended by itself, so that its reason explains the other
                _require_decrypted(problem, name)
            raise
        _require_decrypted(done.exception(), name)


def _require_decrypted(problem: BaseException | None, name: str) -> None:
    if problem is None:
        return
    if isinstance(problem, pyrage.DecryptError) and "No matching keys" in str(problem):
        raise StorageFailed(
            f"the backup {name} is encrypted for none of these identities; name another file with --identity"
        ) from problem
    raise StorageFailed(
        f"the backup {name} cannot be used: it was altered or is cut off; take another one"
    ) from problem


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    """The ends to read from and to write to."""
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb"), os.fdopen(writing, "wb")


def _closing(end: IO[bytes], work: Callable[[], None]) -> None:
    """Do the work, then close its end of the pipe, so that the other one notices."""
    try:
        work()
    finally:
        with suppress(BrokenPipeError):
            end.close()


class _Target:
    """A file to write to, which keeps the reason why it could not be written: pyrage keeps only the words."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.problem: OSError | None = None

    def write(self, data: bytes) -> int:
        """As of the file."""
        try:
            return self._file.write(data)
        except OSError as exc:
            self.problem = exc
            raise

    def flush(self) -> None:
        """As of the file."""
        self._file.flush()


def _recipient(text: str, place: str) -> Recipient:
    try:
        return Recipient.from_str(text)
    except pyrage.RecipientError:  # not chained: it might be an identity by mistake
        raise InvalidRequest(
            f"{place} is no recipient of age, which begins with age1; age-keygen -y shows it"
        ) from None


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines of a small text file with their numbers, without empty ones and comments."""
    with open_regular(file) as opened:
        text = opened.read(MOST_BYTES).decode("utf-8", "replace")
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return ((number, line) for number, line in lines if line and not line.startswith("#"))
