"""The file of a backup: a tar that carries its own checksums, so that it can be verified with or without Vultus.

    photos/ab/cd/abcd...    each photo; its name is the sha256 of its bytes
    vultus.db               the database, one file
    installation.key        the key of its seals, only where it was asked for
    manifest.json           versions, time and counts, see Manifest
    SHA256SUMS              "digest  name" for all of the above, in their order; last, so that a cut file shows

By hand: `tar xf FILE && sha256sum -c SHA256SUMS`. An encrypted one is an age file of that tar, see `encryption.py`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Self, cast

from pyrage.x25519 import Identity, Recipient

from vultus.backup.encryption import decrypting, encrypting, is_encrypted
from vultus.errors import InvalidRequest, StorageFailed
from vultus.files import CHUNK_BYTES, open_regular, sha256_of, sha256_of_stream
from vultus.installation_key import KEY_BYTES

FORMAT = 1
DATABASE, KEY, MANIFEST, SUMS = "vultus.db", "installation.key", "manifest.json", "SHA256SUMS"
KEY_MEMBER_BYTES = 2 * KEY_BYTES + 1
MAX_MANIFEST_BYTES = 1 << 20
MAX_PHOTO_BYTES = 64 << 20  # a photo is read into memory as a whole
EXTENSIONS = frozenset(
    {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
)
MAX_EXTENSION_BYTES = 4096  # what is written has one only for the size of a database of 8 GiB and more
_PHOTO = re.compile(r"photos/([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")


@dataclass(frozen=True)
class Manifest:
    """Versions and counts of a backup. created_at: ISO 8601, UTC. schema: of the database."""

    vultus: str
    schema: int
    created_at: str
    subjects: int
    faces: int
    photos: int
    format: int = FORMAT


def photo_name(key: str) -> str:
    """The place of a photo in the archive, the same as in the photo folder."""
    return f"photos/{key[:2]}/{key[2:4]}/{key}"


class ArchiveWriter:
    """Writes the members one after another. Use it as a context manager: the checksums are written at its end."""

    def __init__(self, path: Path, recipients: Sequence[Recipient] = ()) -> None:
        """recipients: for whom it is encrypted; it is not, where there is none."""
        self._path, self._recipients = path, recipients
        self._sums = bytearray()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        file = self._stack.enter_context(_new_private(self._path))
        stream = self._stack.enter_context(encrypting(file, self._recipients)) if self._recipients else file
        self._tar = self._stack.enter_context(tarfile.open(fileobj=stream, mode="w|"))
        self._stack.push(self._finish)
        return self

    def __exit__(self, *exc: Any) -> None:
        self._stack.__exit__(*exc)

    def _finish(self, kind: object, *_: object) -> None:
        if kind is None:
            self._add(SUMS, io.BytesIO(self._sums), len(self._sums))

    def add_photo(self, key: str, data: bytes) -> None:
        """Add a photo; its key is the sha256 of its bytes."""
        self._add(photo_name(key), io.BytesIO(data), len(data))
        self._note(key, photo_name(key))

    def add_database(self, path: Path) -> None:
        """Add the database file."""
        self._note(sha256_of(path), DATABASE)
        with path.open("rb") as file:
            self._add(DATABASE, file, path.stat().st_size)

    def add_key(self, key: bytes) -> None:
        """Add the installation key."""
        data = f"{key.hex()}\n".encode("ascii")
        self._note(hashlib.sha256(data).hexdigest(), KEY)
        self._add(KEY, io.BytesIO(data), len(data))

    def add_manifest(self, manifest: Manifest) -> None:
        """Add the manifest."""
        data = json.dumps(asdict(manifest), indent=2).encode("ascii")
        self._note(hashlib.sha256(data).hexdigest(), MANIFEST)
        self._add(MANIFEST, io.BytesIO(data), len(data))

    def _note(self, digest: str, name: str) -> None:
        self._sums += f"{digest}  {name}\n".encode("ascii")

    def _add(self, name: str, content: IO[bytes], size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        self._tar.addfile(member, content)
        _forget_members(self._tar)


class _Header(tarfile.TarInfo):
    """A header of a tar that may be hostile. tarfile reads the content of an extension, a long name, as a whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """The header in a block. Raises tarfile.ReadError, where an extension is larger than any that is written."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in EXTENSIONS and header.size > MAX_EXTENSION_BYTES:
            raise tarfile.ReadError("an extended header is too large")
        return header


class ArchiveReader:
    """Reads the members in their order. Names, sizes and digests are verified: the file may be hostile.

    After the last one `manifest` is set, and `sha256`, that of the file as it lies there, as is `key`, the installation
    key, where the backup has it.
    """

    def __init__(self, path: Path, identities: Sequence[Identity] = ()) -> None:
        """identities: that open an encrypted one; then one that is not encrypted is refused."""
        self.path, self._identities = path, identities
        self.manifest: Manifest | None = None
        self.key: bytes | None = None
        self.sha256: str | None = None

    def photos(self, database: Path | None) -> Iterator[tuple[str, bytes]]:
        """Each photo as (key, bytes); the database goes to this file, or nowhere when None.

        After the last one the archive is known to be complete and to match its checksums.
        Raises StorageFailed, when it is no backup, damaged or cut off, or no identity opens it; InvalidRequest, when it
        is encrypted and there is no identity, or the other way round.
        """
        try:
            with open_regular(self.path) as file:
                hashed = _Hashed(file)
                with (
                    self._decrypted(file, hashed) as stream,
                    tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as tar,
                ):
                    yield from self._members(tar, database)
                self.sha256 = hashed.hexdigest()
        except (
            tarfile.TarError,
            EOFError,
            ValueError,
            TypeError,
            RecursionError,
        ) as exc:  # the last: headers of headers
            raise self._damaged("it is no backup, or it is cut off") from exc

    @contextmanager
    def _decrypted(self, file: IO[bytes], hashed: _Hashed) -> Iterator[IO[bytes]]:
        encrypted = is_encrypted(file)
        if encrypted and not self._identities:
            raise InvalidRequest(f"the backup {self.path} is encrypted; name the file of its identity with --identity")
        if self._identities and not encrypted:
            raise InvalidRequest(f"{self.path} is not encrypted; if that is right, leave --identity out")
        if not encrypted:
            yield cast(IO[bytes], hashed)
            return
        with decrypting(cast(IO[bytes], hashed), self._identities, str(self.path)) as stream:
            yield stream

    def _members(self, tar: tarfile.TarFile, database: Path | None) -> Iterator[tuple[str, bytes]]:
        sums, complete = hashlib.sha256(), False
        while (member := tar.next()) is not None:
            _forget_members(tar)
            content = tar.extractfile(member) if member.isreg() and not member.issparse() else None
            if content is None or complete:  # a link, a device or a file of holes, or something after the checksums
                raise self._damaged(f"it holds {member.name[:80]!a}, which does not belong there")
            if member.name == SUMS:
                complete = sha256_of_stream(content) == sums.hexdigest()
                if not complete:
                    raise self._damaged("its content is not what its SHA256SUMS says")
                continue
            photo = _photo_key(member)
            if photo is not None:
                data = content.read()
                digest = hashlib.sha256(data).hexdigest()
                if digest != photo:
                    raise self._damaged(f"photo {photo[:12]}... in it is damaged")
                yield photo, data
            else:
                digest = self._other(member, content, database)
            sums.update(f"{digest}  {member.name}\n".encode("ascii"))
        if not complete or self.manifest is None:
            raise self._damaged("it is cut off")

    def _other(self, member: tarfile.TarInfo, content: IO[bytes], database: Path | None) -> str:
        if member.name == DATABASE:
            return _copied(content, database)
        if member.name == KEY and member.size == KEY_MEMBER_BYTES:
            data = content.read()
            self.key = bytes.fromhex(data.decode("ascii"))
            return hashlib.sha256(data).hexdigest()
        if member.name != MANIFEST or member.size > MAX_MANIFEST_BYTES:
            raise self._damaged(f"it holds {member.name[:80]!a}, which does not belong there")
        data = content.read()
        self.manifest = self._read_manifest(json.loads(data))
        return hashlib.sha256(data).hexdigest()

    def _read_manifest(self, values: dict[str, Any]) -> Manifest:
        if values.get("format") != FORMAT:
            raise StorageFailed(f"the backup {self.path} was made by a newer Vultus; install that one to restore it")
        return Manifest(**values)

    def _damaged(self, problem: str) -> StorageFailed:
        return StorageFailed(f"the backup {self.path} cannot be used: {problem}; take another one")


class _Hashed(io.RawIOBase):
    """An open file whose bytes are hashed as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._digest = file, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """As of the file."""
        data = self._file.read(size)
        self._digest.update(data)
        return data

    def hexdigest(self) -> str:
        """The sha256 of the whole file, whose rest is read for it."""
        while self.read(CHUNK_BYTES):
            pass
        return self._digest.hexdigest()


@contextmanager
def _new_private(path: Path) -> Iterator[IO[bytes]]:
    """A new file, readable by this user only, which is on the disk at the end."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _forget_members(tar: tarfile.TarFile) -> None:
    """Drop the headers that tarfile keeps of every member: a million of them take a gigabyte."""
    vars(tar)["members"].clear()


def _photo_key(member: tarfile.TarInfo) -> str | None:
    match = _PHOTO.fullmatch(member.name)
    return match.group(3) if match and member.size <= MAX_PHOTO_BYTES else None


def _copied(content: IO[bytes], path: Path | None) -> str:
    """Copy to a private, synced file; the sha256 of the bytes."""
    digest = hashlib.sha256()
    with open(os.devnull if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        while chunk := content.read(CHUNK_BYTES):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        if path is not None:
            os.fsync(out.fileno())
    return digest.hexdigest()
