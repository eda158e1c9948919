"""Liveness: whether a photo shows a face or a picture of a face, as a request asks for it and as it is decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LivenessMode = Literal["off", "report", "require"]  # in the order of strictness
LIVENESS_MODES: tuple[LivenessMode, ...] = ("off", "report", "require")
LivenessDecision = Literal["live", "attack", "unjudged"]

# Said wherever liveness is offered.
NOT_SEEN = "good screens and prints, masks, and video that is fed in place of the camera"
NOT_CERTIFIED = "no certified presentation attack detection subsystem (ISO/IEC 30107-3)"


@dataclass(frozen=True)
class LivenessRule:
    """Where a liveness threshold came from.

    threshold: the score, 0..1, at or above which a face counts as live. bpcer: the share of live faces that was to fall
    below it; None where it is not known. source: "card", or "operator" for one by `vultus calibrate --liveness`.
    """

    model_id: str
    threshold: float
    bpcer: float | None
    source: Literal["card", "operator"]

    def __str__(self) -> str:
        rate = "of no stated BPCER" if self.bpcer is None else f"for BPCER {self.bpcer:g}"
        return f"{rate}, {'calibrated here' if self.source == 'operator' else 'of the model card'}"


@dataclass(frozen=True)
class LivenessVerdict:
    """What was decided about one presentation: one picture, or several frames together.

    image: the name of the field. score: the mean over the frames; None where one cannot be judged. reason: of the
    decision, in words. scores: of each frame, the probe first. doubt: why the model is less sure of it than its rates
    say; None where there is nothing to say. chosen: the place of the face among those of the photo.
    """

    image: str
    decision: LivenessDecision
    score: float | None
    rule: LivenessRule
    reason: str
    scores: tuple[float, ...] = ()
    doubt: str | None = None
    chosen: int | None = None
