"""The thresholds that the service uses now, of what a command measures: relative scores, or cosines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import typer

from vultus.cli.embedding import Choices
from vultus.evaluation.results import Score
from vultus.matching.decision import ThresholdTable
from vultus.matching.reference_faces import ReferenceFaces
from vultus.model_registry import ServedModel

IN_USE_FMRS, IN_USE_FPIRS = (1e-2, 1e-3, 1e-4), (0.1, 0.01)


def reference_by(model: ServedModel, by: Score | None) -> ReferenceFaces | None:
    """What scores are to be relative to; None for cosines. by: None for what the service decides by.

    Raises typer.BadParameter for relative scores of a model that has none.
    """
    if by == "relative" and model.reference is None:
        raise typer.BadParameter(
            f"{model.id} decides by cosines: its card has no relative scores, or your own calibration has none; leave "
            f"out --by, or calibrate again: vultus calibrate FOLDER --model {model.id}"
        )
    return None if by == "cosine" else model.reference


@dataclass(frozen=True)
class ThresholdsInUse:
    """The thresholds of the service now, of relative scores or of cosines. fmr: of comparisons, by the rate asked."""

    table: ThresholdTable
    fmr: Mapping[float, float]

    def searches(self, faces: int) -> dict[float, float]:
        """Those of searches of so many enrolled faces, by FPIR."""
        return {rate: self.table.for_fpir(rate, faces).similarity for rate in IN_USE_FPIRS}


def thresholds_in_use(choices: Choices) -> ThresholdsInUse | None:
    """Of relative scores with the choices' reference, else of cosines; None for a model without a calibration."""
    table = choices.model.calibration
    if table is None:
        return None
    table = table if choices.reference is not None else table.of_cosines()
    return ThresholdsInUse(table, {rate: table.for_fmr(rate).similarity for rate in IN_USE_FMRS})
