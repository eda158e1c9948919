"""Liveness: the fields of the calls, and what is answered. Shared by /verify, /find and /enroll."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo

from vultus.records.liveness import NOT_CERTIFIED, NOT_SEEN, LivenessDecision, LivenessMode, LivenessVerdict
from vultus.schemas.field_types import Blank, read_images

MOST_FRAMES = 9  # beside the photo itself: ten in all
SCORE_DIGITS = 6

LIVENESS = (
    "Whether the photo shows a face or a picture of a face: off; report: judged and answered; require: an attack is "
    "refused with 422. Default: the collection's policy, else off. Needs the model minifasnet. It does not see "
    f"{NOT_SEEN}, and is {NOT_CERTIFIED}."
)
FRAMES = (
    f"With liveness: 1 to {MOST_FRAMES} further photos of the same moment beside img; their mean score decides. "
    "The face is compared, and enrolled, by img alone."
)
LIVENESS_OF = "With liveness: which photos are judged. img1 or img2 alone where the other is a document."


def _without_blanks(value: Any) -> Any:
    """A page that shows the form sends a list that nobody filled in as one blank text."""
    return None if isinstance(value, list) and value and all(one == "" for one in value) else value


def _frames(value: Any, info: ValidationInfo) -> list[bytes]:
    sent = len(value) if isinstance(value, list) else 1
    if sent > MOST_FRAMES:
        raise ValueError(f"{sent} frames were sent, at most {MOST_FRAMES} are judged with img; send fewer")
    if not sent:
        raise ValueError("holds no image; leave it out, or send 1 or more")
    return [read_images(one, info)[0] for one in (value if isinstance(value, list) else [value])]


LivenessField = Annotated[LivenessMode | None, Blank]
Frames = Annotated[Annotated[list[bytes], BeforeValidator(_frames)] | None, Blank, BeforeValidator(_without_blanks)]


class LivenessRuleAnswer(BaseModel):
    """Where the threshold comes from."""

    bpcer: float | None = Field(description="The share of live faces below it, as it was measured; null: not known.")
    source: Literal["card", "operator"] = Field(description="operator: set by vultus calibrate --liveness.")


class LivenessAnswer(BaseModel):
    """Whether a face is live."""

    decision: LivenessDecision = Field(description="unjudged: it is too small, cut off or grey, or none was found.")
    score: float | None = Field(description="0..1, higher is live; the mean over the frames. null when unjudged.")
    threshold: float = Field(description="At or above it a face counts as live.")
    rule: LivenessRuleAnswer
    model_id: str
    frames: int = Field(description="How many photos the score is the mean of; 0 when unjudged.")
    scores: list[float] = Field(description="Of img and of each frame.")
    reason: str


class LivenessByImage(BaseModel):
    """null: not judged."""

    img1: LivenessAnswer | None
    img2: LivenessAnswer | None


LIVENESS_ANSWER: Any = Field(
    default=None, exclude_if=lambda value: value is None, description="Absent unless liveness was judged."
)


def liveness_answer(verdict: LivenessVerdict | None) -> LivenessAnswer | None:
    """The answer about one face; None where it was not judged."""
    if verdict is None:
        return None
    rule = verdict.rule
    return LivenessAnswer(
        decision=verdict.decision,
        score=None if verdict.score is None else round(verdict.score, SCORE_DIGITS),
        threshold=round(rule.threshold, SCORE_DIGITS),
        rule=LivenessRuleAnswer(bpcer=rule.bpcer, source=rule.source),
        model_id=rule.model_id,
        frames=len(verdict.scores),
        scores=[round(score, SCORE_DIGITS) for score in verdict.scores],
        reason=verdict.reason,
    )


def liveness_by_image(verdicts: Iterable[LivenessVerdict]) -> LivenessByImage | None:
    """Of a verification; `img`, compared with a subject, is img1. None where none was judged."""
    found = {"img1" if one.image == "img" else one.image: liveness_answer(one) for one in verdicts}
    return LivenessByImage(img1=found.get("img1"), img2=found.get("img2")) if found else None
