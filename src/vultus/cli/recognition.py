"""vultus enroll, verify, find: photos of this machine."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

import typer

from vultus.cli.exit_codes import NEGATIVE, PARTLY
from vultus.cli.opening import opened, record_comparison
from vultus.cli.options import (
    AsExitCode,
    AsJson,
    DataDir,
    InCollection,
    ModelDir,
    ModelName,
    check_name,
    check_rate,
    check_subject,
)
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings, read_photo
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.answers import EnrollResult, FindResult, Identification, Verification
from vultus.schemas.answers import enroll_answer, find_answer, verify_answer


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


def verify(
    ctx: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="A", help="A photo.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another photo.")],
    target_fmr: Annotated[
        float | None, typer.Option("--target-fmr", help="False match rate to decide at.", callback=check_rate)
    ] = None,
    model: ModelName = None,
    exit_code: AsExitCode = False,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether two photos show the same person; of several faces the largest counts."""
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    one, two = (read_photo(file, settings.max_image_bytes) for file in (first, second))
    with opened(ctx, settings) as system:
        started = perf_counter()
        result = system.service.recognition.verify(one, two, model_name=model, target_fmr=target_fmr)
        record_comparison(system, "verify")
        seconds = perf_counter() - started
    _show_verified(result, model, seconds, as_json)
    raise typer.Exit(NEGATIVE if exit_code and not result.verified else 0)


def _show_verified(result: Verification, model: str | None, seconds: float, as_json: bool) -> None:
    if as_json:
        print_json(verify_answer(result, model, seconds).model_dump(mode="json"))
        return
    rule = result.rule
    rows = [(result.verified, result.similarity, rule.similarity, f"{rule.expected:g}", result.model_id)]
    print_table(("verified", "similarity", "threshold", "false match rate", "model"), rows)
    notes = (f"{photo}: {chosen}" for photo, chosen in zip("AB", result.chosen, strict=True) if chosen)
    for note in (*notes, *([rule.note] if rule.note else [])):
        say(note)


def find(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A photo.")],
    collection: InCollection = DEFAULT_COLLECTION,
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=100, help="Most subjects to list.")] = 5,
    faces: Annotated[
        Literal["largest", "all"], typer.Option("--faces", help="Ask about the largest face, or about all.")
    ] = "largest",
    target_fpir: Annotated[
        float | None,
        typer.Option("--target-fpir", help="False-positive identification rate to decide at.", callback=check_rate),
    ] = None,
    exit_code: AsExitCode = False,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Search a collection for the person in a photo."""
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    photo = read_photo(file, settings.max_image_bytes)
    with opened(ctx, settings) as system:
        started = perf_counter()
        result = system.service.identification.find(
            photo, collection=collection, top_k=top_k, faces=faces, target_fpir=target_fpir
        )
        matched = (face.matches[0].candidate.face_id for face in result.faces if face.decision == "match")
        record_comparison(system, "find", collection, tuple(matched))
        seconds = perf_counter() - started
    _show_found(result, seconds, as_json)
    found = any(face.decision == "match" for face in result.faces)
    raise typer.Exit(NEGATIVE if exit_code and not found else 0)


def _show_found(result: FindResult, seconds: float, as_json: bool) -> None:
    if as_json:
        print_json(find_answer(result, None, seconds).model_dump(mode="json"))
        return
    for face in result.faces:
        _show_face(face)


def _show_face(face: Identification) -> None:
    print_lines([f"{face.decision}: {face.reason}"])
    if face.matches:
        rows = [
            (match.candidate.subject, match.name, match.candidate.similarity, match.above_threshold)
            for match in face.matches
        ]
        print_table(("subject", "name", "similarity", "above threshold"), rows)
    if face.rule.note:
        say(face.rule.note)
