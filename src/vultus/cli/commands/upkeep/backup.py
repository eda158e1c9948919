"""vultus backup and restore: the data folder to one file, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from pyrage.x25519 import Identity

from vultus.backup.archive import Manifest
from vultus.backup.create import Verified, create_backup
from vultus.backup.dry_run import examine_backup
from vultus.backup.encryption import read_identities, read_recipients
from vultus.backup.last_backup import LastBackup, write_last_backup
from vultus.backup.restore import restore_backup
from vultus.backup.retention import backup_name, remove_older
from vultus.cli.options import AsJson, DataDir
from vultus.cli.output import print_json, print_lines, say
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import counted, progress, working
from vultus.config import Settings
from vultus.errors import StorageFailed
from vultus.storage.audit import COMMAND, Act, Audit
from vultus.storage.database import Database, database_file, existing_database, is_sqlite
from vultus.storage.erasure_ledger.catching_up import open_ledger, remember_ledger
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import ready_database
from vultus.storage.photo_stores.location import open_photos, photo_location
from vultus.storage.server_lock import serving_alone

WITHOUT_KEY = (
    "the installation key of the backup is not here, so whether rows were changed before the backup cannot be told"
)


def backup(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The file to write, not there yet; or a folder, where it gets a name."),
    ],
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=1, help="Then remove the oldest backups of this data folder in FILE, a folder."),
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option("--recipient", help="Encrypt for this recipient of age, age1...; may be given several times."),
    ] = None,
    recipients_file: Annotated[
        Path | None, typer.Option("--recipients-file", help="Encrypt for the recipients in this file, one a line.")
    ] = None,
    with_key: Annotated[
        bool, typer.Option("--with-installation-key", help="Also the key by which a restore can verify the rows.")
    ] = False,
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Also where nobody is enrolled.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write database and photos to one verified file; a server may go on serving."""
    if keep is not None and not file.is_dir():
        raise typer.BadParameter(
            "takes a folder that is there as FILE: only files named by Vultus are ever removed", param_hint="--keep"
        )
    recipients = read_recipients(recipient or (), recipients_file)
    settings = load_settings(data_dir=data_dir)
    _require_file(settings)
    with ready_database(settings.sqlalchemy_url, settings.key_file) as database:
        if not allow_empty and not any(collection.subjects for collection in Gallery(database).collections()):
            raise StorageFailed(
                f"nobody is enrolled in {settings.data_dir.absolute()}; name the right folder with --data-dir, "
                "or add --allow-empty"
            )
        target = _target(file, database, settings, encrypted=bool(recipients))
        verified = create_backup(
            database,
            open_photos(photo_location(settings.photo_url, settings.data_dir)),
            target,
            with_key=with_key,
            recipients=recipients,
            work_dir=settings.data_dir if recipients else None,
            progress=partial(progress, lines=False, bar=not as_json),
        )
        _remember(settings, target, verified)
        Audit(database).add(Act(COMMAND).line("backup"))
    removed = remove_older(target, keep) if keep is not None else ()
    _show(f"{target} holds", verified.manifest, as_json, file=str(target), sha256=verified.sha256, removed=removed)
    if removed and not as_json:
        print_lines([f"removed {len(removed)} older: {', '.join(removed)}"])


def _require_file(settings: Settings) -> None:
    """Raises StorageFailed, when the database is a server's, which has its own backups."""
    if not is_sqlite(settings.sqlalchemy_url):
        raise StorageFailed(
            "vultus backup and restore are for SQLite; save PostgreSQL by pg_dump, and then the photos: "
            "docs/operations.md, PostgreSQL, says how"
        )


def _target(file: Path, database: Database, settings: Settings, *, encrypted: bool) -> Path:
    """The file to write: the one that is named, or one with a name of its own in the folder that is."""
    if not file.is_dir():
        return file
    key, now = database.installation_key, datetime.now(UTC)
    return file / backup_name(key, settings.sqlalchemy_url, now, encrypted=encrypted)


