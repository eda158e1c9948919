"""vultus enroll: photos of this machine, of one person or of all people in one photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal

import typer

from vultus import identifiers
from vultus.cli.embedding_file import EmbeddingFile, read_embeddings
from vultus.cli.exit_codes import PARTLY
from vultus.cli.expiry_option import ExpiresAt
from vultus.cli.opening import opened
from vultus.cli.options import (
    AsJson,
    DataDir,
    InCollection,
    Liveness,
    ModelDir,
    ModelName,
    Strict,
    check_name,
    check_subject,
)
from vultus.cli.output import print_json, print_lines, print_table, say
from vultus.cli.settings import load_settings, read_photo
from vultus.identifiers import DEFAULT_COLLECTION
from vultus.records.answers import EnrollResult
from vultus.records.liveness import LivenessMode
from vultus.schemas.answers import enroll_answer
from vultus.service.accepted_faces import WhichFace
from vultus.service.enrolment import Enrolment


def enroll(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help="Photos of one person; with --face all, one.")
    ] = None,
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
    subjects: Annotated[
        str | None,
        typer.Option(
            "--subjects",
            metavar="A,B,...",
            help="With --face all: the subject of each face, largest face first; nothing between commas: a new one.",
        ),
    ] = None,
    embedding: EmbeddingFile = None,
    min_quality: Annotated[
        float | None, typer.Option("--min-quality", min=0, max=100, help="Refuse faces of lower quality, 0..100.")
    ] = None,
    strict: Strict = False,
    liveness: Liveness = None,
    expires_at: ExpiresAt = None,
    model: ModelName = None,
    data_dir: DataDir = None,
    model_dir: ModelDir = None,
    as_json: AsJson = False,
) -> None:
    """Add photos of one person to a collection, or all faces of one photo, or embeddings that you kept."""
    given = _Given(
        tuple(files or ()), subject, name, face, subjects, embedding, min_quality, model, strict, expires_at, liveness
    )
    given.check()
    settings = load_settings(data_dir=data_dir, model_dir=model_dir)
    photos = [read_photo(file, settings.max_image_bytes) for file in given.files]
    vectors = None if embedding is None else read_embeddings(embedding)
    with opened(ctx, settings, may_create=True) as system:
        started = perf_counter()
        result = _enrolled(system.service.enrolment, given, photos, vectors, collection)
        seconds = perf_counter() - started
    _show_enrolled(result, given.files, model, seconds, as_json)
    raise typer.Exit(PARTLY if result.rejected else 0)


@dataclass(frozen=True)
class _Given:
    """The options of the command that go together in some ways only."""

    files: tuple[Path, ...]
    subject: str | None
    name: str | None
    face: WhichFace | Literal["all"]
    subjects: str | None
    embedding: Path | None
    min_quality: float | None
    model: str | None
    strict: bool
    expires_at: datetime | None
    liveness: LivenessMode | None

    def check(self) -> None:
        """Refuses as wrong usage what would be ignored."""
        if self.embedding is not None:
            self._check_embedding()
        elif not self.files:
            raise typer.BadParameter("is missing; name photos, or embeddings by --embedding", param_hint="FILE...")
        elif self.face == "all":
            self._check_all_faces()
        self.owners()
        if self.subjects is not None and self.face != "all":
            raise typer.BadParameter("needs --face all; for one person use --subject", param_hint="--subjects")
        if self.subject is None and self.face != "all":
            raise typer.BadParameter("is missing; only with --face all new subjects are made", param_hint="--subject")

    def _check_embedding(self) -> None:
        if self.files or self.face != "only" or self.min_quality is not None:
            raise typer.BadParameter("leave out photos, --face and --min-quality", param_hint="--embedding")
        if self.model is None:
            raise typer.BadParameter("needs --model, the model that made it", param_hint="--embedding")

    def _check_all_faces(self) -> None:
        if self.subject is not None or self.name is not None or self.expires_at is not None:
            raise typer.BadParameter(
                "all makes a new subject of each face; leave out --subject, --name and --expires-at"
            )
        if len(self.files) > 1:
            raise typer.BadParameter(f"all takes one photo, {len(self.files)} are named; enroll them one by one")

    def owners(self) -> list[str | None] | None:
        """The subject of each face, None for a new one; None where all are new."""
        if self.subjects is None:
            return None
        named = [name.strip() or None for name in self.subjects.split(",")]
        try:
            for name in named:
                identifiers.check_subject(name or "new")
        except ValueError as exc:
            raise typer.BadParameter(f"holds an id that {exc}", param_hint="--subjects") from exc
        return named


def _enrolled(
    enrolment: Enrolment, given: _Given, photos: Sequence[bytes], vectors: list[list[float]] | None, collection: str
) -> EnrollResult:
    if vectors is not None:
        model = str(given.model)  # `check` asks for it
        return enrolment.enroll_embeddings(
            vectors,
            model_name=model,
            collection=collection,
            subject=given.subject,
            name=given.name,
            expires_at=given.expires_at,
            strict=given.strict,
            liveness=given.liveness,
        )
    if given.face == "all":
        return enrolment.enroll_all_faces(
            photos[0],
            collection=collection,
            subjects=given.owners(),
            model_name=given.model,
            min_quality=given.min_quality,
            strict=given.strict,
            liveness=given.liveness,
        )
    return enrolment.enroll(
        photos,
        collection=collection,
        subject=given.subject,
        name=given.name,
        expires_at=given.expires_at,
        model_name=given.model,
        face=given.face,
        min_quality=given.min_quality,
        strict=given.strict,
        liveness=given.liveness,
    )


def _show_enrolled(
    result: EnrollResult, files: Sequence[Path], model: str | None, seconds: float, as_json: bool
) -> None:
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
    for place, one in enumerate(result.faces):
        if one.choice is not None and one.choice.note and result.subject is not None:
            say(f"face {place}: {one.choice.note}")
    for refusal in result.rejected:
        which = "" if refusal.face is None else f", face {refusal.face},"
        say(f"{files[refusal.index]}{which} refused ({refusal.error}): {refusal.detail}")
    for caution in result.cautions:
        where = "" if caution.index is None or not files else f"{files[caution.index]}: "
        say(f"{where}{caution.detail}")
