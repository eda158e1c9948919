"""Judges whether a face of a photo is live: the one entry for whoever has a decoded photo and a face in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from vultus.caller import leave_if_unwanted
from vultus.errors import LivenessNotJudged, PresentationAttackSuspected
from vultus.metrics.stopwatch import stage
from vultus.records.cautions import Caution
from vultus.records.liveness import LivenessDecision, LivenessRule, LivenessVerdict
from vultus.records.seen import RGB, Box, Face
from vultus.vision.detected_photo import DetectedPhoto
from vultus.vision.liveness.unjudged import doubt, why_unjudged

Frame = tuple[DetectedPhoto, Face]
"""A photo, and the face of it that is meant."""


class LivenessModel(Protocol):
    """A loaded liveness model, and the threshold that holds for it."""

    @property
    def rule(self) -> LivenessRule: ...

    @property
    def box_scales(self) -> tuple[float, ...]:
        """How many times the box of the face it looks at."""

    def score(self, pixels: RGB, box: Box) -> float:
        """The probability that the face in this box is live, 0..1. pixels: (H, W, 3) uint8 RGB."""


def judge(model: LivenessModel, image: str, frames: Sequence[Frame]) -> LivenessVerdict:
    """The verdict on one presentation: a photo, or several frames of it. Needs a compute slot.

    image: the name of its field. frames: the probe first. The score is the mean over the frames; where one of them
    cannot be judged, nothing is decided: an attacker could choose which ones count.
    """
    rule, place = model.rule, _place(*frames[0])
    scores: list[float] = []
    doubts: list[str] = []
    for number, (detected, face) in enumerate(frames):
        leave_if_unwanted()
        photograph, near = detected.closer(face)
        why = why_unjudged(photograph.pixels, near, reduction=photograph.reduction)
        if why is not None:
            reason = f"{_name(image, number)} cannot be judged: {why}"
            return LivenessVerdict(image, "unjudged", None, rule, reason, chosen=place)
        with stage("liveness"):
            scores.append(model.score(photograph.pixels, near.box))
        if (said := doubt(photograph.pixels, near, model.box_scales)) is not None:
            doubts.append(f"{_name(image, number)}: {said}")
    score = sum(scores) / len(scores)
    decision: LivenessDecision = "live" if score >= rule.threshold else "attack"
    return LivenessVerdict(
        image, decision, score, rule, _reason(score, rule, len(scores)), tuple(scores), next(iter(doubts), None), place
    )


def require_live(verdict: LivenessVerdict) -> None:
    """Raises PresentationAttackSuspected, LivenessNotJudged, unless the face is live."""
    if verdict.decision == "attack":
        raise PresentationAttackSuspected(
            f"{verdict.image} is taken for a picture of a face, and a live one is required: {verdict.reason}; take a "
            "new photo of the person before the camera, in good light and with room around the head",
            verdict,
        )
    if verdict.decision == "unjudged":
        raise LivenessNotJudged(f"a live face is required, and {verdict.reason}", verdict)


def liveness_cautions(verdicts: Iterable[LivenessVerdict], *, index: int | None = None) -> Iterator[Caution]:
    """What to say of faces that were judged. index: of the photo, where there are several."""
    for verdict in verdicts:
        if verdict.decision == "attack":
            yield Caution("presentation_attack_suspected", verdict.image, verdict.reason, index=index)
        if verdict.decision == "unjudged":
            yield Caution("liveness_not_judged", verdict.image, verdict.reason, index=index)
        if verdict.doubt is not None:
            yield Caution("liveness_uncertain", verdict.image, verdict.doubt, index=index)


def _reason(score: float, rule: LivenessRule, frames: int) -> str:
    what = "the liveness score" if frames == 1 else f"the mean liveness score of {frames} frames"
    return (
        f"{what} {score:.4f} {'reaches' if score >= rule.threshold else 'is below'} the threshold {rule.threshold:.4f}"
    )


def _name(image: str, number: int) -> str:
    return image if number == 0 else f"frames[{number - 1}]"


def _place(detected: DetectedPhoto, face: Face) -> int | None:
    return next((place for place, one in enumerate(detected.faces) if one is face), None)
