"""Measures liveness on scored presentations: APCER by kind of attack, BPCER, and the threshold of a BPCER asked for.

Terms of ISO/IEC 30107-3: APCER, the share of attacks of one kind that are taken for live; BPCER, the share of live
faces that are taken for attacks; APNRR and BPNRR, the shares of either that cannot be judged.
Rates are never averaged over kinds of attack: the worst one counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vultus.errors import InvalidRequest
from vultus.evaluation.intervals import Rate, why_not_claimed
from vultus.evaluation.liveness.presentations import LIVE
from vultus.records.liveness import LivenessRule

BPCERS = (0.005, 0.01, 0.02, 0.05, 0.1)  # at whose thresholds APCER is shown beside the one in use


@dataclass(frozen=True)
class Outcome:
    """What became of one presentation: its score, or why it could not be judged."""

    kind: str
    score: float | None
    reason: str | None = None


@dataclass(frozen=True)
class KindResult:
    """Presentations of one kind. errors: BPCER of live ones, APCER of attacks. unanswered: could not be judged.

    reasons: of those, how many each.
    """

    kind: str
    errors: Rate
    unanswered: Rate
    median: float | None
    reasons: Mapping[str, int]


@dataclass(frozen=True)
class TradeOff:
    """The threshold that gives a BPCER on these live photos, and the APCER of each kind of attack there."""

    bpcer: float
    threshold: float
    apcer: Mapping[str, Rate]
    note: str | None


@dataclass(frozen=True)
class LivenessEvaluation:
    """One evaluation. attacks: by kind; empty where the folder has none. trade_offs: thresholds that could be."""

    data: str
    rule: LivenessRule
    live: KindResult
    attacks: tuple[KindResult, ...]
    trade_offs: tuple[TradeOff, ...]
    milliseconds: float
    vultus_version: str
    date: str

    @property
    def worst(self) -> KindResult | None:
        """The kind of attack that is taken for live most often; None without attacks that were judged."""
        judged = [kind for kind in self.attacks if kind.errors.trials]
        return max(judged, key=lambda kind: kind.errors.value, default=None)


def measure_kinds(outcomes: Sequence[Outcome], threshold: float) -> tuple[KindResult, tuple[KindResult, ...]]:
    """The results of live photos, and of each kind of attack, at a threshold."""
    kinds = dict.fromkeys(one.kind for one in outcomes)
    results = {kind: _of_kind([one for one in outcomes if one.kind == kind], kind, threshold) for kind in kinds}
    return results[LIVE], tuple(result for kind, result in results.items() if kind != LIVE)


def trade_offs(outcomes: Sequence[Outcome]) -> tuple[TradeOff, ...]:
    """At the thresholds that the live photos give for BPCERS, as far as there are enough of them."""
    live = _scores(outcomes, LIVE)
    kinds = [kind for kind in dict.fromkeys(one.kind for one in outcomes) if kind != LIVE]
    found = []
    for bpcer in BPCERS:
        if len(live) * bpcer >= 1:
            threshold = threshold_for(live, bpcer)
            apcer = {kind: _accepted(_scores(outcomes, kind), threshold) for kind in kinds}
            note = why_not_claimed(bpcer, len(live), "BPCER", "live photos")
            found.append(TradeOff(bpcer, threshold, apcer, note))
    return tuple(found)


def threshold_for(live: Sequence[float], bpcer: float) -> float:
    """The highest threshold, rounded down to six decimals, below which at most this share of live scores lie.

    Raises: InvalidRequest when there are too few of them for that share.
    """
    refused = math.floor(len(live) * bpcer * (1 + 1e-9))
    if refused < 1:
        raise InvalidRequest(
            f"{len(live)} live photos that can be judged cannot set a BPCER of {bpcer:g}; use at least "
            f"{math.ceil(1 / bpcer)}, better {math.ceil(3 / bpcer)}"
        )
    return math.floor(sorted(live)[refused] * 1e6) / 1e6


def refused_live(live: Sequence[float], threshold: float) -> int:
    """How many live scores are below a threshold."""
    return sum(score < threshold for score in live)


def _of_kind(outcomes: Sequence[Outcome], kind: str, threshold: float) -> KindResult:
    scores = _scores(outcomes, kind)
    below = refused_live(scores, threshold)
    wrong = below if kind == LIVE else len(scores) - below
    reasons = [one.reason for one in outcomes if one.reason is not None]
    return KindResult(
        kind,
        Rate(wrong, len(scores)),
        Rate(len(outcomes) - len(scores), len(outcomes)),
        sorted(scores)[len(scores) // 2] if scores else None,
        {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)},
    )


def _accepted(scores: Sequence[float], threshold: float) -> Rate:
    return Rate(sum(score >= threshold for score in scores), len(scores))


def _scores(outcomes: Sequence[Outcome], kind: str) -> list[float]:
    return [one.score for one in outcomes if one.kind == kind and one.score is not None]
