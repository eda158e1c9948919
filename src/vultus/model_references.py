"""From the relative calibration of a model card to what decides: mean faces, thresholds, reliability."""

from __future__ import annotations

from collections.abc import Sequence

from vultus.errors import ModelInvalid
from vultus.matching.reference_faces import ReferenceFaces
from vultus.matching.relative_rates import RelativeRates, ScoreSurface
from vultus.matching.reliability import ReliabilityModel
from vultus.models.calibration import Calibration
from vultus.models.card import ModelCard
from vultus.models.relative_calibration import (
    MeanFaces,
    RelativeCalibration,
    ReliabilityTable,
    ScoresAtSize,
    read_mean_faces,
)
from vultus.search.cohort import CohortRule


def reference_faces(card: ModelCard, calibration: Calibration) -> ReferenceFaces | None:
    """What the model's scores are relative to; None where its calibration is of cosines. Raises: ModelInvalid."""
    relative = calibration.relative
    if relative is None:
        return None
    means = read_mean_faces(relative.mean_faces, card.fused or ((card.id, 1.0),))
    if means.centroids.shape[1] != card.output_dimension:
        raise ModelInvalid(
            f"the mean faces {relative.mean_faces} have {means.centroids.shape[1]} numbers, and {card.id} has "
            f"{card.output_dimension}; install Vultus again"
        )
    rule = CohortRule(
        centroids=means.centroids,
        lifts=means.lifts,
        nearest=relative.nearest,
        weight=relative.weight,
        twin_gap=relative.twin_gap,
    )
    return ReferenceFaces(
        rule, means.child, relative.child, relative.likeness, _reliability(relative.reliability, means)
    )


def relative_rates(relative: RelativeCalibration | None) -> RelativeRates | None:
    """The thresholds of relative scores; None where there are none."""
    if relative is None:
        return None
    return RelativeRates(
        _surface(relative.fmr),
        _surface(relative.fpir),
        relative.smallest_fmr,
        relative.smallest_fpir,
        relative.largest_gallery,
    )


def _surface(family: Sequence[ScoresAtSize]) -> ScoreSurface:
    return ScoreSurface([(one.faces, one.thresholds) for one in family])


def _reliability(table: ReliabilityTable | None, means: MeanFaces) -> ReliabilityModel | None:
    if table is None:
        return None
    return ReliabilityModel(
        constant=table.constant,
        linear=dict(table.linear),
        squared=dict(table.squared),
        product=table.product,
        centroids=means.centroids,
        damaged=means.damaged,
    )
