"""SHA-256 digests that the operator trusts, for weights whose digest is not published, so that the card has none.

A trusted digest is a file `<source>.sha256` in the model folder, in the format of `sha256sum`, so that it can be made
and checked with that. Without one such weights are not loaded. It never overrules a card's digest.
"""

from __future__ import annotations

import re
from pathlib import Path

from vultus.errors import ModelInvalid, ModelNotInstalled, StorageFailed
from vultus.files import open_regular, write_whole
from vultus.models.card_parts import ModelFile
from vultus.models.excluded_models import refuse_excluded

_LINE = re.compile(r"([0-9a-f]{64})(?:[ \t]+\*?\S.*)?\s*")
_MOST_BYTES = 4096  # a digest and a file name


def expected_digest(folder: Path, file: ModelFile) -> str | None:
    """The SHA-256 that the file's source must have: the card's, or else the operator's; None when neither is given.

    Raises: ModelInvalid when the operator's file holds no digest, or it is that of a file that is not served.
    """
    digest = file.sha256 or _read(trusted_digest_path(folder, file))
    refuse_excluded(digest)
    return digest


def required_digest(folder: Path, model_id: str, file: ModelFile) -> str:
    """`expected_digest`, which must be given. Raises: ModelNotInstalled with how to give it; ModelInvalid."""
    digest = expected_digest(folder, file)
    if digest is None:
        place = trusted_digest_path(folder, file)
        raise ModelNotInstalled(
            f"{model_id} is not used: nobody publishes the SHA-256 of {place.stem}, so that Vultus cannot tell whether "
            f"yours is the right file; if you trust it, write its SHA-256 to {place}"
        )
    return digest


def trusted_digest_path(folder: Path, file: ModelFile) -> Path:
    """The path of the operator's digest: next to the source's place in the model folder."""
    return folder / f"{Path(file.sources[0].file).name}.sha256"


def trust_digest(folder: Path, file: ModelFile, digest: str) -> None:
    """Store a digest as trusted: 64 hexadecimal digits in any letter case. The folder must exist.

    Raises: ModelInvalid when it is no digest or the card has its own; StorageFailed when it cannot be written.
    """
    if file.sha256 is not None:
        raise ModelInvalid(f"the card says which SHA-256 {file.name} must have, {file.sha256}; leave the digest out")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise ModelInvalid(f"{digest!r} is no SHA-256; give its 64 hexadecimal digits")
    path = trusted_digest_path(folder, file)
    try:
        write_whole(path, f"{digest.lower()}  {path.stem}\n".encode())
    except OSError as exc:
        raise StorageFailed(f"{path} cannot be written: {exc.strerror or exc}; make the model folder writable") from exc


def _read(path: Path) -> str | None:
    try:
        with open_regular(path) as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ModelInvalid(f"{path} cannot be read: {exc.strerror or exc}; check its permissions") from exc
    line = _LINE.fullmatch(text)
    if line is None:
        raise ModelInvalid(
            f"{path} holds no SHA-256; write the 64 lower-case hexadecimal digits of {path.stem} into it"
        )
    return line[1]
