"""vultus check: compares rows, embeddings, revisions, photos and the audit with each other."""

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
from vultus.storage.database import open_database, require_database
from vultus.storage.gallery import Gallery
from vultus.storage.photos import LocalPhotoStore


def check(
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove stored photos that belong to no face; nothing else.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Compare the sizes of photos, not their digests.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare all that is stored with each other; exit code 1 when something disagrees. A server may go on serving."""
    settings = load_settings(data_dir=data_dir)
    require_database(settings.sqlalchemy_url)
    photos = LocalPhotoStore(settings.photo_dir)
    with closing(open_database(settings.sqlalchemy_url)) as database:
        if repair:
            removed = Gallery(database).remove_unreferenced(unreferenced_photos(database, photos), photos.delete)
            say(f"removed {removed} photos that belonged to no face")
        found = list(faults(database, photos, digests=not quick))
    if as_json:
        print_json({"sound": not found, "faults": [asdict(fault) for fault in found]})
    else:
        print_lines([f"{fault.kind}: {fault.sentence}" for fault in found] or ["sound: all that is stored agrees"])
    raise typer.Exit(REFUSED if found else 0)
