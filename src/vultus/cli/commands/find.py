"""vultus find: a photo of this machine in a collection."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

import typer

from vultus.cli.embedding_file import EmbeddingFile, read_embedding
from vultus.cli.exit_codes import NEGATIVE
from vultus.cli.opening import opened, record_comparison
from vultus.cli.options import (
    AcceptLowQuality,
    AsExitCode,
    AsJson,
    DataDir,
    InCollection,
    Liveness,
    ModelDir,
    ModelName,
    check_rate,
)
from vultus.cli.output import print_json, print_lines, print_states, print_table, say
from vultus.cli.settings import load_settings, read_photo
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.answers import FindResult, Identification
from vultus.schemas.answers import find_answer


def find(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="A photo.")] = None,
    collection: InCollection = DEFAULT_COLLECTION,
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=100, help="Most subjects to list.")] = 5,
    faces: Annotated[
        Literal["largest", "all"], typer.Option("--faces", help="Ask about the largest face, or about all.")
    ] = "largest",
    target_fpir: Annotated[
        float | None,
        typer.Option("--target-fpir", help="False-positive identification rate to decide at.", callback=check_rate),
    ] = None,
    embedding: EmbeddingFile = None,
    model: ModelName = None,
    accept_low_quality: AcceptLowQuality = False,
    liveness: Liveness = None,
    exit_code: AsExitCode = False,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Search a collection for the person in a photo, or with an embedding that you kept."""
    _check_probe(file, embedding, model)
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    photo = b"" if file is None else read_photo(file, settings.max_image_bytes)
    vector = None if embedding is None else read_embedding(embedding)
    with opened(ctx, settings) as system:
        started = perf_counter()
        search = system.service.identification
        if vector is None:
            result = search.find(
                photo,
                collection=collection,
                top_k=top_k,
                faces=faces,
                target_fpir=target_fpir,
                model_name=model,
                accept_low_quality=accept_low_quality,
                liveness=liveness,
            )
        else:
            result = search.find_embedding(
                vector,
                model_name=str(model),
                collection=collection,
                top_k=top_k,
                target_fpir=target_fpir,
                liveness=liveness,
            )
        matched = (face.matches[0].candidate.face_id for face in result.faces if face.decision == "match")
        record_comparison(system, "find", collection, tuple(matched))
        seconds = perf_counter() - started
    _show_found(result, model, seconds, as_json)
    found = any(face.decision == "match" for face in result.faces)
    raise typer.Exit(NEGATIVE if exit_code and not found else 0)


def _check_probe(file: Path | None, embedding: Path | None, model: str | None) -> None:
    if (file is None) == (embedding is None):
        raise typer.BadParameter("name a photo or an embedding, one of them", param_hint="FILE, --embedding")
    if embedding is not None and model is None:
        raise typer.BadParameter("needs --model, the model that made it", param_hint="--embedding")


def _show_found(result: FindResult, model: str | None, seconds: float, as_json: bool) -> None:
    if as_json:
        print_json(find_answer(result, model, seconds).model_dump(mode="json"))
        return
    for face in result.faces:
        _show_face(face)
    if result.choice is not None and result.choice.note:
        say(f"face: {result.choice.note}")


def _show_face(face: Identification) -> None:
    print_states([(face.decision, f": {face.reason}")])
    if face.liveness is not None:
        print_lines([f"{face.liveness.decision}: {face.liveness.reason}"])
    if face.matches:
        rows = [
            (match.candidate.subject, match.candidate.name, match.candidate.similarity, match.above_threshold)
            for match in face.matches
        ]
        print_table(("subject", "name", "similarity", "above threshold"), rows)
        if face.more:
            say(f"further subjects follow these {len(rows)}; list more by --top-k")
    for note in (face.rule.note, *(caution.detail for caution in face.cautions)):
        if note:
            say(note)
