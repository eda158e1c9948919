"""The report of a calibration, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.calibration.report_large import large_galleries
from benchmarks.calibration.report_pools import comparisons, searches
from benchmarks.calibration.report_treatments import cross_fitted_terms, treatments
from benchmarks.calibration.study import Study
from vultus.evaluation.pair_list import read_pairs
from vultus.evaluation.verification import fold_accuracy


def report(studies: Sequence[Study], data: Path) -> Iterator[str]:
    """Paragraphs and tables; the last ones for the first model only."""
    yield "# Calibration by pools of people alike"
    yield studies[0].calibration.data
    for study in studies:
        yield f"## {study.card.id}"
        yield from _limits(study)
        yield from comparisons(study)
        yield view_two(study, data)
    yield f"## Searches and damaged photos, {studies[0].card.id}"
    yield from searches(studies[0])
    yield from treatments(studies[0])
    yield "## Galleries beyond the largest measured"
    yield from large_galleries(studies[0])


def _limits(study: Study) -> Iterator[str]:
    found = study.calibration
    count = len(study.mean_faces[False].lifts)
    yield (
        f"{count} mean faces of a half of the people. Child: cosine {found.child}, reached by "
        f"{100 * study.children:.0f} % of children under six and by 1 of 1,000 adults, less the margin. Terms of the "
        f"faces measured: {found.likeness[0]} to {found.likeness[1]}. Smallest FMR {found.smallest_fmr:.0e}, FPIR "
        f"{found.smallest_fpir:.0e}."
    )


def view_two(study: Study, data: Path) -> str:
    """LFW View 2 by cosines and by relative scores."""
    pairs = read_pairs(data / "lfw" / "pairs.csv")
    row = {photo: at for at, photo in enumerate(study.faces.photo) if study.faces.source[at] == "lfw"}
    places = [row.get(f"{path.parent.name}/{path.name}", -1) for path in pairs.paths]
    first, second = (np.array([places[getattr(pair, side)] for pair in pairs.pairs]) for side in ("first", "second"))
    cosines = np.einsum("ij,ij->i", study.vectors[first], study.vectors[second]).astype(np.float64)
    cosines[(first < 0) | (second < 0)] = np.nan
    terms = cross_fitted_terms(study)
    relative = cosines - study.calibration.weight * (terms[first] + terms[second])
    folds = pairs.folds
    assert folds is not None
    found = [fold_accuracy(scores, pairs.same, folds) for scores in (cosines, relative)]
    return "LFW View 2, ten folds: " + ", ".join(
        f"{label} {100 * one.mean:.2f} % (standard error {100 * one.standard_error:.2f})"
        for label, one in zip(("cosine", "relative"), found, strict=True)
    )
