"""Open-set identification (1:N): some probes show a person of the gallery, others a person who is not in it.

FPIR: non-mated searches whose best candidate reaches the threshold. FNIR: mated searches whose own subject is not
among the first `rank` candidates, or is below the threshold. Terms: ISO/IEC 19795-1; Grother, Ngan and Hanaoka, NIST IR
8271 (FRVT part 2), section 3. A subject's score is that of its best template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InvalidRequest
from vultus.evaluation.intervals import Interval, Rate, why_not_claimed
from vultus.evaluation.non_mated_maxima import draw_gallery
from vultus.evaluation.relative.gallery_scores import gallery_search
from vultus.evaluation.scores import Indices, Labels, check_embeddings, number_subjects
from vultus.matching.reference_faces import ReferenceFaces
from vultus.records.seen import Float32

TARGET_FPIRS = (0.1, 0.01, 0.003)
PROBES_AT_A_TIME = 256

Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class OpenSetSplit:
    """Photos by index, each in one part at most. gallery: (N, k), a row for each subject. Probes: (P,) each."""

    gallery: Places
    mated_probes: Places
    nonmated_probes: Places


def split_open_set(subjects: Labels, gallery_subjects: int, *, templates: int = 1, seed: int = 0) -> OpenSetSplit:
    """Draw a gallery of people; their other photos are mated probes, all photos of other people non-mated ones.

    subjects: N names or numbers, one a photo. gallery_subjects: how many people to enrol; templates: photos of each.
    People with fewer photos are not enrolled.
    Raises InvalidRequest when there are not enough people, or one kind of probe is left without any.
    """
    labels = number_subjects(subjects)
    rng = np.random.default_rng(seed)
    candidates = draw_gallery(labels, templates, seed)
    others = len(np.unique(labels)) - gallery_subjects
    if not 1 <= gallery_subjects <= len(candidates) or others < 1:
        raise InvalidRequest(
            f"a gallery of {gallery_subjects} people with {templates} photos each cannot be drawn: {len(candidates)} "
            f"people have so many, and somebody must stay outside; give a smaller gallery"
        )
    gallery = candidates[rng.choice(len(candidates), gallery_subjects, replace=False)]
    rest = np.setdiff1d(np.arange(len(labels)), gallery)
    enrolled = np.isin(labels[rest], labels[gallery[:, 0]])
    split = OpenSetSplit(gallery, rest[enrolled], rest[~enrolled])
    _check_split(split)
    return split


@dataclass(frozen=True, eq=False)
class SearchScores:
    """The scores of searches in a gallery of `subjects` people with `templates` photos each.

    own: (M,) score of each mated probe with its own subject. own_rank: (M,) the rank of that subject, 1 the best;
    subjects of equal score rank before it. best_nonmated: (Q,) the best score of each non-mated probe.
    own_people, nonmated_people: (M,) and (Q,) numbers of the people whom the probes show.
    """

    subjects: int
    templates: int
    own: Float32
    own_rank: Places
    best_nonmated: Float32
    own_people: Indices
    nonmated_people: Indices


def search_open_set(
    embeddings: Float32, subjects: Labels, split: OpenSetSplit, reference: ReferenceFaces | None = None
) -> SearchScores:
    """Search every probe of a split in its gallery.

    embeddings: (N, D) float32 of unit length. subjects: N names or numbers. reference: what scores are relative to,
    beside the gallery's other subjects; None: they are cosines.
    Raises: VectorMismatch when an embedding is not of unit length; InvalidRequest when the lengths differ.
    """
    check_embeddings(embeddings, len(subjects))
    labels = number_subjects(subjects)
    gallery, enrolled = embeddings[split.gallery], labels[split.gallery[:, 0]]
    column = np.full(int(labels.max()) + 1, -1)
    column[enrolled] = np.arange(len(enrolled))
    search = gallery_search(gallery, reference)
    own, ranks = [], []
    for probes in _batches(split.mated_probes):
        scores = search(embeddings[probes])
        mated = np.take_along_axis(scores, column[labels[probes], None], axis=1)
        own.append(mated[:, 0])
        ranks.append((scores >= mated).sum(axis=1))
    best = [search(embeddings[part]).max(axis=1) for part in _batches(split.nonmated_probes)]
    return SearchScores(
        len(gallery),
        gallery.shape[1],
        np.concatenate(own),
        np.concatenate(ranks),
        np.concatenate(best),
        labels[split.mated_probes],
        labels[split.nonmated_probes],
    )


def fpir(scores: SearchScores, threshold: float) -> Rate:
    """The false positive identification rate: non-mated searches with a candidate at or above the threshold."""
    return Rate(int((scores.best_nonmated >= threshold).sum()), len(scores.best_nonmated))


def fnir(scores: SearchScores, threshold: float, rank: int = 1) -> Rate:
    """The false negative identification rate: mated searches without their subject in the first `rank` above it."""
    found = (scores.own >= threshold) & (scores.own_rank <= rank)
    return Rate(int((~found).sum()), len(found))


def threshold_at_fpir(scores: SearchScores, target: float) -> float:
    """The smallest threshold at which FPIR is no more than the target: just above the score that would exceed it."""
    ranked = np.sort(scores.best_nonmated)[::-1]
    allowed = int(np.floor(target * len(ranked) * (1 + 1e-12)))
    if allowed >= len(ranked):
        return min(float(ranked[-1]), -1.0)
    return float(np.nextafter(ranked[allowed], np.float32(2)))


@dataclass(frozen=True)
class SearchPoint:
    """The threshold and rates of one target FPIR in a gallery of `subjects` people with `templates` photos each.

    rank: within which a subject counts as found. note: why the target cannot be claimed, None when it can.
    fnir_people: the interval of FNIR over people and galleries (`search_interval`), None where it was not drawn.
    """

    target_fpir: float
    subjects: int
    templates: int
    rank: int
    threshold: float
    fpir: Rate
    fnir: Rate
    note: str | None
    fnir_people: Interval | None = None


def search_points(
    scores: SearchScores, targets: Sequence[float] = TARGET_FPIRS, *, rank: int = 1
) -> tuple[SearchPoint, ...]:
    """FNIR within `rank` at each target FPIR."""
    return tuple(_search_point(scores, target, rank) for target in targets)


def _search_point(scores: SearchScores, target: float, rank: int) -> SearchPoint:
    threshold = threshold_at_fpir(scores, target)
    return SearchPoint(
        target,
        scores.subjects,
        scores.templates,
        rank,
        threshold,
        fpir(scores, threshold),
        fnir(scores, threshold, rank),
        why_not_claimed(target, len(scores.best_nonmated), "FPIR", "non-mated searches"),
    )


def _check_split(split: OpenSetSplit) -> None:
    for probes, kind in ((split.mated_probes, "mated"), (split.nonmated_probes, "non-mated")):
        if not len(probes):
            raise InvalidRequest(
                f"a gallery of {len(split.gallery)} people leaves no {kind} probe; "
                "give a smaller gallery or more photos of each person"
            )


def _batches(probes: Places) -> list[Places]:
    return [probes[start : start + PROBES_AT_A_TIME] for start in range(0, len(probes), PROBES_AT_A_TIME)]
