"""Embeds many photos for `evaluate` and `calibrate`: in threads, with progress, with a cache."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from vultus.cli.opening import Vision
from vultus.cli.output import say
from vultus.cli.settings import read_photo
from vultus.cli.terminal.progress import progress
from vultus.cli.threads import in_threads
from vultus.config import Settings
from vultus.evaluation.cache import Recipe, open_cache
from vultus.evaluation.embed_photos import EmbeddedPhotos, Outcome, PhotoEmbedder, gather
from vultus.matching.reference_faces import ReferenceFaces
from vultus.matching.reliability import ReliabilityModel
from vultus.model_registry import ServedModel

MANY_PHOTOS = 500  # from here on a cache is recommended, as the run takes a while
FaceChoice = Literal["central", "largest"]

FaceOption = Annotated[
    FaceChoice,
    typer.Option("--face", help="The face meant: the largest, or the one nearest to the middle of the photo."),
]
DetectorOption = Annotated[
    str | None, typer.Option("--detector", help="Face detector; the default one, with its fallback, when absent.")
]
DataOption = Annotated[
    str | None, typer.Option("--data", help="What the photos are, in words, to be shown with the figures.")
]
CacheOption = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder that keeps embeddings, for a stopped run to go on. They are personal data."),
]


@dataclass(frozen=True)
class Choices:
    """What the command was asked for: see the options. reference: what scores are relative to; None: cosines count.

    as_json: whether JSON is printed, so that no bar is shown.
    """

    model: ServedModel
    detector: str | None
    face: FaceChoice
    cache: Path | None
    reference: ReferenceFaces | None = None
    as_json: bool = False


def embed_photos(vision: Vision, paths: Sequence[Path], choices: Choices, settings: Settings) -> EmbeddedPhotos:
    """Embed the photos, each file once, in as many threads as there are compute slots.

    Raises DetectorNotAllowed, ModelInvalid, OSError when the cache cannot be written, KeyboardInterrupt.
    """
    vision.pipeline.detector_name(choices.detector)
    # loaded first, so that a broken model ends the run and is not a failure of each photo
    model = choices.model.embedder()
    with ExitStack() as stack:
        cache = None
        if choices.cache is not None:
            cache = stack.enter_context(open_cache(choices.cache, recipe_of(vision, choices), model.dimension))
        elif len(paths) >= MANY_PHOTOS:
            say("tip: with --cache FOLDER a stopped run can go on where it was")
        embedder = PhotoEmbedder(
            vision.pipeline,
            model,
            lambda path: read_photo(path, settings.max_image_bytes),
            choices.face,
            choices.detector,
            cache,
            reliability_of(choices),
        )
        outcomes = _run(embedder, list(dict.fromkeys(paths)), settings.compute_slots, bar=not choices.as_json)
    return gather(paths, outcomes, model.dimension)


def recipe_of(vision: Vision, choices: Choices) -> Recipe:
    """The recipe of the embeddings that these choices make."""
    model, judge = choices.model, reliability_of(choices)
    return Recipe(
        model.id,
        model.pipeline_version,
        model.precision,
        detector_of(vision, choices),
        choices.face,
        "" if judge is None else judge.digest,
    )


def reliability_of(choices: Choices) -> ReliabilityModel | None:
    """By what photos are judged: as the service does where relative scores decide."""
    return None if choices.reference is None else choices.reference.reliability


def detector_of(vision: Vision, choices: Choices) -> str:
    """The detector's name; the default one stands for its fallback too."""
    name = vision.pipeline.detector_name(choices.detector)
    return name if choices.detector else f"{name}-default"


def shown_detector(vision: Vision, choices: Choices) -> str:
    """The detector as text."""
    name = vision.pipeline.detector_name(choices.detector)
    return name if choices.detector else f"{name} with its fallback"


def _run(embedder: PhotoEmbedder, paths: Sequence[Path], threads: int, *, bar: bool) -> list[Outcome]:
    done: list[Outcome] = []
    with (
        progress("embedding", len(paths), bar=bar) as advance,
        closing(in_threads(embedder.embed, paths, threads)) as outcomes,
    ):
        for outcome in outcomes:
            done.append(outcome)
            advance()
    return done
