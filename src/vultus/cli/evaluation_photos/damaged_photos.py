"""Embeds damaged copies of some photos, in threads, for `evaluate --degrade`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from vultus.cli.embedding import Choices, reliability_of
from vultus.cli.opening import Vision
from vultus.cli.settings import read_photo
from vultus.cli.terminal.progress import progress
from vultus.cli.threads import in_threads
from vultus.config import Settings
from vultus.evaluation.damage.measure_damage import DamageResult, choose_photos, measure_damage
from vultus.evaluation.damage.treatments import TREATMENTS, Treatment, damaged
from vultus.evaluation.embed_photos import CHOICES, PhotoEmbedder, gather
from vultus.records.seen import Float32
from vultus.vision.pipeline import Pipeline

NONE = "none"


@dataclass(frozen=True)
class Copies:
    """The damaged copies of one treatment and strength. treatment: None for the photos as they are."""

    name: str
    treatment: Treatment | None = None
    strength: float = 0.0


def measure_damaged_photos(
    vision: Vision,
    paths: Sequence[Path],
    subjects: Sequence[str],
    choices: Choices,
    settings: Settings,
    thresholds: Mapping[float, float],
) -> tuple[DamageResult, ...]:
    """Every treatment at every strength, after the photos as they are. paths: of photos that have an embedding.

    thresholds: by the FMR asked for. Raises what `embed_photos` raises.
    """
    chosen = choose_photos(subjects)
    people = [subjects[number] for number in chosen]
    runs = [Copies(NONE), *all_copies()]
    photos = _open_photos(vision, [paths[number] for number in chosen], choices, settings)
    results = []
    with progress("damaged photos", len(runs) * len(chosen), bar=not choices.as_json) as advance:
        for run in runs:
            unanswered, rates = measure_damage(
                photos.embed(run, advance), people, thresholds, reference=choices.reference
            )
            unit, strength = ("", None) if run.treatment is None else (run.treatment.unit, run.strength)
            results.append(DamageResult(run.name, unit, strength, unanswered, rates))
    return tuple(results)


def all_copies() -> Iterator[Copies]:
    """Every treatment at every strength."""
    for name, treatment in TREATMENTS.items():
        for strength in treatment.strengths:
            yield Copies(name, treatment, strength)


@dataclass(frozen=True)
class _Photos:
    """The photos that are damaged, and what embeds them. widths: of their faces, in pixels, as they are."""

    pipeline: Pipeline
    paths: Sequence[Path]
    widths: Mapping[Path, float]
    choices: Choices
    settings: Settings

    def embed(self, copies: Copies, advance: Callable[[], None]) -> Float32:
        """(P, D) embeddings of the copies, NaN where none came or where the service does not decide on it."""
        model = self.choices.model.embedder()

        def read(path: Path) -> bytes:
            photo = read_photo(path, self.settings.max_image_bytes)
            if copies.treatment is None:
                return photo
            return damaged(photo, copies.treatment, copies.strength, self.widths[path])

        embedder = PhotoEmbedder(
            self.pipeline,
            model,
            read,
            self.choices.face,
            self.choices.detector,
            reliability=reliability_of(self.choices),
        )
        done = []
        with closing(in_threads(embedder.embed, self.paths, self.settings.compute_slots)) as outcomes:
            for outcome in outcomes:
                done.append(outcome)
                advance()
        return gather(self.paths, done, model.dimension).decided().vectors


def _open_photos(vision: Vision, paths: Sequence[Path], choices: Choices, settings: Settings) -> _Photos:
    def width(path: Path) -> float:
        with vision.pipeline.slot():
            photo = read_photo(path, settings.max_image_bytes)
            return CHOICES[choices.face](vision.pipeline.detect(photo, detector=choices.detector)).width

    return _Photos(vision.pipeline, paths, {path: width(path) for path in paths}, choices, settings)
