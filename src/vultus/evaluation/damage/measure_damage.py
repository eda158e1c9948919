"""Error rates among damaged photos: of both photos of a pair, damaged alike, at thresholds that were set elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vultus.errors import InvalidRequest
from vultus.evaluation.intervals import Rate
from vultus.evaluation.measure import InUse, measure_in_use
from vultus.evaluation.relative.gallery_scores import offsets_of
from vultus.evaluation.scores import number_subjects, score_all_pairs
from vultus.matching.reference_faces import ReferenceFaces
from vultus.records.seen import Float32

PHOTOS = 200  # damaged in each way: 20,000 comparisons of different people, and a few minutes
PHOTOS_EACH = 2  # of one person


@dataclass(frozen=True)
class DamageResult:
    """One treatment at one strength. treatment: "none" for the photos as they are. unanswered: photos of which no
    embedding came, or that the service does not decide on. rates: at each threshold, among the others; empty where too
    few are left.
    """

    treatment: str
    unit: str
    strength: float | None
    unanswered: Rate
    rates: tuple[InUse, ...]

    @property
    def answered(self) -> float:
        """The share of the photos that are answered, 0..1."""
        return 1 - self.unanswered.value


def choose_photos(subjects: Sequence[str], most: int = PHOTOS) -> list[int]:
    """The photos to damage, by index: two each of people spread evenly over the list, of as many as make `most`."""
    labels = number_subjects(subjects)
    pairs = [np.flatnonzero(labels == person)[:PHOTOS_EACH] for person in range(int(labels.max()) + 1)]
    pairs = [pair for pair in pairs if len(pair) == PHOTOS_EACH]
    wanted = min(len(pairs), most // PHOTOS_EACH)
    people = np.linspace(0, max(len(pairs) - 1, 0), wanted).astype(int).tolist()
    return sorted(int(photo) for person in people for photo in pairs[person])


def measure_damage(
    vectors: Float32,
    subjects: Sequence[str],
    thresholds: Mapping[float, float],
    *,
    reference: ReferenceFaces | None = None,
) -> tuple[Rate, tuple[InUse, ...]]:
    """Photos without an embedding, and the rates among the others. vectors: (P, D) of unit length, NaN where there is
    none. thresholds: by the FMR asked for. reference: what scores are relative to; None: they are cosines."""
    usable = ~np.isnan(vectors[:, 0])
    unanswered = Rate(int((~usable).sum()), len(vectors))
    kept = [subject for subject, good in zip(subjects, usable, strict=True) if good]
    try:
        offsets = offsets_of(vectors[usable], reference)
        return unanswered, measure_in_use(score_all_pairs(vectors[usable], kept, offsets=offsets), thresholds)
    except InvalidRequest:  # nobody, one person, or no pair of one is left
        return unanswered, ()
