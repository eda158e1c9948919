"""Decisions of searches (1:N): what a request asks for, and the answer for one face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vultus.errors import InvalidRequest
from vultus.matching.decision import decide
from vultus.records.answers import Candidate, Identification, Match, SearchDecision, ThresholdRule
from vultus.service.evidence import Evidence, Seen


@dataclass(frozen=True)
class SearchOptions:
    """How many subjects are listed for each face, and the rule of the decision.

    threshold: a cosine similarity; excludes target_fpir (default: the policy's). accept_low_quality: decide on a photo
    that is too bad all the same. Raises InvalidRequest.
    """

    top_k: int = 5
    target_fpir: float | None = None
    threshold: float | None = None
    accept_low_quality: bool = False

    def __post_init__(self) -> None:
        if self.threshold is not None and self.target_fpir is not None:
            raise InvalidRequest("threshold and target_fpir are both given; give one of them")


def identify(
    probe: Seen,
    lines: Sequence[Candidate],
    top_k: int,
    rule: ThresholdRule,
    evidence: Evidence,
) -> Identification:
    """The answer for one face. lines: best first."""
    decision: SearchDecision
    decision, reason = decide(lines, rule)
    undecided = evidence.unreliable if rule.kind != "explicit" else None
    if undecided is not None:
        decision, reason = "unreliable", undecided
    matches = tuple(
        Match(
            line,
            undecided is None and rule.reached(line.similarity, line.score),
            rule.at(line.similarity, line.score).similarity,
        )
        for line in lines[:top_k]
    )
    settled = rule.at(lines[0].similarity, lines[0].score) if lines else rule
    return Identification(
        probe.face,
        probe.quality,
        decision,
        reason,
        evidence.applied(settled),
        matches,
        evidence.beyond,
        more=len(lines) > top_k,
    )
