"""vultus backup, vultus restore: the data folder to one file, and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vultus.backup.archive import Manifest
from vultus.backup.create import create_backup
from vultus.backup.restore import restore_backup
from vultus.cli.options import AsJson, DataDir
from vultus.cli.output import print_json, print_lines
from vultus.cli.settings import load_settings
from vultus.storage.audit import COMMAND, Act, Audit
from vultus.storage.database import database_file, require_database
from vultus.storage.migrations.runner import ready_database
from vultus.storage.photos import LocalPhotoStore
from vultus.storage.server_lock import serving_alone


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not be there yet.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write database and photos to one verified file; a server may go on serving."""
    settings = load_settings(data_dir=data_dir)
    require_database(settings.sqlalchemy_url)
    with ready_database(settings.sqlalchemy_url) as database:
        manifest = create_backup(database, LocalPhotoStore(settings.photo_dir), file)
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
        manifest = restore_backup(file, database, settings.photo_dir, Act(COMMAND))
    _show(f"{settings.data_dir.absolute()} holds", manifest, as_json)


def _show(what: str, manifest: Manifest, as_json: bool) -> None:
    if as_json:
        print_json(asdict(manifest))
        return
    counts = f"{manifest.subjects} subjects, {manifest.faces} faces, {manifest.photos} photos"
    print_lines([f"{what} {counts}, as of {manifest.created_at}; verified"])