def _remember(settings: Settings, file: Path, verified: Verified) -> None:
    at = datetime.fromisoformat(verified.manifest.created_at)
    write_last_backup(settings.data_dir, LastBackup(at, file.name, file.stat().st_size, verified.sha256))


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `vultus backup` wrote.")],
    identity: Annotated[
        Path | None, typer.Option("--identity", help="File of the identity that opens an encrypted one (age-keygen).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Verify it, say what would be put in place, and write nothing.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty data folder, whole or not at all."""
    identities = () if identity is None else read_identities(identity)
    settings = load_settings(data_dir=data_dir)
    _require_file(settings)
    if dry_run:
        _examine(file, settings, identities, as_json)
        return
    with serving_alone(settings.data_dir):
        database = database_file(settings.sqlalchemy_url)
        ledger = open_ledger(settings.erasure_ledger, settings.data_dir, may_make=False)
        photos = photo_location(settings.photo_url, settings.data_dir)
        with counted("photos unpacked", bar=not as_json) as report:
            restored = restore_backup(
                *(file, database, photos if isinstance(photos, Path) else settings.data_dir / "photos"),
                *(Act(COMMAND), settings.key_file),
                identities=identities,
                ledger=ledger,
                store=None if isinstance(photos, Path) else open_photos(photos),
                report=report,
            )
        if ledger is not None:
            remember_ledger(settings.data_dir, ledger)
    if not restored.sealed:
        say(f"{WITHOUT_KEY}; they are sealed anew with {settings.key_file}")
    in_place = _in_place(settings)
    _show(f"{file} holds", restored.manifest, as_json, erasures=restored.erasures, in_place=in_place)
    if as_json:
        return
    if restored.erasures:
        print_lines([f"{restored.erasures} erasures made since were done again, as the erasure ledger says"])
    if in_place is not None:
        counts = f"{in_place['subjects']} subjects, {in_place['faces']} faces"
        print_lines([f"{settings.data_dir.absolute()} holds {counts}"])


def _examine(file: Path, settings: Settings, identities: Sequence[Identity], as_json: bool) -> None:
    """Show what a restore would do."""
    ledger = open_ledger(settings.erasure_ledger, settings.data_dir, may_make=False)
    with working("verifying", bar=not as_json):
        found = examine_backup(file, Act(COMMAND), settings.key_file, identities=identities, ledger=ledger)
    in_place = _in_place(settings)
    after = {"subjects": found.subjects, "faces": found.faces}
    more = {"dry_run": True, "sealed": found.sealed, "erasures": found.erasures, "after": after, "in_place": in_place}
    _show(f"{file} holds", found.manifest, as_json, **more)
    if as_json:
        return
    folder = settings.data_dir.absolute()
    lines = ["nothing was written"]
    if not found.sealed:
        lines.append(f"{WITHOUT_KEY}; a restore would seal them anew with {settings.key_file}")
    if ledger is not None:
        lines.append(f"{found.erasures} erasures made since would be done again, as the erasure ledger says")
        lines.append(f"a restore would put {found.subjects} subjects, {found.faces} faces in place")
    if in_place is not None:
        counts = f"{in_place['subjects']} subjects, {in_place['faces']} faces"
        lines.append(f"{folder} holds {counts} now and is never overwritten: move it away, or name another folder")
    print_lines(lines)


def _in_place(settings: Settings) -> dict[str, int] | None:
    """How many subjects and faces the data folder holds now, None when there is none."""
    with existing_database(settings.sqlalchemy_url, settings.key_file) as database:
        if database is None:
            return None
        with database.reading() as connection:
            return {
                name: int(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one())
                for name in ("subjects", "faces")
            }


def _show(what: str, manifest: Manifest, as_json: bool, **more: Any) -> None:
    if as_json:
        print_json({**asdict(manifest), **more})
        return
    counts = f"{manifest.subjects} subjects, {manifest.faces} faces, {manifest.photos} photos"
    print_lines([f"{what} {counts}, as of {manifest.created_at}; verified"])
