"""Reading every file of a model anew, and taking a model off the machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vultus.errors import ModelInvalid, ModelNotInstalled
from vultus.models.card import ModelCard, ModelFile
from vultus.models.repository.store import ModelStore


@dataclass(frozen=True)
class FileCheck:
    """What a file turned out to be. detail: what is wrong and what to do, or that it is right. path: None if absent."""

    name: str
    path: Path | None
    ok: bool
    detail: str


def verify(store: ModelStore, card: ModelCard) -> tuple[FileCheck, ...]:
    """Read every file of the card from the disk and check its digest: sources first, then what was made of them.

    A source that is gone is no fault where what was made of it is there.
    """
    store.digests.forget()
    made = [_made(card, output.path, output.condition(), store) for output in store.prepared_files(card)]
    complete = bool(made) and all(check.ok for check in made)
    sources = [_source(store, card, file, needed=file.importer == "none" or not complete) for file in card.files]
    return (*(check for check in sources if check is not None), *made)


def remove(store: ModelStore, card: ModelCard) -> tuple[Path, ...]:
    """Remove from the model folder all that was made or fetched for the card; what went.

    Files of installed packages stay, and so do those that another card of the store uses, the operator's card and his
    word for a digest.

    Raises: StorageFailed when the folder cannot be written.
    """
    if not store.folder.is_dir():
        return ()
    kept = {path for other in store.cards if other.id != card.id for path in _own_paths(store, other)}
    with store.writing(card):
        going = [path for path in _own_paths(store, card) if path not in kept and path.exists()]
        for path in going:
            path.unlink()
    return tuple(going)


def _own_paths(store: ModelStore, card: ModelCard) -> list[Path]:
    """Where the card's files lie in the model folder, or would."""
    made = [path for output in store.prepared_files(card) for path in (output.path, output.sidecar)]
    if card.int8:  # also what was made on a machine with another kind of processor
        names = card.int8.output_names()
        made += [store.folder / f"{name}{end}" for name in names for end in ("", ".json")]
    fetched = [store.sources.place(source) for file in card.files for source in file.sources]
    halves = [path.with_name(f"{path.name}{end}") for path in fetched for end in (".part", ".part.json")]
    return list(dict.fromkeys((*made, *fetched, *halves)))


def _made(card: ModelCard, path: Path, condition: str, store: ModelStore) -> FileCheck:
    if condition == "ready":
        return FileCheck(path.name, path, True, f"SHA-256 {store.digests.of(path)}, as it was prepared")
    found = path if condition != "absent" else None
    return FileCheck(path.name, found, False, f"{path} is {condition}; run: vultus models prepare {card.id}")


def _source(store: ModelStore, card: ModelCard, file: ModelFile, *, needed: bool) -> FileCheck | None:
    try:
        path = store.sources.verified(card, file)
    except ModelNotInstalled as exc:
        return FileCheck(file.name, None, False, str(exc)) if needed else None
    except ModelInvalid as exc:
        return FileCheck(file.name, None, False, str(exc))
    return FileCheck(file.name, path, True, f"SHA-256 {store.digests.of(path)}, as the card says")
