"""vultus models: which there are, where they stand, what their licences say."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer

from vultus.cli.catalogue import card_named, open_store
from vultus.cli.context import load_settings
from vultus.cli.exit_codes import PARTLY
from vultus.cli.options import AsJson, ModelDir
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.weights import Name, pull_model, remove_model, verify_model
from vultus.errors import ModelInvalid, ModelNotInstalled
from vultus.models.card import ModelCard
from vultus.models.repository.store import ModelStatus, ModelStore

app = typer.Typer(help="Models: list, show, pull, prepare, verify, remove.", no_args_is_help=True)
app.command("pull")(pull_model)
app.command("verify")(verify_model)
app.command("remove")(remove_model)


@app.command("list")
def list_models(model_dir: ModelDir = None, as_json: AsJson = False) -> None:
    """List the models: prepared, available (to be converted), missing or broken, and their licences."""
    store = open_store(load_settings(model_dir=model_dir))
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
    store = open_store(load_settings(model_dir=model_dir))
    status = store.status(card_named(store, name))
    card = {"state": status.state, "detail": status.detail, "bytes": status.bytes, **asdict(status.card)}
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
    store = open_store(load_settings(model_dir=model_dir))
    if name is not None:
        store.prepare(card_named(store, name))
        statuses = [store.status(card_named(store, name))]
    else:
        statuses = [_prepared(store, card) for card in store.cards]
    if as_json:
        print_json({"models": [_summary(status) for status in statuses]})
    else:
        print_table(("model", "state", "detail"), [(one.card.id, one.state, one.detail) for one in statuses])
    here = [status for status in statuses if name is not None or status.state != "missing"]
    raise typer.Exit(0 if all(status.state == "prepared" for status in here) else PARTLY)


def _prepared(store: ModelStore, card: ModelCard) -> ModelStatus:
    """The status after an attempt; of a model that cannot be prepared it says why."""
    with suppress(ModelNotInstalled, ModelInvalid):
        store.prepare(card)
    return store.status(card)


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
    """Nested values as indented lines."""
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
