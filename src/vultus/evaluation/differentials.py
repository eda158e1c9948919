"""How far the error rates of groups are apart: the differential performance of ISO/IEC 19795-10, in two numbers.

The ratio of the highest rate to the lowest says what the worst-off group has to bear; the Gini coefficient, 0 where all
rates are alike and 1 where one group has all errors, looks at every group.
Source: ISO/IEC 19795-10:2024 (quantifying biometric system performance variation across demographic groups); Howard,
Laird, Rubin, Sirotin, Tipton and Vemury, "Evaluating proposed fairness models for face recognition algorithms", ICPR
2022 workshops, section 4 (the Gini coefficient with the correction n / (n - 1) for few groups).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vultus.evaluation.intervals import COMPARISONS_PER_CLAIM, Rate
from vultus.evaluation.measure import GroupResult

Measure = Literal["FMR", "FNMR"]


@dataclass(frozen=True)
class Differential:
    """The spread of one error rate over groups, with the groups of the lowest and the highest rate.

    ratio: highest / lowest; None where a group had no error. gini: 0..1; None where no group had one.
    note: what the figures do not tell, None when they do.
    """

    measure: Measure
    groups: int
    lowest: tuple[str, Rate]
    highest: tuple[str, Rate]
    ratio: float | None
    gini: float | None
    note: str | None


def measure_differentials(groups: Sequence[GroupResult]) -> tuple[Differential, ...]:
    """Of FMR and of FNMR, over the groups that have both kinds of comparisons; nothing for fewer than two of them."""
    fmrs = [(group.name, group.fmr) for group in groups if group.fmr is not None]
    fnmrs = [(group.name, group.fnmr) for group in groups if group.fnmr is not None]
    if len(fmrs) < 2 or len(fnmrs) < 2:
        return ()
    return _differential("FMR", fmrs), _differential("FNMR", fnmrs)


def gini_coefficient(rates: Sequence[float]) -> float | None:
    """The Gini coefficient of two rates or more, corrected for their number; None when all are 0."""
    values = np.asarray(rates, np.float64)
    if not values.any():
        return None
    count = len(values)
    differences = np.abs(values[:, None] - values[None, :]).sum()
    return float(count / (count - 1) * differences / (2 * count * count * values.mean()))


def _differential(measure: Measure, rates: Sequence[tuple[str, Rate]]) -> Differential:
    ranked = sorted(rates, key=lambda one: one[1].value)
    lowest, highest = ranked[0], ranked[-1]
    without = [name for name, rate in rates if not rate.errors]
    return Differential(
        measure,
        len(rates),
        lowest,
        highest,
        None if without else highest[1].value / lowest[1].value,
        gini_coefficient([rate.value for _, rate in rates]),
        _note(measure, without, dict(rates)),
    )


def _note(measure: Measure, without: Sequence[str], rates: dict[str, Rate]) -> str | None:
    if not without:
        return None
    bounds = ", ".join(f"{name} {COMPARISONS_PER_CLAIM / max(rates[name].trials, 1):.1e}" for name in without)
    return f"no ratio of {measure}: of groups without an error only an upper bound is known (rule of three): {bounds}"
