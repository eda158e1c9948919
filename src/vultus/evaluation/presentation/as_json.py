"""An evaluation as plain values for JSON: rates with their trials and Wilson interval, curves without the pairs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from vultus.evaluation.damage.measure_damage import DamageResult
from vultus.evaluation.differentials import Differential
from vultus.evaluation.identification import SearchPoint
from vultus.evaluation.intervals import Interval, Rate
from vultus.evaluation.measure import GroupResult, InUse, PairResult, SearchInUse, VerificationResult
from vultus.evaluation.presentation.in_words import three_sentences
from vultus.evaluation.results import Acquisition, Evaluation, FolderResult, Score
from vultus.evaluation.verification import OperatingPoint
from vultus.matching.decision import to_distance

DIGITS = 6  # decimals of thresholds and FNMR on the curve


def evaluation_as_json(evaluation: Evaluation) -> dict[str, Any]:
    """The whole evaluation; thresholds are of the "score": cosine similarities, or scores relative to other faces."""
    score = evaluation.setup.score
    return {
        "score": score,
        "in_words": list(three_sentences(evaluation)),
        "setup": asdict(evaluation.setup),
        "acquisition": _acquisition(evaluation.acquisition),
        "folder": None if evaluation.folder is None else _folder(evaluation.folder, score),
        "pairs": None if evaluation.pairs is None else _pairs(evaluation.pairs, score),
        "damage": [_damage(one) for one in evaluation.damage],
        "duplicates": [list(names) for names in evaluation.duplicates],
        "notes": list(evaluation.notes),
    }


def _acquisition(found: Acquisition) -> dict[str, Any]:
    return {
        "failure_to_acquire": _rate(found.acquire),
        "failure_to_enrol": None if found.enrol is None else _rate(found.enrol),
        "not_decided_on": {**_rate(found.undecided), "left_out_of_rates": found.left_out},
        "reasons": dict(found.reasons),
        "examples": {reason: list(names) for reason, names in found.examples.items()},
    }


def _folder(found: FolderResult, score: Score) -> dict[str, Any]:
    return {
        "photos": found.photos,
        "people": found.people,
        "verification": _verification(found.verification, score),
        "thresholds_in_use": [_in_use(line) for line in found.in_use],
        "identification": [_search(point) for point in found.search],
        "searches_in_use": [_search_in_use(line) for line in found.search_in_use],
        "asked_and_found": None if found.halves is None else asdict(found.halves),
        "groups": [_group(group) for group in found.groups],
        "differentials": [_differential(line) for line in found.differentials],
        "worst_nonmated": [asdict(pair) for pair in found.worst],
        "notes": list(found.notes),
    }


def _in_use(line: InUse) -> dict[str, Any]:
    return {"asked": line.asked, "threshold": line.threshold, "fmr": _rate(line.fmr), "fnmr": _rate(line.fnmr)}


def _search_in_use(line: SearchInUse) -> dict[str, Any]:
    rates = {"fpir": _rate(line.fpir), "fnir": _rate(line.fnir)}
    return {"asked": line.asked, "faces": line.faces, "threshold": line.threshold, **rates}


def _damage(found: DamageResult) -> dict[str, Any]:
    return {
        "treatment": found.treatment,
        "unit": found.unit,
        "strength": found.strength,
        "unanswered": _rate(found.unanswered),
        "rates": [_in_use(line) for line in found.rates],
    }


def _pairs(found: PairResult, score: Score) -> dict[str, Any]:
    return {
        "pairs": found.pairs,
        "unscored": found.unscored,
        "verification": _verification(found.verification, score),
        "ten_fold": None if found.accuracy is None else asdict(found.accuracy),
    }


def _verification(found: VerificationResult, score: Score) -> dict[str, Any]:
    lines = zip(found.points, found.bootstraps, strict=True)
    return {
        "mated": found.mated.total,
        "nonmated": found.nonmated.total,
        "equal_error": asdict(found.equal_error),
        "points": [_point(point, bootstrap, score) for point, bootstrap in lines],
        "det": {
            "thresholds": found.det.thresholds.round(DIGITS).tolist(),
            "fmr": found.det.fmr.tolist(),  # not rounded: the smallest would be 0
            "fnmr": found.det.fnmr.round(DIGITS).tolist(),
        },
    }


def _point(point: OperatingPoint, bootstrap: Interval | None, score: Score) -> dict[str, Any]:
    return {
        "target_fmr": point.target_fmr,
        "threshold": point.threshold,
        "euclidean_distance": to_distance(point.threshold, "euclidean") if score == "cosine" else None,
        "fmr": _rate(point.fmr),
        "fnmr": _rate(point.fnmr),
        "fnmr_subject_bootstrap": _interval(bootstrap),
        "supported": point.supported,
        "note": point.note,
    }


def _search(point: SearchPoint) -> dict[str, Any]:
    return {
        "target_fpir": point.target_fpir,
        "gallery_subjects": point.subjects,
        "templates_per_subject": point.templates,
        "rank": point.rank,
        "threshold": point.threshold,
        "fpir": _rate(point.fpir),
        "fnir": _rate(point.fnir),
        "fnir_subject_bootstrap": _interval(point.fnir_people),
        "supported": point.note is None,
        "note": point.note,
    }


def _group(group: GroupResult) -> dict[str, Any]:
    return {
        "name": group.name,
        "people": group.subjects,
        "photos": group.photos,
        "threshold": group.threshold,
        "fmr": None if group.fmr is None else _rate(group.fmr),
        "fnmr": None if group.fnmr is None else _rate(group.fnmr),
        "fnmr_subject_bootstrap": _interval(group.fnmr_bootstrap),
        "note": group.note,
    }


def _differential(line: Differential) -> dict[str, Any]:
    return {
        "measure": line.measure,
        "groups": line.groups,
        "lowest": {"name": line.lowest[0], **_rate(line.lowest[1])},
        "highest": {"name": line.highest[0], **_rate(line.highest[1])},
        "ratio": line.ratio,
        "gini": line.gini,
        "note": line.note,
    }


def _rate(rate: Rate) -> dict[str, Any]:
    interval = rate.interval
    return {
        "value": rate.value,
        "errors": rate.errors,
        "trials": rate.trials,
        "wilson": [interval.low, interval.high],
    }


def _interval(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
