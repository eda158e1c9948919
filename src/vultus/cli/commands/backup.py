"""vultus backup, restore and check: the data folder to one file, and back; all that it holds compared."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vultus.backup.archive import Manifest
from vultus.backup.create import create_backup
from vultus.backup.integrity import faults, unreferenced_photos
from vultus.backup.restore import restore_backup
from vultus.cli.exit_codes import REFUSED
from vultus.cli.options import AsJson, DataDir
from vultus.cli.output import print_json, print_lines, say
from vultus.cli.settings import load_settings
from vultus.config import Settings
from vultus.errors import StorageFailed
from vultus.storage.audit import COMMAND, Act, Audit
from vultus.storage.database import Database, database_file, open_database, require_database
from vultus.storage.gallery import Gallery
from vultus.storage.gallery_reader import doubly_spelled_sentence
from vultus.storage.migrations.runner import ready_database
from vultus.storage.photos import LocalPhotoStore
from vultus.storage.sealing.seals import seal_anew
from vultus.storage.server_lock import serving_alone


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not be there yet.")],
    with_key: Annotated[
        bool, typer.Option("--with-installation-key", help="Also the key by which a restore can verify the rows.")
    ] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Also where nobody is enrolled.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write database and photos to one verified file; a server may go on serving."""
    settings = load_settings(data_dir=data_dir)
    with ready_database(settings.sqlalchemy_url, settings.key_file) as database:
        if not allow_empty and not any(collection.subjects for collection in Gallery(database).collections()):
            raise StorageFailed(
                f"nobody is enrolled in {settings.data_dir.absolute()}; name the right folder with --data-dir, "
                "or add --allow-empty"
            )
        manifest = create_backup(database, LocalPhotoStore(settings.photo_dir), file, with_key=with_key)
        Audit(database).add(Act(COMMAND).line("backup"))
    _show(f"{file} holds", manifest, as_json)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `vultus backup` wrote.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty data folder, whole or not at all."""
    settings = load_settings(data_dir=data_dir)
    with serving_alone(settings.data_dir):
        database = database_file(settings.sqlalchemy_url)
        manifest, verified = restore_backup(file, database, settings.photo_dir, Act(COMMAND), settings.key_file)
    if not verified:
        say(
            "the installation key of the backup is not here, so whether rows were changed before the backup cannot be "
            f"told; they are sealed anew with {settings.key_file}"
        )
    _show(f"{settings.data_dir.absolute()} holds", manifest, as_json)


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
    photos = LocalPhotoStore(settings.photo_dir)
    with closing(open_database(settings.sqlalchemy_url, settings.key_file)) as database:
        if seal:
            _seal_anew(database, settings)
        if repair:
            removed = Gallery(database).remove_unreferenced(unreferenced_photos(database, photos), photos.delete)
            say(f"removed {removed} photos that belonged to no face")
        found = list(faults(database, photos, digests=not quick))
        notes = [] if any(fault.kind == "database" for fault in found) else _notes(database)
    if as_json:
        print_json({"sound": not found, "faults": [asdict(fault) for fault in found], "notes": notes})
    else:
        print_lines([f"{fault.kind}: {fault.sentence}" for fault in found] or ["sound: all that is stored agrees"])
        print_lines([f"note: {note}" for note in notes])
    raise typer.Exit(REFUSED if found else 0)


def _notes(database: Database) -> list[str]:
    """What is no fault, but for the operator to settle."""
    spelled = Gallery(database).doubly_spelled()
    return [doubly_spelled_sentence(spelled)] if spelled else []


def _seal_anew(database: Database, settings: Settings) -> None:
    """Seal all rows as they are, while no server seals with the former key."""
    with serving_alone(settings.data_dir):
        database.installation_key.make()
        seal_anew(database)
        Audit(database).add(Act(COMMAND).line("seals.anew"))
    say(f"all rows are sealed anew with {settings.key_file}")


def _show(what: str, manifest: Manifest, as_json: bool) -> None:
    if as_json:
        print_json(asdict(manifest))
        return
    counts = f"{manifest.subjects} subjects, {manifest.faces} faces, {manifest.photos} photos"
    print_lines([f"{what} {counts}, as of {manifest.created_at}; verified"])
