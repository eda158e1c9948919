"""vultus enroll: photos of this machine, of one person or of all people in one photo."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

import typer

from vultus.cli.exit_codes import PARTLY
from vultus.cli.opening import opened
from vultus.cli.options import AsJson, DataDir, InCollection, ModelDir, ModelName, check_name, check_subject
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings, read_photo
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.answers import EnrollResult
from vultus.schemas.answers import enroll_answer


def enroll(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Photos of one person; with --face all, one.")],
    subject: Annotated[
        str | None,
        typer.Option("--subject", help="Id of the person; not with --face all.", callback=check_subject),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the person.", callback=check_name)] = None,
    collection: InCollection = DEFAULT_COLLECTION,
    face: Annotated[
        Literal["only", "largest", "all"],
        typer.Option("--face", help="Allow one face only, take the largest, or make a new subject of each."),
    ] = "only",
    min_quality: Annotated[
        float | None, typer.Option("--min-quality", min=0, max=100, help="Refuse faces of lower quality, 0..100.")
    ] = None,
    model: ModelName = None,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Add photos of one person to a collection, or all faces of one photo."""
    _check_enrolment(face, subject, name, files)
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    photos = [read_photo(file, settings.max_image_bytes) for file in files]
    with opened(ctx, settings) as system:
        started = perf_counter()
        enrolment = system.service.enrolment
        if face == "all":
            result = enrolment.enroll_all_faces(
                photos[0], collection=collection, model_name=model, min_quality=min_quality
            )
        else:
            result = enrolment.enroll(
                photos,
                collection=collection,
                subject=subject,
                name=name,
                model_name=model,
                face=face,
                min_quality=min_quality,
            )
        seconds = perf_counter() - started
    _show_enrolled(result, files, model, seconds, as_json)
    raise typer.Exit(PARTLY if result.rejected else 0)


def _check_enrolment(face: str, subject: str | None, name: str | None, files: list[Path]) -> None:
    if face != "all":
        if subject is None:
            raise typer.BadParameter("is missing; only with --face all new subjects are made", param_hint="--subject")
    elif subject is not None or name is not None:
        raise typer.BadParameter("all makes a new subject of each face; leave out --subject and --name")
    elif len(files) > 1:
        raise typer.BadParameter(f"all takes one photo, {len(files)} are named; enroll them one by one")


def _show_enrolled(result: EnrollResult, files: list[Path], model: str | None, seconds: float, as_json: bool) -> None:
    if as_json:
        print_json(enroll_answer(result, model, seconds).model_dump(mode="json"))
        return
    rows = [
        (one.face.subject, one.face.id, one.face.quality and one.face.quality.score, one.created)
        for one in result.faces
    ]
    if result.subject is None:
        print_table(("subject", "face", "quality", "new"), rows)
    else:
        print_table(("face", "quality", "new"), [row[1:] for row in rows])
        print_lines([f"faces of {result.subject.id} in collection {result.collection.name}: {result.subject.faces}"])
    for refusal in result.rejected:
        which = "" if refusal.face is None else f", face {refusal.face},"
        say(f"{files[refusal.index]}{which} refused ({refusal.error}): {refusal.detail}")
