"""The results of one evaluation in one value, for the terminal, for JSON and for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vultus.errors import InvalidRequest
from vultus.evaluation.damage.measure_damage import DamageResult
from vultus.evaluation.differentials import Differential, measure_differentials
from vultus.evaluation.embed_photos import EmbeddedPhotos
from vultus.evaluation.identification import SearchPoint
from vultus.evaluation.intervals import Rate
from vultus.evaluation.labelled_folder import LabelledPhoto
from vultus.evaluation.measure import (
    GROUP_FMR,
    GroupResult,
    InUse,
    PairResult,
    SearchInUse,
    SearchThresholds,
    VerificationResult,
    measure_groups,
    measure_in_use,
    measure_search,
    measure_verification,
)
from vultus.evaluation.relative.gallery_scores import offsets_of
from vultus.evaluation.scores import PairScores, score_all_pairs
from vultus.evaluation.split_half import HalvesResult, compare_halves
from vultus.evaluation.verification import threshold_at_fmr
from vultus.matching.reference_faces import ReferenceFaces
from vultus.records.seen import Float32

WORST_SHOWN = 20
EXAMPLES = 5  # photos named per reason

Score = Literal["relative", "cosine"]


@dataclass(frozen=True)
class Setup:
    """The conditions of an evaluation. data: the name of the folder or list. face: which face of a photo.

    score: what is measured, cosines or scores relative to other faces.
    """

    data: str
    model_id: str
    pipeline_version: int
    precision: str
    detector: str
    face: str
    vultus_version: str
    date: str
    score: Score = "cosine"


@dataclass(frozen=True)
class Acquisition:
    """Photos and people that could not be used (ISO/IEC 19795-1: failure to acquire, failure to enrol).

    acquire: photos without an embedding. enrol: people of whom no photo has one; None without a labelled folder.
    reasons: photos by the code of the reason; examples: some of their names.
    undecided: photos with an embedding that are too damaged for the service to decide on. left_out: whether they are
    left out of the rates.
    """

    acquire: Rate
    enrol: Rate | None
    reasons: Mapping[str, int]
    examples: Mapping[str, tuple[str, ...]]
    undecided: Rate = field(default_factory=lambda: Rate(0, 0))
    left_out: bool = False


@dataclass(frozen=True)
class NamedPair:
    """Two photos by file name, of two subjects, with their score."""

    first: str
    second: str
    score: float


@dataclass(frozen=True, eq=False)
class FolderResult:
    """The measurements on a labelled folder. notes: sentences on what could not be measured.

    worst: the most similar non-mated pairs, whose labels may be wrong.
    """

    photos: int
    people: int
    verification: VerificationResult
    in_use: tuple[InUse, ...]
    search: tuple[SearchPoint, ...]
    search_in_use: tuple[SearchInUse, ...]
    halves: HalvesResult | None
    groups: tuple[GroupResult, ...]
    differentials: tuple[Differential, ...]
    worst: tuple[NamedPair, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All results. duplicates: names of files that are equal although their subjects differ. notes: on the data.

    damage: the rates among damaged photos, where they were measured.
    """

    setup: Setup
    acquisition: Acquisition
    folder: FolderResult | None
    pairs: PairResult | None
    duplicates: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = field(default=())
    damage: tuple[DamageResult, ...] = ()

    @property
    def verification(self) -> VerificationResult | None:
        """The 1:1 comparisons of the folder, or else of the pair list."""
        if self.folder is not None:
            return self.folder.verification
        return None if self.pairs is None else self.pairs.verification


def count_failures(
    photos: EmbeddedPhotos, subjects: Sequence[str | None], names: Sequence[str], *, left_out: bool = False
) -> Acquisition:
    """Failures to acquire and to enrol. subjects, names: of each photo; subject None: the person is not known.

    left_out: whether photos that the service does not decide on are left out of the rates.
    """
    usable = photos.usable
    examples = {
        reason: tuple(name for name, failure in zip(names, photos.failures, strict=True) if failure == reason)[
            :EXAMPLES
        ]
        for reason in photos.reasons
    }
    acquire = Rate(int((~usable).sum()), len(usable))
    undecided = Rate(int(photos.undecided.sum()), len(usable))
    people = _count_people(usable.tolist(), subjects)
    return Acquisition(acquire, people, photos.reasons, examples, undecided, left_out)


def _count_people(usable: Sequence[bool], subjects: Sequence[str | None]) -> Rate | None:
    everybody = set(subjects) - {None}
    if not everybody:
        return None
    enrolled = {subject for subject, good in zip(subjects, usable, strict=True) if good} - {None}
    return Rate(len(everybody) - len(enrolled), len(everybody))


def measure_folder(
    embeddings: Float32,
    photos: Sequence[LabelledPhoto],
    names: Sequence[str],
    *,
    in_use: Mapping[float, float] | None = None,
    search_in_use: SearchThresholds | None = None,
    gallery_subjects: int | None = None,
    templates: int = 1,
    reference: ReferenceFaces | None = None,
) -> FolderResult:
    """Measure labelled embeddings: (N, D) unit float32, N photos with their names to show.

    in_use: the service's thresholds, by FMR; search_in_use: those of searches of so many faces, by FPIR.
    reference: what scores are relative to; None: they are cosines. A measurement that needs more people becomes a note.
    Raises InvalidRequest when there is one person only or no mated pair.
    """
    subjects = [photo.subject for photo in photos]
    scores = score_all_pairs(embeddings, subjects, offsets=offsets_of(embeddings, reference))
    notes: list[str] = []
    search: tuple[SearchPoint, ...] = ()
    searches: tuple[SearchInUse, ...] = ()
    halves = None
    try:
        search, searches = measure_search(
            embeddings,
            subjects,
            gallery_subjects=gallery_subjects,
            templates=templates,
            reference=reference,
            in_use=search_in_use,
        )
    except InvalidRequest as exc:
        notes.append(f"no identification: {exc}")
    try:
        halves = compare_halves(embeddings, subjects, reference=reference)
    except InvalidRequest as exc:
        notes.append(f"asked and found not compared: {exc}")
    groups = _groups(embeddings, photos, scores, reference)
    return FolderResult(
        photos=len(photos),
        people=len(set(subjects)),
        verification=measure_verification(scores),
        in_use=measure_in_use(scores, in_use or {}),
        search=search,
        search_in_use=searches,
        halves=halves,
        groups=groups,
        differentials=measure_differentials(groups),
        worst=_worst(scores, names),
        notes=tuple(notes),
    )


def _groups(
    embeddings: Float32, photos: Sequence[LabelledPhoto], scores: PairScores, reference: ReferenceFaces | None
) -> tuple[GroupResult, ...]:
    groups = [photo.attribute for photo in photos]
    if not any(groups):
        return ()
    threshold = threshold_at_fmr(scores.nonmated, GROUP_FMR)
    return measure_groups(embeddings, [photo.subject for photo in photos], groups, threshold, reference=reference)


def _worst(scores: PairScores, names: Sequence[str]) -> tuple[NamedPair, ...]:
    pairs = scores.worst_nonmated
    rows = zip(pairs.first[:WORST_SHOWN], pairs.second[:WORST_SHOWN], pairs.scores[:WORST_SHOWN], strict=True)
    return tuple(NamedPair(names[int(one)], names[int(two)], round(float(score), 6)) for one, two, score in rows)
