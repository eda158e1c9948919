"""vultus check: all that a data folder holds, compared."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from vultus.backup.integrity import faults, unreferenced_photos
from vultus.cli.exit_codes import REFUSED
from vultus.cli.options import AsJson, DataDir
from vultus.cli.output import print_json, print_lines, say
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import counted, working
from vultus.config import Settings
from vultus.storage.audit import COMMAND, Act, Audit
from vultus.storage.database import Database, open_database, require_database
from vultus.storage.gallery import Gallery
from vultus.storage.gallery_reader import doubly_spelled_sentence
from vultus.storage.photo_records.photo_removal import Removal
from vultus.storage.photo_stores.location import open_photos, photo_location
from vultus.storage.photos import PhotoStore
from vultus.storage.sealing.seals import seal_anew
from vultus.storage.server_lock import serving_alone

NO_SEALS = (
    "rows in PostgreSQL have no seals, so what was changed there from outside is not found; who may write to that "
    "database is for PostgreSQL to say"
)


def check(
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove stored photos that belong to no face; nothing else.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Compare the sizes of photos, not their digests.")] = False,
    seal: Annotated[
        bool,
        typer.Option(
            "--seal-anew", help="Take all rows as they are: seal them with the installation key, made if lost."
        ),
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare all that is stored with each other; exit code 1 when something disagrees. A server may go on serving."""
    settings = load_settings(data_dir=data_dir)
    require_database(settings.sqlalchemy_url)
    photos = open_photos(photo_location(settings.photo_url, settings.data_dir))
    with closing(open_database(settings.sqlalchemy_url, settings.key_file)) as database:
        if seal:
            with working("sealing all rows", bar=not as_json):
                _seal_anew(database, settings)
        if repair:
            with working("removing photos that belong to no face", bar=not as_json):
                removed = _repaired(database, photos)
            say(f"removed {removed} photos that belonged to no face")
        with counted("photos compared", bar=not as_json) as report:
            found = list(faults(database, photos, digests=not quick, report=report))
        notes = [] if any(fault.kind == "database" for fault in found) else _notes(database)
    if as_json:
        print_json({"sound": not found, "faults": [asdict(fault) for fault in found], "notes": notes})
    else:
        print_lines([f"{fault.kind}: {fault.sentence}" for fault in found] or ["sound: all that is stored agrees"])
        print_lines([f"note: {note}" for note in notes])
    raise typer.Exit(REFUSED if found else 0)


def _notes(database: Database) -> list[str]:
    """What is no fault, but for the operator to know or to settle."""
    spelled = Gallery(database).doubly_spelled()
    unsealed = [] if database.seals_rows else [NO_SEALS]
    waiting = Gallery(database).photos.waiting()
    erased = f"{waiting} photos of erased faces are still to be removed; a server does it, or vultus check --repair"
    return [*unsealed, *([erased] if waiting else []), *([doubly_spelled_sentence(spelled)] if spelled else [])]


def _repaired(database: Database, photos: PhotoStore) -> int:
    """Remove the photos that belong to no face, those too that wait for it; how many."""
    kept, erased = Gallery(database).photos, 0
    done = Removal(more=True)
    while done.more:
        done = kept.step(photos.delete)
        erased += done.removed
        if done.problem is not None:
            raise done.problem
    return erased + kept.remove_strays(unreferenced_photos(database, photos), photos.delete)


def _seal_anew(database: Database, settings: Settings) -> None:
    """Seal all rows as they are, while no server seals with the former key."""
    with serving_alone(settings.data_dir):
        database.installation_key.make()
        seal_anew(database)
        Audit(database).add(Act(COMMAND).line("seals.anew"))
    say(f"all rows are sealed anew with {settings.key_file}")
