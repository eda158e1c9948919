"""vultus collections: list and show them, create one, set its policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from vultus.cli.opening import opened
from vultus.cli.options import AsJson, DataDir, ModelDir, ModelName, check_collection, check_rate
from vultus.cli.output import print_json, print_lines, print_table
from vultus.cli.settings import load_settings
from vultus.identifiers import MAX_RETENTION_DAYS, MAX_UNKNOWN_DAYS
from vultus.records.liveness import LivenessMode
from vultus.records.stored import Collection, CollectionPolicies
from vultus.schemas.resources import collection_answer
from vultus.search.recall import SearchState
from vultus.storage.audit import COMMAND, Act
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import ready_database

app = typer.Typer(help="Collections: list, show, create, set policies.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the collection.", callback=check_collection)]
MinQuality = Annotated[
    float | None, typer.Option("--min-quality", min=0, max=100, help="The lowest min_quality of an enrolment, 0..100.")
]
TargetFmr = Annotated[
    float | None,
    typer.Option("--target-fmr", help="The highest target_fmr of a verification.", callback=check_rate),
]
TargetFpir = Annotated[
    float | None, typer.Option("--target-fpir", help="The highest target_fpir of a search.", callback=check_rate)
]
StorePhotos = Annotated[
    bool | None,
    typer.Option("--store-photos/--no-store-photos", help="Keep the photos of its faces from now on, or keep none."),
]
Retention = Annotated[
    int | None,
    typer.Option(
        "--retention-days",
        min=1,
        max=MAX_RETENTION_DAYS,
        help="Erase a subject so many days after the last enrolment of a face of it.",
    ),
]
Liveness = Annotated[
    LivenessMode | None,
    typer.Option("--liveness", help="The least liveness of verifications, searches and enrolments."),
]
KeepUnknown = Annotated[
    int | None,
    typer.Option(
        "--keep-unknown-days",
        min=1,
        max=MAX_UNKNOWN_DAYS,
        help="Keep faces that searches find to be of nobody known for review, so many days.",
    ),
]
Unset = Annotated[
    list[str] | None,
    typer.Option("--unset", metavar="POLICY", help="Take a policy away, as in min_quality; can be repeated."),
]
POLICIES = tuple(field.name for field in fields(CollectionPolicies))


@contextmanager
def open_gallery(data_dir: Path | None) -> Iterator[Gallery]:
    """The gallery in the database of these settings; changes are audited as made by a command."""
    settings = load_settings(data_dir=data_dir)
    with ready_database(settings.sqlalchemy_url, settings.key_file) as database:
        yield Gallery(database).acting_as(Act(COMMAND))


@app.command("list")
def list_collections(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the collections with their models and sizes."""
    with open_gallery(data_dir) as gallery:
        found = gallery.collections()
    if as_json:
        print_json({"collections": [_as_json(one) for one in found]})
        return
    rows = [(one.name, one.model_id, one.subjects, one.faces) for one in found]
    print_table(("collection", "model", "subjects", "faces"), rows)


@app.command("show")
def show_collection(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a collection and its policies."""
    with open_gallery(data_dir) as gallery:
        _show(gallery.collection(name), as_json)


@app.command("create")
def create_collection(
    ctx: typer.Context,
    name: Name,
    model: ModelName = None,
    min_quality: MinQuality = None,
    target_fmr: TargetFmr = None,
    target_fpir: TargetFpir = None,
    store_photos: StorePhotos = None,
    retention_days: Retention = None,
    liveness: Liveness = None,
    keep_unknown_days: KeepUnknown = None,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Create a collection, bound to a model; nothing happens where it is there already, alike."""
    sent = _given(
        min_quality=min_quality,
        target_fmr=target_fmr,
        target_fpir=target_fpir,
        store_photos=store_photos,
        retention_days=retention_days,
        liveness=liveness,
        keep_unknown_days=keep_unknown_days,
    )
    policies = CollectionPolicies(**sent) if sent else None
    with opened(ctx, load_settings(data_dir=data_dir, model_dir=model_dir)) as system:
        created, _ = system.service.galleries.create_collection(name, model_name=model, policies=policies)
    _show(created, as_json)


@app.command("set")
def set_policies(
    name: Name,
    min_quality: MinQuality = None,
    target_fmr: TargetFmr = None,
    target_fpir: TargetFpir = None,
    store_photos: StorePhotos = None,
    retention_days: Retention = None,
    liveness: Liveness = None,
    keep_unknown_days: KeepUnknown = None,
    unset: Unset = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Set policies of a collection, or take some away; what is not named stays."""
    sent = _given(
        min_quality=min_quality,
        target_fmr=target_fmr,
        target_fpir=target_fpir,
        store_photos=store_photos,
        retention_days=retention_days,
        liveness=liveness,
        keep_unknown_days=keep_unknown_days,
    )
    changes = _changes(sent, unset or ())
    with open_gallery(data_dir) as gallery:
        _show(gallery.change_policies(name, changes), as_json)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _changes(sent: dict[str, Any], unset: Sequence[str]) -> dict[str, Any]:
    """The policies to replace, by name; None takes one away."""
    if not sent and not unset:
        raise typer.BadParameter("no policy to change is named; name one, as in --min-quality 40")
    for name in unset:
        if name not in POLICIES:
            raise typer.BadParameter(f"{name!r} is no policy; use one of {', '.join(POLICIES)}", param_hint="--unset")
        if name in sent:
            raise typer.BadParameter(f"{name} is both set and taken away; leave out one", param_hint="--unset")
    return sent | dict.fromkeys(unset)


def _show(collection: Collection, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(collection))
        return
    kept = f"{collection.subjects} subjects, {collection.faces} faces"
    print_lines([f"{collection.name}: {collection.model_id}, {kept}"])
    print_table(("policy", "value"), asdict(collection.policies).items())


def _as_json(collection: Collection) -> dict[str, Any]:
    """As the HTTP API answers it, without how it is searched, which only a server knows."""
    return collection_answer(collection, SearchState()).model_dump(mode="json", exclude={"search"})
