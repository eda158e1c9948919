"""vultus models pull, remove, verify: bringing weights here, checking them, taking them away."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from vultus.cli.catalogue import card_named, open_store
from vultus.cli.context import load_settings
from vultus.cli.exit_codes import REFUSED
from vultus.cli.options import AsJson, ModelDir
from vultus.cli.output import print_json, print_lines, print_table
from vultus.models.card import ModelCard
from vultus.models.repository.download import Progress
from vultus.models.repository.pull import pull
from vultus.models.repository.store import ModelStore
from vultus.models.repository.verify import FileCheck, remove, verify

Name = Annotated[str, typer.Argument(metavar="NAME", help="Id or alias of a model.")]


def pull_model(
    name: Name,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A file fetched elsewhere, for machines offline.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="The digest you vouch for, where the card has none.")
    ] = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the weights of a model, check them and convert them. A transfer that broke off is resumed."""
    store = open_store(load_settings(model_dir=model_dir))
    card = card_named(store, name)
    with _bar(card.id) as progress:
        for member in store.members(card):
            pull(store, member, from_file=from_file, sha256=sha256, progress=progress)
    store.prepare(card)
    status = store.status(card)
    if as_json:
        print_json({"model_id": card.id, "state": status.state, "bytes": status.bytes})
    else:
        print_lines([f"{card.id}: {status.detail}"])


def remove_model(name: Name, model_dir: ModelDir = None, as_json: AsJson = False) -> None:
    """Remove from the model folder what was fetched and converted; files of installed packages stay."""
    store = open_store(load_settings(model_dir=model_dir))
    card = card_named(store, name)
    gone = [path.name for path in remove(store, card)]
    if as_json:
        print_json({"model_id": card.id, "removed": gone})
    else:
        print_lines([f"removed {file}" for file in gone] or [f"{card.id} has no files in {store.folder}"])


def verify_model(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Id or alias; all that are here if absent.")
    ] = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Read every weight file anew and check its SHA-256."""
    store = open_store(load_settings(model_dir=model_dir))
    cards = [card_named(store, name)] if name else _here(store)
    checks = [(member.id, check) for card in cards for member in store.members(card) for check in verify(store, member)]
    if as_json:
        print_json({"files": [_summary(model_id, check) for model_id, check in checks]})
    else:
        rows = [(model_id, check.name, "ok" if check.ok else "WRONG", check.detail) for model_id, check in checks]
        print_table(("model", "file", "", "detail"), rows)
    raise typer.Exit(0 if all(check.ok for _, check in checks) else REFUSED)


def _here(store: ModelStore) -> list[ModelCard]:
    """The models with files of their own on this machine."""
    return [card for card in store.cards if not card.fused and store.status(card).state != "missing"]


def _summary(model_id: str, check: FileCheck) -> dict[str, object]:
    path = None if check.path is None else check.path.name
    return {"model_id": model_id, "file": check.name, "path": path, "ok": check.ok, "detail": check.detail}


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    """A progress bar on a terminal's stderr; nothing elsewhere."""
    columns = (TextColumn(label), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
