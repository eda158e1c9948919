"""An evaluation of liveness as tables of text, as plain values for JSON, and as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from vultus.evaluation.intervals import Rate
from vultus.evaluation.liveness.measure_liveness import KindResult, LivenessEvaluation
from vultus.evaluation.presentation.as_tables import Table, percent
from vultus.evaluation.presentation.report import page, section
from vultus.records.liveness import NOT_CERTIFIED, NOT_SEEN

METHOD = (
    "Terms and rates after ISO/IEC 30107-3: APCER, attacks of one kind taken for live; BPCER, live faces taken for "
    "attacks; APNRR and BPNRR, those that could not be judged, which liveness=require refuses. Intervals: Wilson, "
    "95 %, which take photos as independent; several photos of one person or of one attack are not. Each camera and "
    "each way of attacking has its own rates: these hold for photos like the ones that were measured."
)
WITHOUT_ATTACKS = "the folder has no attacks: what gets through was not measured, only how many live faces are refused"
WARNING = f"Kinds of attack that are not listed were not measured. It is {NOT_CERTIFIED}; it does not see {NOT_SEEN}."


def liveness_as_tables(found: LivenessEvaluation) -> Iterator[Table]:
    """All tables, in the order to read them."""
    threshold = f"{found.rule.model_id}, threshold {found.rule.threshold:.4f} ({found.rule})"
    rows = [_row(found.live, "BPCER"), *(_row(kind, "APCER") for kind in found.attacks)]
    notes = [] if found.attacks else [WITHOUT_ATTACKS]
    reasons = [f"{kind.kind}: {count} x {why}" for kind in (found.live, *found.attacks) for why, count in _few(kind)]
    yield Table(
        f"Liveness on {found.data}",
        ("photos", "measure", "rate", "errors", "of", "95 % interval", "not judged", "median score"),
        tuple(rows),
        (threshold, f"{found.milliseconds:.1f} ms a face", *notes, *reasons, WARNING),
    )
    if found.trade_offs:
        kinds = tuple(kind.kind for kind in found.attacks)
        yield Table(
            "What another threshold would give on these photos",
            ("BPCER", "threshold", *(f"APCER {kind}" for kind in kinds), ""),
            tuple(
                (f"{one.bpcer:g}", f"{one.threshold:.4f}", *(_shown(one.apcer[kind]) for kind in kinds), one.note or "")
                for one in found.trade_offs
            ),
            ("to use one: vultus calibrate --liveness FOLDER --bpcer RATE",),
        )


def liveness_as_json(found: LivenessEvaluation) -> dict[str, Any]:
    """Plain values."""
    rule = found.rule
    return {
        "data": found.data,
        "model_id": rule.model_id,
        "threshold": rule.threshold,
        "rule": {"bpcer": rule.bpcer, "source": rule.source},
        "bpcer": _kind(found.live),
        "apcer": {kind.kind: _kind(kind) for kind in found.attacks},
        "worst_attack": found.worst.kind if found.worst else None,
        "trade_offs": [
            {
                "bpcer": one.bpcer,
                "threshold": one.threshold,
                "apcer": {kind: _rate(rate) for kind, rate in one.apcer.items()},
                "note": one.note,
            }
            for one in found.trade_offs
        ],
        "milliseconds": round(found.milliseconds, 2),
        "notes": [*([] if found.attacks else [WITHOUT_ATTACKS]), WARNING],
        "vultus_version": found.vultus_version,
        "date": found.date,
    }


def render_liveness_report(found: LivenessEvaluation) -> str:
    """The HTML page; it loads nothing from elsewhere."""
    return page(f"Liveness on {found.data}", "\n".join(_body(found)))


def _body(found: LivenessEvaluation) -> Iterator[str]:
    yield f"<h1>Liveness on {escape(found.data)}</h1>"
    yield f'<p class="sub">{escape(f"{found.rule.model_id}; Vultus {found.vultus_version}; {found.date}")}</p>'
    yield f'<p class="lead">{escape(_sentence(found))}</p><p class="lead">{escape(WARNING)}</p>'
    cards = [(percent(found.live.errors.value), f"BPCER: live faces refused, of {found.live.errors.trials:,}")]
    cards += [
        (percent(kind.errors.value), f"APCER of {kind.kind}: taken for live, of {kind.errors.trials:,}")
        for kind in found.attacks
    ]
    shown = "".join(f'<div class="card"><b>{escape(value)}</b><span>{escape(of)}</span></div>' for value, of in cards)
    yield f'<div class="cards">{shown}</div>'
    yield from (section(table) for table in liveness_as_tables(found))
    yield f"<footer>{escape(METHOD)}</footer>"


def _sentence(found: LivenessEvaluation) -> str:
    live, worst = found.live.errors, found.worst
    said = f"Of {live.trials:,} live faces {live.errors:,} were refused"
    if worst is None:
        return f"{said}; {WITHOUT_ATTACKS}."
    high = worst.errors.interval.high
    return (
        f"{said}; of {worst.errors.trials:,} attacks of the worst kind, {worst.kind}, {worst.errors.errors:,} got "
        f"through, and as many as {percent(high)} may."
    )


def _row(kind: KindResult, measure: str) -> tuple[str, ...]:
    rate, of = kind.errors, kind.unanswered
    between = f"{percent(rate.interval.low)} to {percent(rate.interval.high)}"
    median = "" if kind.median is None else f"{kind.median:.4f}"
    value = percent(rate.value) if rate.trials else "not measured"
    return (kind.kind, measure, value, str(rate.errors), str(rate.trials), between, str(of.errors), median)


def _few(kind: KindResult) -> list[tuple[str, int]]:
    return sorted(kind.reasons.items(), key=lambda item: -item[1])[:3]


def _shown(rate: Rate) -> str:
    return f"{percent(rate.value)} ({rate.errors} of {rate.trials})"


def _kind(kind: KindResult) -> dict[str, Any]:
    return {**_rate(kind.errors), "not_judged": _rate(kind.unanswered), "median_score": kind.median}


def _rate(rate: Rate) -> dict[str, Any]:
    interval = rate.interval
    value = rate.value if rate.trials else None
    return {"rate": value, "errors": rate.errors, "trials": rate.trials, "low": interval.low, "high": interval.high}
