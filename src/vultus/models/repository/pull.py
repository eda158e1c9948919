"""Fetches weights into the model folder, from their URL or from a file already on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vultus.errors import ModelInvalid, ModelNotInstalled, StorageFailed
from vultus.files import CHUNK_BYTES, READABLE_FOLDER, locked, make_folders, open_regular, sync_folder
from vultus.models.card import ModelCard, ModelFile
from vultus.models.card_parts import UrlSource
from vultus.models.excluded_models import refuse_excluded
from vultus.models.repository.digests import check_digest, unreadable
from vultus.models.repository.download import ClientFactory, Download, Progress, default_client, part_of
from vultus.models.repository.store import ModelStore
from vultus.models.repository.trusted_digests import expected_digest, required_digest, trust_digest


def pull(
    store: ModelStore,
    card: ModelCard,
    *,
    from_file: Path | None = None,
    sha256: str | None = None,
    progress: Progress = lambda done, total: None,
    client: ClientFactory = default_client,
) -> tuple[Path, ...]:
    """Fetch the card's source files that are not on this machine. Returns the path of each.

    from_file: a file fetched elsewhere, or a folder of such files under their own names. sha256: the digest that the
    operator trusts where the card has none; it is stored once a file has it. Nothing is converted: that is done by
    `ModelStore.prepare`.

    Raises: ModelNotInstalled when a file cannot be fetched, with its URL, its digest and the other way to get it;
    ModelInvalid when it is another file, of which nothing is kept; StorageFailed when it cannot be written.
    """
    pulling = _Pull(store, card, sha256)
    try:
        make_folders(store.folder, mode=READABLE_FOLDER)
        if from_file is not None and from_file.is_dir():
            return tuple(pulling.copy(file) for file in pulling.files_in(from_file))
        if from_file is not None:
            return (pulling.copy(from_file),)
        return tuple(pulling.download(file, progress, client) for file in card.files)
    except OSError as exc:
        raise StorageFailed(
            f"{card.id} cannot be kept in the model folder {store.folder}: {exc.strerror or exc}; make room there, or "
            "make the folder writable, or set VULTUS_MODEL_DIR to another one"
        ) from exc


@dataclass(frozen=True)
class _Pull:
    store: ModelStore
    card: ModelCard
    sha256: str | None

    def download(self, file: ModelFile, progress: Progress, client: ClientFactory) -> Path:
        """Fetch the file from its first URL."""
        source = next((source for source in file.sources if isinstance(source, UrlSource)), None)
        place = self.store.sources.place(source or file.sources[0])
        expected = self._expected(file)
        with self._lock(place):
            found = self._present(file, expected)
            if found is not None:
                return found
            if source is None:
                ways = self.store.sources.how_to_install(self.card, file)
                raise ModelNotInstalled(f"{self.card.id} has no address to be pulled from; {ways}")
            Download(source.url, place, expected, self._other_way(source.file)).fetch(client, progress)
            self._trust(file, expected)
        return place

    def files_in(self, folder: Path) -> list[Path]:
        """The files of the card that a folder has. Raises: ModelInvalid where it has none of them."""
        names = dict.fromkeys(Path(source.file).name for file in self.card.files for source in file.sources)
        found = [folder / name for name in names if (folder / name).is_file()]
        if not found:
            raise ModelInvalid(f"{folder} has no file of {self.card.id}; put {' and '.join(names)} there")
        return found

    def copy(self, from_file: Path) -> Path:
        """Copy a local file; its digest decides which of the card's files it is."""
        data_sha256 = self.store.digests.of(from_file)
        expected = {self._expected(file): file for file in self.card.files}
        if data_sha256 not in expected:
            check_digest(from_file, data_sha256, " or ".join(expected), "fetch it again")
        file = expected[data_sha256]
        place = self.store.sources.place(file.sources[0])
        with self._lock(place):
            found = self._present(file, data_sha256)
            if found is not None:
                return found
            _copy(from_file, place, data_sha256)
            self._trust(file, data_sha256)
        return place

    def _lock(self, place: Path) -> contextlib.AbstractContextManager[None]:
        """A lock per file: a second pull at the same time waits, and then finds the file there."""
        return locked(place.parent, name=f".{place.name}.lock")

    def _expected(self, file: ModelFile) -> str:
        known = expected_digest(self.store.folder, file)
        refuse_excluded(self.sha256)
        given = self.sha256.lower() if self.sha256 else None
        if known and given and known != given:
            raise ModelInvalid(f"{file.name} of {self.card.id} has the SHA-256 {known}, not {given}; leave it out")
        return known or given or required_digest(self.store.folder, self.card.id, file)

    def _present(self, file: ModelFile, expected: str) -> Path | None:
        """The path of the file that is there; None when it is absent, or another file that will be replaced."""
        try:
            path = self.store.sources.find(self.card, file)
        except ModelNotInstalled:
            return None
        return path if self.store.digests.of(path) == expected else None

    def _trust(self, file: ModelFile, digest: str) -> None:
        if expected_digest(self.store.folder, file) is None:
            with locked(self.store.folder):  # a holder of this lock may remove half-written files
                trust_digest(self.store.folder, file, digest)

    def _other_way(self, name: str) -> str:
        return f"or fetch it elsewhere and run: vultus models pull {self.card.id} --from {name}"


def _copy(source: Path, destination: Path, sha256: str) -> None:
    """Copy in chunks; the copy gets its name when its digest is right. Raises: OSError, ModelInvalid."""
    part = part_of(destination)
    digest = hashlib.sha256()
    try:
        with part.open("wb") as target, _opened(source) as origin:
            while chunk := origin.read(CHUNK_BYTES):
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        check_digest(source, digest.hexdigest(), sha256, "it changed while it was read: try again")
        os.replace(part, destination)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(destination.parent)


def _opened(path: Path) -> IO[bytes]:
    try:
        return open_regular(path)
    except OSError as exc:
        raise unreadable(path, exc) from exc
