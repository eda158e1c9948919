"""The liveness check of one request: what holds for it, its verdicts, and what the audit has of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vultus.errors import InvalidRequest, NotLive
from vultus.records.decisions import Decision
from vultus.records.liveness import LivenessMode, LivenessVerdict
from vultus.records.stored import CollectionPolicies
from vultus.service.context import ServiceContext
from vultus.service.liveness.judging import Frame, LivenessModel, judge, require_live
from vultus.service.policies import NO_POLICIES, USE_OVERRIDE
from vultus.storage.audit import Act

NO_PICTURE = "has no picture that could be judged"


class Judged(Protocol):
    """What was judged, or not."""

    @property
    def liveness(self) -> LivenessVerdict | None: ...


@dataclass(frozen=True)
class LivenessCheck:
    """mode: that holds for the request. model: None where nothing is judged."""

    mode: LivenessMode
    model: LivenessModel | None
    act: Act | None

    def judged(self, *presentations: tuple[str, Sequence[Frame]]) -> tuple[LivenessVerdict, ...]:
        """The verdict on each presentation, a name and its frames; nothing where none are wanted. Needs a compute slot.

        Raises PresentationAttackSuspected, LivenessNotJudged, where live faces are required.
        """
        if self.model is None:
            return ()
        verdicts = tuple(judge(self.model, image, frames) for image, frames in presentations)
        note(self.act, verdicts)  # the audit has them also where the request is refused
        if self.mode == "require":
            for verdict in verdicts:
                require_live(verdict)
        return verdicts


def liveness_check(
    context: ServiceContext,
    asked: LivenessMode | None,
    policies: CollectionPolicies = NO_POLICIES,
    *,
    frames: Sequence[bytes] = (),
) -> LivenessCheck:
    """The check of a request by a photo, before the work. frames: that were sent beside it.

    Raises PolicyLoosened; ModelNotInstalled, ModelInvalid; InvalidRequest for frames that nobody would look at.
    """
    mode = context.effective_liveness(asked, policies)
    if mode == "off" and frames:
        raise InvalidRequest("frames are for liveness alone; send liveness=report or liveness=require, or no frames")
    return LivenessCheck(mode, None if mode == "off" else context.models.liveness(), context.act)


def refuse_without_picture(
    context: ServiceContext, asked: LivenessMode | None, policies: CollectionPolicies, what: str
) -> None:
    """For a request without a photo. what: that it has. Raises InvalidRequest; PolicyLoosened, when a policy requires a
    live face."""
    if asked not in (None, "off"):
        raise InvalidRequest(f"liveness={asked} needs a photo, and {what} {NO_PICTURE}; send img, or liveness=off")
    if policies.liveness == "require":
        context.require_override(
            f"the policy of the collection requires a live face, and {what} {NO_PICTURE}; send a photo, {USE_OVERRIDE}"
        )


def note(act: Act | None, verdicts: Iterable[LivenessVerdict]) -> None:
    """Leave the verdicts to the line of the audit."""
    if act is not None:
        act.decisions = of_liveness(verdicts)


def verdicts_of(accepted: Iterable[Judged], refused: Iterable[Exception]) -> list[LivenessVerdict]:
    """The verdicts on what an enrolment accepted and refused."""
    return [
        *(one.liveness for one in accepted if one.liveness is not None),
        *(refusal.verdict for refusal in refused if isinstance(refusal, NotLive)),
    ]


def of_liveness(verdicts: Iterable[LivenessVerdict]) -> tuple[Decision, ...]:
    """What the audit and the metrics keep of verdicts."""
    return tuple(
        Decision(
            verdict.decision,
            None,
            verdict.score,
            verdict.rule.threshold,
            "liveness",
            verdict.rule.bpcer,
            verdict.rule.model_id,
            chosen=(verdict.chosen,),
        )
        for verdict in verdicts
    )
