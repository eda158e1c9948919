"""vultus unknown: faces of nobody known that searches kept, by person as far as that can be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vultus.cli.commands.kept_subjects import write_new_file
from vultus.cli.confirmation import Yes, confirm
from vultus.cli.id_prefix import LEAST_CHARACTERS, full_id
from vultus.cli.opening import opened, record_comparison
from vultus.cli.options import AsJson, DataDir, InCollection, ModelDir, check_name, check_subject
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings
from vultus.errors import InvalidRequest
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.review import UnknownGroup
from vultus.schemas.unknown_faces import ForgottenAnswer, IgnoredAnswer, assigned_answer, unknown_answer
from vultus.storage.audit import UNKNOWN_PHOTO
from vultus.wiring.parts import System

app = typer.Typer(help="Faces of nobody known: list, look at, assign, ignore, erase.", no_args_is_help=True)
COLUMNS = ("face", "faces", "quality", "first (UTC)", "last (UTC)")
BEGINNING = f"or {LEAST_CHARACTERS} and more characters that it alone begins with"
Face = Annotated[str, typer.Argument(metavar="FACE", help=f"Id of the face, {BEGINNING}.")]
People = Annotated[
    list[str], typer.Argument(metavar="FACE", help=f"One face of each group that is meant: its id, {BEGINNING}.")
]
Alone = Annotated[bool, typer.Option("--alone", help="These faces alone, not all that look like the same person.")]


@app.command("list")
def list_unknown(
    ctx: typer.Context,
    collection: InCollection = DEFAULT_COLLECTION,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most people.")] = 100,
    ignored: Annotated[bool, typer.Option("--ignored", help="Those that are ignored, in place of the others.")] = False,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """List the people whom searches did not know, a line each with their best face; the most seen first."""
    with opened_without_networks(ctx, data_dir, model_dir) as system:
        days = system.gallery.collection(collection).policies.keep_unknown_days
        groups = system.service.unknown_faces.groups(collection, ignored=ignored)
        hidden = system.service.unknown_faces.ignored_count(collection)
    if as_json:
        print_json(unknown_answer(collection, days, groups, hidden, limit).model_dump(mode="json"))
    else:
        print_table(COLUMNS, map(_row, groups[:limit]))
    if days is None:
        say(f"collection {collection} keeps no unknown faces; see: vultus collections set --help, --keep-unknown-days")
    if hidden and not ignored:
        say(f"{hidden} faces are ignored; list them by --ignored")
    if len(groups) > limit:
        say(f"there are {len(groups)} people; show more of them by --limit, which is {limit}")


@app.command("photo")
def write_photo(
    ctx: typer.Context,
    face: Face,
    to: Annotated[Path, typer.Option("--to", help="The file to write, a JPEG; it must not be there yet.")],
    collection: InCollection = DEFAULT_COLLECTION,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Write the picture of an unknown face to a file."""
    with opened_without_networks(ctx, data_dir, model_dir) as system:
        (face,) = _faces(system, collection, [face], alone=True)
        size = write_new_file(to, [system.service.unknown_faces.crop(collection, face)])
        record_comparison(system, UNKNOWN_PHOTO, collection, (face,))
    if as_json:
        print_json({"file": str(to), "bytes": size})
    else:
        print_lines([f"{to} has face {face}, {size} bytes"])


@app.command("assign")
def assign_unknown(
    ctx: typer.Context,
    faces: People,
    subject: Annotated[
        str | None,
        typer.Option("--subject", help="Whose they are, made when new; else a new id.", callback=check_subject),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The name of the subject.", callback=check_name)] = None,
    alone: Alone = False,
    collection: InCollection = DEFAULT_COLLECTION,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Enroll unknown faces for a subject; they are not unknown any more."""
    with opened_without_networks(ctx, data_dir, model_dir) as system:
        ids = _faces(system, collection, faces, alone=alone)
        owner, added = system.service.unknown_faces.assign(collection, ids, subject, name=name)
    if as_json:
        print_json(assigned_answer(owner, added).model_dump(mode="json"))
    else:
        print_lines([f"{len(added)} faces belong to {owner.id} now, which has {owner.faces}"])


@app.command("ignore")
def ignore_unknown(
    ctx: typer.Context,
    faces: People,
    undo: Annotated[bool, typer.Option("--undo", help="Take it back: they are listed again.")] = False,
    alone: Alone = False,
    collection: InCollection = DEFAULT_COLLECTION,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """List unknown faces no more, and keep none of these people again until the faces' days are over."""
    with opened_without_networks(ctx, data_dir, model_dir) as system:
        ids = _faces(system, collection, faces, alone=alone)
        there = system.service.unknown_faces.ignore(collection, ids, ignored=not undo)
    if as_json:
        print_json(IgnoredAnswer(collection=collection, faces=there, ignored=not undo).model_dump(mode="json"))
    else:
        print_lines([f"{there} unknown faces are {'listed again' if undo else 'ignored until their days are over'}"])


@app.command("erase")
def erase_unknown(
    ctx: typer.Context,
    faces: Annotated[list[str] | None, typer.Argument(metavar="FACE", help="As for assign; or --all.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="All unknown faces of the collection.")] = False,
    alone: Alone = False,
    yes: Yes = False,
    collection: InCollection = DEFAULT_COLLECTION,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Erase unknown faces: embedding, picture and time. It cannot be undone."""
    if bool(faces) == everybody:
        raise typer.BadParameter("name one face or more, or give --all")
    with opened_without_networks(ctx, data_dir, model_dir) as system:
        ids = None if not faces else _faces(system, collection, faces, alone=alone)
        what = "all unknown faces" if ids is None else f"{len(ids)} unknown faces"
        confirm(f"Erase {what} of collection {collection!r}", yes=yes)
        erased = system.service.unknown_faces.erase(collection, ids)
    if as_json:
        print_json(ForgottenAnswer(collection=collection, erased=erased).model_dump(mode="json"))
    else:
        print_lines([f"{erased} unknown faces are erased"])


@contextmanager
def opened_without_networks(ctx: typer.Context, data_dir: Path | None, model_dir: Path | None) -> Iterator[System]:
    """The system of these settings; nothing here looks at a photo."""
    with opened(ctx, load_settings(data_dir=data_dir, model_dir=model_dir), warm=False) as system:
        yield system


def _faces(system: System, collection: str, given: Sequence[str], *, alone: bool) -> list[str]:
    """The ids that are meant, each once. Raises InvalidRequest, when no such face is kept."""
    kept = system.service.unknown_faces
    groups = (*kept.groups(collection), *kept.groups(collection, ignored=True))
    group_of = {face.id: group for group in groups for face in group.faces}
    ids = dict[str, None]()
    for one in given:
        face_id = full_id(one, group_of)
        if face_id not in group_of:
            raise InvalidRequest(f"no unknown face {one!r} is in collection {collection!r}; see: vultus unknown list")
        members = [face_id] if alone else [face.id for face in group_of[face_id].faces]
        ids.update(dict.fromkeys(members))
    return list(ids)


def _row(group: UnknownGroup) -> tuple[object, ...]:
    best, moments = group.faces[0], [face.seen_at for face in group.faces]
    return (best.id, len(moments), round(best.quality.score), min(moments), max(moments))
