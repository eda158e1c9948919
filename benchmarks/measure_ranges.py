"""Measures the activation ranges that an int8 model needs, on faces of a labelled folder; prints them as TOML.

    .venv/bin/python benchmarks/measure_ranges.py FOLDER [--model NAME] [--not-in PAIRS.csv] [--crops 200]

FOLDER holds one folder of photos per person. One photo each of `crops` people, spread evenly over the names, goes
through the real pipeline: detection, alignment, the model's own input. Two passes: the extremes of every tensor, then
a histogram between them, whose percentiles cut off the rare outliers. People named in a CSV of test pairs (columns
path1 and path2, .../PERSON/photo) are left out, so that no test photo is used here. The output goes into the card,
under [int8]; it holds numbers, and nothing of any photo.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vultus.config import Settings
from vultus.evaluation.labelled_folder import list_photos
from vultus.models.card import ModelCard, find_card
from vultus.models.catalogue import known_cards
from vultus.models.importers.quantize import measurable
from vultus.models.repository.store import ModelStore
from vultus.records.seen import RGB, Float32
from vultus.vision.embed import Embedder
from vultus.vision.pipeline import Pipeline
from vultus.vision.session import Session
from vultus.wiring.networks import open_models, open_pipeline, prepare

BINS = 8192
BATCH = 4  # crops: all tensors of a batch are in memory at once
DIGITS = 4  # significant ones of a range

Extremes = dict[str, tuple[float, float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="facenet512-casia-webface")
    parser.add_argument("--not-in", type=Path, metavar="PAIRS.csv")
    parser.add_argument("--crops", type=int, default=200)
    parser.add_argument("--percentile", type=float, default=99.999)
    parser.add_argument("--data", default="LABELLED FOLDER, ITS VERSION", help="how the card is to name the photos")
    given = parser.parse_args(arguments)
    settings = Settings(default_model=given.model, precision="fp32", allow_noncommercial=True)
    cards = known_cards(settings.model_dir)
    card = find_card(cards, given.model)
    if card is None:
        parser.error(f"no card is called {given.model!r}")
    store = ModelStore(settings.model_dir, cards)
    prepare(store, cards, settings)
    models = open_models(settings, store)
    pipeline, embedder = open_pipeline(settings, models), models.served(card.id).embedder()
    photos = spread(one_photo_each(given.folder, left_out(given.not_in)), given.crops)
    crops = [crop for photo in photos for crop in face_of(pipeline, embedder, photo)]
    ranges = measure(store.path(card, card.files[0].name), embedder, crops, given.percentile)
    print(table(card, ranges, data=given.data, crops=len(crops), percentile=given.percentile))
    return 0


def left_out(pairs: Path | None) -> frozenset[str]:
    """The people named in a CSV of pairs."""
    if pairs is None:
        return frozenset()
    with pairs.open(newline="") as lines:
        return frozenset(Path(row[name]).parent.name for row in csv.DictReader(lines) for name in ("path1", "path2"))


def one_photo_each(folder: Path, without: frozenset[str]) -> list[Path]:
    """The first photo of every person not in `without`, by name."""
    first: dict[str, Path] = {}
    for photo in list_photos(folder).photos:
        first.setdefault(photo.subject, photo.path)
    return [path for subject, path in first.items() if subject not in without]


def spread(photos: Sequence[Path], wanted: int) -> list[Path]:
    """`wanted` of the photos, evenly spread over them."""
    return [photos[i * len(photos) // wanted] for i in range(min(wanted, len(photos)))] if photos else []


def face_of(pipeline: Pipeline, embedder: Embedder, photo: Path) -> Iterator[RGB]:
    """The crop of the largest face of the photo; nothing if there is no face."""
    with pipeline.slot():
        detected = pipeline.detect(photo.read_bytes())
    if detected.faces:
        yield embedder.crop(detected.photograph.pixels, detected.faces[0])


def measure(path: Path, embedder: Embedder, crops: Sequence[RGB], percentile: float) -> Extremes:
    """Tensor -> (least, greatest) value, without the outliers on either side."""
    model, names = measurable(path.read_bytes())
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(model)
        file.flush()
        session = Session(Path(file.name), threads=2)
    extremes: Extremes = {}
    for values in batches(session, embedder, crops, names):
        for name, array in values.items():
            least, greatest = extremes.get(name, (0.0, 0.0))
            extremes[name] = (min(least, float(array.min())), max(greatest, float(array.max())))
    counts = {name: np.zeros(BINS, np.int64) for name in extremes}
    for values in batches(session, embedder, crops, names):
        for name, array in values.items():
            counts[name] += np.histogram(array, BINS, extremes[name])[0]
    return {name: cut(counts[name], *extremes[name], percentile) for name in names}


def batches(
    session: Session, embedder: Embedder, crops: Sequence[RGB], names: Sequence[str]
) -> Iterator[dict[str, Float32]]:
    """The values of every tensor, batch by batch."""
    for start in range(0, len(crops), BATCH):
        batch = embedder.prepare(crops[start : start + BATCH])
        values = dict(zip(session.output_names, session.run(batch), strict=True))
        yield {name: values.get(name, batch) for name in names}
        print(f"{start + len(batch)} of {len(crops)}", file=sys.stderr)


def cut(counts: np.ndarray, least: float, greatest: float, percentile: float) -> tuple[float, float]:
    """The range with `percentile` % of the values above its lower end, and as many below its upper end."""
    total = np.cumsum(counts)
    width = (greatest - least) / len(counts)
    low = int(np.searchsorted(total, total[-1] * (1 - percentile / 100)))
    high = int(np.searchsorted(total, total[-1] * (percentile / 100))) + 1
    return rounded(least + low * width), rounded(least + high * width)


def rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def table(card: ModelCard, ranges: Extremes, *, data: str, crops: int, percentile: float) -> str:
    """The card's [int8] table."""
    lines = [
        "[int8]",
        f'output = "{card.id}-int8.onnx"',
        f'data = "{data}"',
        f"crops = {crops}",
        f"percentile = {percentile}",
        "",
        "# Tensor = [least, greatest value].",
        "[int8.ranges]",
        *(f'"{name}" = [{least!r}, {greatest!r}]' for name, (least, greatest) in ranges.items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
