"""vultus export, and vultus import --archive: the open archive of a gallery."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vultus.cli.options import AsJson, DataDir
from vultus.cli.output import print_json, print_lines
from vultus.cli.settings import load_settings
from vultus.cli.terminal.progress import counted, progress
from vultus.config import Settings
from vultus.errors import ModelMismatch, StorageFailed
from vultus.files import make_folders
from vultus.models.card import ModelCard, find_card
from vultus.models.catalogue import known_cards
from vultus.portable.export_gallery import export_gallery
from vultus.portable.import_archive import import_archive
from vultus.storage.audit import COMMAND, Act, Audit
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import ready_database
from vultus.wiring.open_system import opened_photos


def export(
    file: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="The file to write; it must not be there yet.")],
    collections: Annotated[
        list[str] | None, typer.Option("--collection", help="A collection to export; may be repeated. Default: all.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write people, embeddings and photos to a file in an open format; a server may go on serving."""
    settings = load_settings(data_dir=data_dir)
    with ready_database(settings.sqlalchemy_url, settings.key_file) as database:
        gallery = Gallery(database)
        names = tuple(dict.fromkeys(collections or [one.name for one in gallery.collections()]))
        if not names:
            raise StorageFailed(f"there is no collection in {settings.data_dir.absolute()}; name the right --data-dir")
        faces = sum(one.faces for one in gallery.collections() if one.name in names)
        with progress("faces written", faces, lines=False, bar=not as_json) as advance:
            held = export_gallery(gallery, opened_photos(settings), file, names, advance=advance)
        Audit(database).add(Act(COMMAND).line("export"))
    if as_json:
        print_json({"file": str(file), **held.model_dump()})
        return
    print_lines(
        [
            f"{file} holds {held.subjects} subjects, {held.faces} faces of {held.collections} collections",
            "It keeps these people, also when they are erased here: remove it when it is no longer needed.",
        ]
    )
    if held.left_out:
        print_lines([f"{held.left_out} faces were left out: without an embedding, or erased meanwhile"])


def import_from(file: Path, settings: Settings, as_json: bool) -> None:
    """Import an archive into the data folder of these settings, made when it is not there."""
    make_folders(settings.data_dir)
    cards = known_cards(settings.model_dir)
    with ready_database(settings.sqlalchemy_url, settings.key_file, may_create=True) as database:
        gallery = Gallery(database).acting_as(Act(COMMAND))
        photos = opened_photos(settings)
        with counted("faces", bar=not as_json) as report:
            done = import_archive(file, gallery, photos, lambda *model: _require_model(cards, *model), report=report)
    if as_json:
        print_json({"file": str(file), **asdict(done)})
        return
    print_lines([f"{file}: {done.subjects} subjects, {done.faces} faces, {done.new_faces} of them new here"])
    if done.erased:
        print_lines([f"{done.erased} faces were left out: their subjects were erased meanwhile"])


def _require_model(cards: tuple[ModelCard, ...], model_id: str, version: int, dimension: int) -> None:
    card = find_card(cards, model_id)
    if card is None or card.id != model_id:
        raise ModelMismatch(
            f"the archive has embeddings of {model_id[:80]!a}, of which there is no card here; "
            "put its card into the model folder, or enroll the photos again: vultus import FOLDER"
        )
    if version not in (card.pipeline_version, *card.older_versions) or dimension != card.output_dimension:
        raise ModelMismatch(
            f"the archive has embeddings of {model_id}, preprocessing {version}, {dimension} numbers; here it has "
            f"preprocessing {card.pipeline_version} and {card.output_dimension} numbers; re-embed where it was exported"
        )
