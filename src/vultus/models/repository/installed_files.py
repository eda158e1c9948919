"""Checks all files of a model against their digests, and removes a model's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vultus.errors import ModelInvalid, ModelNotInstalled
from vultus.models.card import ModelCard, ModelFile
from vultus.models.repository.store import ModelStore


@dataclass(frozen=True)
class FileCheck:
    """The result for one file. detail: what is wrong and what to do, or its digest. path: None if absent."""

    name: str
    path: Path | None
    ok: bool
    detail: str


def verify(store: ModelStore, card: ModelCard) -> tuple[FileCheck, ...]:
    """Read every file of the card from the disk and check its digest: sources first, then prepared files.

    A missing source is no fault where all prepared files are in order.
    """
    store.digests.forget()
    outputs = store.prepared_files(card)[-1:] if store.is_int8_alone(card) else store.prepared_files(card)
    made = [_made(card, output.path, output.condition(), store) for output in outputs]
    complete = bool(made) and all(check.ok for check in made)
    sources = [_source(store, card, file, needed=file.importer == "none" or not complete) for file in card.files]
    return (*(check for check in sources if check is not None), *made)


def remove(store: ModelStore, card: ModelCard) -> tuple[Path, ...]:
    """Remove from the model folder all files made or fetched for the card. Returns the removed paths.

    Files of installed packages stay, and so do those that another card of the store uses, the operator's card and the
    digests that the operator trusts.

    Raises: StorageFailed when the folder cannot be written.
    """
    if not store.folder.is_dir():
        return ()
    kept = {path for other in store.cards if other.id != card.id for path in _own_paths(store, other)}
    with store.writing(card):
        removed = [path for path in _own_paths(store, card) if path not in kept and path.exists()]
        for path in removed:
            path.unlink()
    return tuple(removed)


def _own_paths(store: ModelStore, card: ModelCard) -> list[Path]:
    """The paths of the card's files in the model folder, whether or not they are there."""
    made = [path for output in store.prepared_files(card) for path in (output.path, output.sidecar)]
    if card.int8:  # also the form for other processors: the folder may come from another machine
        names = card.int8.output_names()
        made += [store.folder / f"{name}{end}" for name in names for end in ("", ".json")]
    fetched = [store.sources.place(source) for file in card.files for source in file.sources]
    partial = [path.with_name(f"{path.name}{end}") for path in fetched for end in (".part", ".part.json")]
    return list(dict.fromkeys((*made, *fetched, *partial)))


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
