"""vultus backup, vultus restore: the whole data folder to one file, and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vultus.cli.context import load_settings, open_database
from vultus.cli.options import AsJson, DataDir
from vultus.cli.output import print_json, print_lines
from vultus.errors import StorageFailed

if TYPE_CHECKING:
    from vultus.backup.archive import Manifest


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not be there yet.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write database and photos to one verified file; a server may go on serving."""
    from vultus.backup.create import back_up
    from vultus.storage.audit import COMMAND, Act, Audit
    from vultus.storage.database import database_file
    from vultus.storage.photos import LocalPhotoStore

    settings = load_settings(data_dir=data_dir)
    database = database_file(settings.sqlalchemy_url)
    if not database.is_file():
        raise StorageFailed(f"there is no database {database.absolute()}; name its folder with --data-dir")
    with open_database(settings) as engine:
        manifest = back_up(engine, LocalPhotoStore(settings.photo_dir), file)
        Audit(engine).add(Act(COMMAND).line("backup"))
    _show(f"{file} holds", manifest, as_json)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `vultus backup` wrote.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty data folder, whole or not at all."""
    from vultus.backup.restore import restore as put_back
    from vultus.storage.audit import COMMAND, Act
    from vultus.storage.database import database_file
    from vultus.storage.server_lock import serving_alone

    settings = load_settings(data_dir=data_dir)
    with serving_alone(settings.data_dir):
        database = database_file(settings.sqlalchemy_url)
        manifest = put_back(file, database, settings.photo_dir, Act(COMMAND))
    _show(f"{settings.data_dir.absolute()} holds", manifest, as_json)


def _show(what: str, manifest: Manifest, as_json: bool) -> None:
    if as_json:
        print_json(asdict(manifest))
        return
    counts = f"{manifest.subjects} subjects, {manifest.faces} faces, {manifest.photos} photos"
    print_lines([f"{what} {counts}, as of {manifest.created_at}; verified"])
