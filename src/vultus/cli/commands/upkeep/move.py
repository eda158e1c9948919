"""vultus move: the whole gallery to another database, of SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Annotated

import typer

from vultus.backup.restore import refuse_unfinished
from vultus.cli.options import AsJson, DataDir
from vultus.cli.output import print_json, print_lines
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import progress
from vultus.config import Settings
from vultus.errors import SettingsInvalid, StorageFailed
from vultus.storage.audit import COMMAND, Act
from vultus.storage.database import (
    Database,
    database_file,
    existing_database,
    is_sqlite,
    open_database,
    require_database,
    shown_url,
)
from vultus.storage.moving.database_move import (
    Source,
    compare,
    copy_rows,
    examine_source,
    finish,
    leading,
    naming_target,
    rows_there,
)
from vultus.storage.moving.photo_copies import copy_photos, photo_count
from vultus.storage.moving.table_rows import Content
from vultus.storage.photo_stores.location import open_photos, photo_location
from vultus.storage.photo_stores.s3 import S3PhotoStore
from vultus.storage.photos import PhotoStore
from vultus.storage.server_lock import serving_alone


def move(
    to: Annotated[
        str, typer.Option("--to", metavar="URL", help="The database to fill, sqlite:///... or postgresql+psycopg://...")
    ],
    photos: Annotated[
        str | None,
        typer.Option("--photos", metavar="URL", help="Also copy the photos, to file:///folder or s3://bucket/prefix."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be copied, and write nothing.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy the whole gallery to another database, compare every row, and leave this one as it is."""
    settings = load_settings(data_dir=data_dir)
    with _source(settings, to) as source:
        known = examine_source(source)
        copies = None if photos is None else _usable_photos(photos, settings)
        if dry_run:
            with naming_target(), existing_database(to, settings.key_file) as there:
                done = 0 if there is None else rows_there(there, known)
            _show_plan(known, done, to, as_json)
            return
        with _target(settings, to) as target, leading(target, "the target"):
            moved = _move(source, target, known, bar=not as_json)
            if copies is not None:
                _copy_photos(source, settings, copies, bar=not as_json)
            finish(source, target, Act(COMMAND))
    _show(moved, settings, to, photos, as_json)


@contextmanager
def _source(settings: Settings, to: str) -> Iterator[Database]:
    """The database of the settings, of which no server is running and none can start with this data folder."""
    url = settings.sqlalchemy_url
    require_database(url)
    if is_sqlite(url) and is_sqlite(to) and database_file(url).resolve() == database_file(to).resolve():
        raise StorageFailed("--to names the database that is to be moved; name another one")
    with ExitStack() as stack:
        stack.enter_context(serving_alone(settings.data_dir))
        if is_sqlite(url):
            refuse_unfinished(url)
        source = stack.enter_context(existing_database(url, settings.key_file))
        assert source is not None  # see require_database
        stack.enter_context(leading(source, "the database that is to be moved"))
        yield source


@contextmanager
def _target(settings: Settings, to: str) -> Iterator[Database]:
    with ExitStack() as stack:
        with naming_target():
            target = open_database(to, settings.key_file)
            stack.callback(target.close)
            with target.reading():
                pass  # it answers
        yield target


def _usable_photos(url: str, settings: Settings) -> PhotoStore:
    try:
        store = open_photos(photo_location(url, settings.data_dir))
    except SettingsInvalid as exc:
        raise SettingsInvalid(str(exc).replace("VULTUS_PHOTO_URL", "--photos")) from None
    if isinstance(store, S3PhotoStore):
        store.require_usable()
    return store


def _move(source: Database, target: Database, known: Source, *, bar: bool) -> dict[str, Content]:
    rows = sum(known.rows.values())
    with _counting("rows copied", rows, bar=bar) as advance:
        advance(rows_there(target, known))
        copy_rows(source, target, known, advance=advance)
    with _counting("rows compared", 2 * rows, bar=bar) as advance:
        return compare(source, target, advance=advance)


def _copy_photos(source: Database, settings: Settings, copies: PhotoStore, *, bar: bool) -> None:
    place = open_photos(photo_location(settings.photo_url, settings.data_dir))
    with progress("photos copied", photo_count(source), lines=False, bar=bar) as advance:
        copy_photos(source, place, copies, advance=advance)


@contextmanager
def _counting(label: str, total: int, *, bar: bool) -> Iterator[Callable[[int], None]]:
    with progress(label, total, lines=False, bar=bar) as advance:

        def advance_by(rows: int) -> None:
            for _ in range(rows):
                advance()

        yield advance_by


def _show_plan(known: Source, done: int, to: str, as_json: bool) -> None:
    if as_json:
        print_json({"target": shown_url(to), "dry_run": True, "rows": known.rows, "rows_there": done})
        return
    rest = f"; {done} rows of an unfinished move are there already" if done else ""
    print_lines([f"{_counts(known.rows)} would be copied to {shown_url(to)}{rest}", "nothing was written"])


def _show(moved: dict[str, Content], settings: Settings, to: str, photos: str | None, as_json: bool) -> None:
    place = photo_location(photos or settings.photo_url, settings.data_dir)
    if as_json:
        tables = {name: asdict(content) for name, content in moved.items()}
        print_json({"target": shown_url(to), "photos": str(place), "tables": tables})
        return
    lines = [
        f"{shown_url(to)} holds {_counts({name: one.rows for name, one in moved.items()})}; "
        "counts and digests of all tables agree",
        f"To serve it, set VULTUS_DATABASE_URL to it{_further(to, photos)}; the data folder stays the same.",
        f"The photos are in {place}" + (", copied and compared." if photos else ", where they were."),
        "The source was left as it is and still holds everybody. Who is erased from now on stays in it: erase it as "
        "soon as the other is proven.",
    ]
    print_lines(lines)


def _further(to: str, photos: str | None) -> str:
    shared = "" if is_sqlite(to) or (photos or "").startswith("s3:") else " and VULTUS_PHOTOS_SHARED=true"
    return shared + ("" if photos is None else f" and VULTUS_PHOTO_URL={photos}")


def _counts(rows: dict[str, int]) -> str:
    names = f"{rows['collections']} collections, {rows['subjects']} subjects, {rows['faces']} faces"
    return f"{names}, in all {sum(rows.values())} rows of {len(rows)} tables"
