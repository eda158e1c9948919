"""A restore that puts nothing in place: reads and verifies a whole backup, in a temporary folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pyrage.x25519 import Identity

from vultus.backup.archive import DATABASE, ArchiveReader
from vultus.backup.restore import Restored, make_sound, settle_key, whole_manifest
from vultus.errors import NotFound
from vultus.installation_key import FILE_NAME, InstallationKey
from vultus.storage.audit import Act
from vultus.storage.erasure_ledger.ledger import ErasureLedger


class ArchivedPhotos:
    """The photos of an archive that were read and verified: their sizes by key, for comparing rows with them."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self._sizes = sizes

    def get(self, key: str) -> bytes:
        """Raises: NotFound."""
        raise NotFound("the photos of an archive are read once, in their order")

    def exists(self, key: str) -> bool:
        """Whether the archive holds it."""
        return key in self._sizes

    def size(self, key: str) -> int | None:
        """Its bytes, None when the archive does not hold it."""
        return self._sizes.get(key)

    def delete(self, key: str) -> None:
        """Leave it out."""
        self._sizes.pop(key, None)

    def keys(self) -> Iterator[str]:
        """All keys."""
        return iter(tuple(self._sizes))


def examine_backup(
    archive: Path, act: Act, key_file: Path, *, identities: Sequence[Identity] = (), ledger: ErasureLedger | None = None
) -> Restored:
    """What a restore with the same arguments would put in place; the database alone is written, to a temporary folder.

    Raises StorageFailed, InvalidRequest, as the restore would.
    """
    with TemporaryDirectory(prefix="vultus-") as folder:  # readable by this user only
        database, key = Path(folder) / DATABASE, InstallationKey(Path(folder) / FILE_NAME)
        if key_file.exists():
            shutil.copyfile(key_file, key.path)
        reader = ArchiveReader(archive, identities)
        photos = ArchivedPhotos({name: len(data) for name, data in reader.photos(database)})
        manifest = whole_manifest(reader, database)
        settle_key(reader, key)
        return Restored(manifest, *make_sound(database, photos, act, key, ledger))
