"""vultus find: a photo of this machine in a collection."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

import typer

from vultus.cli.exit_codes import NEGATIVE
from vultus.cli.opening import opened, record_comparison
from vultus.cli.options import AsExitCode, AsJson, DataDir, InCollection, ModelDir, check_rate
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings, read_photo
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.answers import FindResult, Identification
from vultus.schemas.answers import find_answer


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
