"""Other services' scales of similarity: how many people pass each threshold, counted over photos.

    python -m benchmarks.score_maps PHOTOS [--people 500] [--seed 1]

PHOTOS: one sub-folder for each person. Of people drawn at random that have two photos or more, two photos each are
compared with each other, and with those of all others: every pair, so that most of the pairs of different people differ
in sex or age and are easy. Rates among people alike, by which the scales are anchored, are higher
(`python -m benchmarks.calibration`).
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.api.dialects.compreface.similarity import SIMILARITY
from vultus.api.dialects.deepface.confidence import ConfidenceScale
from vultus.cli.opening import open_analysis
from vultus.config import Settings
from vultus.errors import BadInput, FaceRefused
from vultus.evaluation.labelled_folder import list_photos
from vultus.matching.decision import ThresholdTable
from vultus.matching.percent_scale import pair_scale
from vultus.service.context import Model
from vultus.service.policies import default_fmr
from vultus.vision.face_selection import largest_face
from vultus.vision.pipeline import Pipeline

Values = NDArray[np.float64]
THRESHOLDS: Mapping[str, Sequence[float]] = {
    "CompreFace": (0.25, 0.5, 0.75, 0.88, 0.93, 0.97),
    "Rekognition, CompareFaces": (50, 75, 80, 90, 95, 99),
    "DeepFace, confidence": (15, 30, 51, 70, 85, 95),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    pairs = drawn(options.folder, options.people, random.Random(options.seed))
    with open_analysis(Settings(_env_file=None)) as vision:
        model = vision.models.resolve(None)
        embedded = [rows for pair in pairs if (rows := _embedded(vision.pipeline, model, pair)) is not None]
        same, different = scores(model, np.stack(embedded))
    print(f"{model.id}: {len(same):,} pairs of one person, {len(different):,} of different people")
    for scale, lines in rates(model.thresholds(), same, different).items():
        print(f"\n{scale}\n  threshold   different people at or above   one person at or above")
        for threshold, passed, kept in lines:
            print(f"  {threshold:>9g}   {passed:>12,} ({passed / len(different):.1e})   {kept / len(same):>18.1%}")


def drawn(folder: Path, people: int, dice: random.Random) -> list[tuple[Path, Path]]:
    """Two photos each of so many people, or of all that have two."""
    of_person = defaultdict(list)
    for photo in list_photos(folder).photos:
        of_person[photo.subject].append(photo.path)
    several = sorted(person for person, photos in of_person.items() if len(photos) >= 2)
    some = dice.sample(several, min(people, len(several)))
    return [(first, second) for first, second in (dice.sample(of_person[person], 2) for person in some)]


def _embedded(pipeline: Pipeline, model: Model, pair: tuple[Path, Path]) -> NDArray[np.float32] | None:
    """(2, D): the largest face of each photo; None where one has none."""
    try:
        with pipeline.slot():
            seen = pipeline.detect_all([path.read_bytes() for path in pair])
            faces = [(one, largest_face(one)) for one in seen]
            return np.stack([one.embedding for one in pipeline.embed(faces, model.embedder())])
    except (BadInput, FaceRefused):
        return None


def scores(model: Model, embedded: NDArray[np.float32]) -> tuple[Values, Values]:
    """Of (N, 2, D): the N scores of one person, and the N (N - 1) of the first photo with the second of another."""
    same: list[float] = []
    different: list[Values] = []
    others = np.ascontiguousarray(embedded[:, 1])
    for place, first in enumerate(embedded[:, 0]):
        row = np.asarray(others @ first if model.reference is None else model.reference.score(first, others), float)
        same.append(row[place])
        different.append(np.delete(row, place))
    return np.array(same), np.concatenate(different)


def rates(table: ThresholdTable, same: Values, different: Values) -> dict[str, list[tuple[float, int, int]]]:
    """By scale: each threshold, how many scores of different people are at or above, and how many of one person."""
    measured = {
        name: (_at_or_above(values, THRESHOLDS[name], different), _at_or_above(values, THRESHOLDS[name], same))
        for name, values in _scales(table)
    }
    return {name: list(zip(THRESHOLDS[name], *counts, strict=True)) for name, counts in measured.items()}


def _scales(table: ThresholdTable) -> Iterator[tuple[str, Callable[[Values], Values]]]:
    rate = default_fmr(table)
    percents, rule = pair_scale(table, rate), table.for_fmr(rate)
    confidence, least = ConfidenceScale(rule, table), rule.similarity if rule.score is None else rule.score
    yield "CompreFace", lambda given: np.array(SIMILARITY.values(given.tolist(), table))
    yield "Rekognition, CompareFaces", lambda given: np.array([percents.percent(one) for one in given.tolist()])
    yield (
        "DeepFace, confidence",
        lambda given: np.array([confidence.value(one, one, verified=one >= least) for one in given.tolist()]),
    )


def _at_or_above(scale: Callable[[Values], Values], thresholds: Sequence[float], given: Values) -> list[int]:
    values = scale(given)
    return [int((values >= one).sum()) for one in thresholds]


if __name__ == "__main__":
    main()
