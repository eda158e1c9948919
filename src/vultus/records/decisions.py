"""What was decided about a face, as the audit and the metrics keep it: numbers and ids that Vultus made, no names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Decision:
    """One decision and its reasons.

    decision: verified or not_verified of a 1:1 comparison, match, ambiguous or unknown of a search; unreliable of both;
    live, attack or unjudged of a liveness check, whose rule is "liveness", its score and threshold those of liveness,
    expected its BPCER.
    similarity: the cosine of the best comparison, None when there was nothing to compare with; score: as in
    `records.answers.Candidate`. threshold: the cosine that it had to reach. rule: where that came from; expected: the
    error rate that was asked for, None when the threshold was given. face_ids: of the enrolled faces that were
    compared, best first, those of a search up to five. chosen: the place of the face among those of each photo, from 0.
    """

    decision: str
    similarity: float | None
    score: float | None
    threshold: float
    rule: str
    expected: float | None
    model_id: str
    face_ids: tuple[str, ...] = ()
    chosen: tuple[int | None, ...] = ()

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Decision:
        """What `dataclasses.asdict` made of a decision, read from JSON."""
        lists = {name: tuple(stored[name]) for name in ("face_ids", "chosen")}
        return cls(**{**stored, **lists})
