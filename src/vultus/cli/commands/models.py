"""`vultus models`: list, show, pull, prepare, verify and remove models."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from vultus.cli.exit_codes import PARTLY, REFUSED
from vultus.cli.options import AsJson, ModelDir
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import transferred, working
from vultus.errors import ModelInvalid, ModelNameNotAllowed, ModelNotInstalled
from vultus.models.card import ModelCard, find_card
from vultus.models.repository.installed_files import FileCheck, remove, verify
from vultus.models.repository.store import ModelStatus, ModelStore, open_store

app = typer.Typer(help="Models: list, show, pull, prepare, verify, remove.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Id or alias of a model.")]


@app.command("list")
def list_models(model_dir: ModelDir = None, as_json: AsJson = False) -> None:
    """List the models: prepared, available (to be converted), missing or broken, and their licences."""
    store = open_store(load_settings(model_dir=model_dir).model_dir)
    statuses = store.statuses()
    if as_json:
        print_json({"folder": str(store.folder.absolute()), "models": [_summary(status) for status in statuses]})
        return
    rows = [
        (
            status.card.id,
            status.card.task,
            status.state,
            f"{status.bytes / 1e6:.1f}",
            status.card.licence.weights,
            status.card.licence.commercial_use,
        )
        for status in statuses
    ]
    print_table(("model", "task", "state", "MB", "licence", "commercial use"), rows)
    print_lines([f"Model folder: {store.folder.absolute()}"])
    for status in statuses:
        if status.state in ("missing", "broken"):
            say(status.detail)


@app.command("show")
def show_model(name: Name, model_dir: ModelDir = None, as_json: AsJson = False) -> None:
    """Show all that is known of a model: origin, licence, training data, accuracy, calibration."""
    store = open_store(load_settings(model_dir=model_dir).model_dir)
    status = store.status(_card_named(store, name))
    card = {"state": status.state, "detail": status.detail, "bytes": status.bytes, **asdict(status.card)}
    del card["decoder"]  # of the code, and nothing that an operator can choose by
    if as_json:
        print_json(card)
    else:
        print_lines(_outline(card))


@app.command("prepare")
def prepare_models(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Id or alias; all models when absent.")] = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Convert and verify the weights of one model, or of all that are on this machine."""
    store = open_store(load_settings(model_dir=model_dir).model_dir)
    if name is not None:
        card = _card_named(store, name)
        with working(f"converting {card.id}", bar=not as_json):
            store.prepare(card)
        statuses = [store.status(card)]
    else:
        with working("converting the models", bar=not as_json):
            statuses = [_prepared(store, card) for card in store.cards]
    if as_json:
        print_json({"models": [_summary(status) for status in statuses]})
    else:
        print_table(("model", "state", "detail"), [(one.card.id, one.state, one.detail) for one in statuses])
    here = [status for status in statuses if name is not None or status.state != "missing"]
    raise typer.Exit(0 if all(status.state == "prepared" for status in here) else PARTLY)


def _prepared(store: ModelStore, card: ModelCard) -> ModelStatus:
    """Try to prepare the model. Returns its status after that, with the reason if it could not be prepared."""
    with suppress(ModelNotInstalled, ModelInvalid):
        store.prepare(card)
    return store.status(card)


@app.command("pull")
def pull_model(
    name: Name,
    from_file: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="A file fetched elsewhere, or a folder of such, for machines offline."
        ),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="The digest you vouch for, where the card has none.")
    ] = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the weights of a model, check them and convert them. A transfer that broke off is resumed."""
    store = open_store(load_settings(model_dir=model_dir).model_dir)
    card = _card_named(store, name)
    # Imported here, because it loads httpx, which takes longer than all of `models list`.
    pulling = import_module("vultus.models.repository.pull")
    with transferred(card.id, bar=not as_json) as progress:
        for member in store.members(card):
            pulling.pull(store, member, from_file=from_file, sha256=sha256, progress=progress)
    with working(f"converting {card.id}", bar=not as_json):
        store.prepare(card)
    status = store.status(card)
    if as_json:
        print_json({"model_id": card.id, "state": status.state, "bytes": status.bytes})
    else:
        print_lines([f"{card.id}: {status.detail}"])


@app.command("remove")
def remove_model(name: Name, model_dir: ModelDir = None, as_json: AsJson = False) -> None:
    """Remove from the model folder what was fetched and converted; files of installed packages stay."""
    store = open_store(load_settings(model_dir=model_dir).model_dir)
    card = _card_named(store, name)
    removed = [path.name for path in remove(store, card)]
    if as_json:
        print_json({"model_id": card.id, "removed": removed})
    else:
        print_lines([f"removed {file}" for file in removed] or [f"{card.id} has no files in {store.folder}"])


@app.command("verify")
def verify_model(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Id or alias; all that are here if absent.")
    ] = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Read every weight file anew and check its SHA-256."""
    store = open_store(load_settings(model_dir=model_dir).model_dir)
    cards = [_card_named(store, name)] if name else _present_cards(store)
    with working("reading the weights", bar=not as_json):
        members = [member for card in cards for member in store.members(card)]
        checks = [(member.id, check) for member in members for check in verify(store, member)]
    if as_json:
        print_json({"files": [_checked(model_id, check) for model_id, check in checks]})
    else:
        rows = [(model_id, check.name, "ok" if check.ok else "WRONG", check.detail) for model_id, check in checks]
        print_table(("model", "file", "", "detail"), rows)
    raise typer.Exit(0 if all(check.ok for _, check in checks) else REFUSED)


def _present_cards(store: ModelStore) -> list[ModelCard]:
    """The models with files of their own on this machine; a fused one has none."""
    return [card for card in store.cards if not card.fused and store.status(card).state != "missing"]


def _checked(model_id: str, check: FileCheck) -> dict[str, object]:
    path = None if check.path is None else check.path.name
    return {"model_id": model_id, "file": check.name, "path": path, "ok": check.ok, "detail": check.detail}


def _card_named(store: ModelStore, name: str) -> ModelCard:
    """The card with this id or alias. Raises ModelNameNotAllowed."""
    card = find_card(store.cards, name)
    if card is None:
        known = ", ".join(card.id for card in store.cards)
        raise ModelNameNotAllowed(f"there is no model {name!r}; known: {known}")
    return card


def _summary(status: ModelStatus) -> dict[str, Any]:
    return {
        "model_id": status.card.id,
        "aliases": list(status.card.aliases),
        "task": status.card.task,
        "state": status.state,
        "detail": status.detail,
        "bytes": status.bytes,
        "licence": asdict(status.card.licence),
    }


def _outline(value: Any, depth: int = 0) -> list[str]:
    """Nested values as indented lines; empty ones are left out."""
    indent = "  " * depth
    lines = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            lines += [f"{indent}{key}:", *_outline(inner, depth + 1)]
        elif isinstance(inner, (list, tuple)) and inner and isinstance(inner[0], dict):
            lines += [f"{indent}{key}:"] + [line for each in inner for line in _outline(each, depth + 1)]
        elif inner not in (None, (), []):
            lines.append(f"{indent}{key}: {_text(inner)}")
    return lines


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(" ".join(map(str, one)) if isinstance(one, (list, tuple)) else str(one) for one in value)
    return str(value)
